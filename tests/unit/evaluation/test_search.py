import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from wrank.errors import WrankError
from wrank.evaluation import best as best_module
from wrank.evaluation import search as search_module
from wrank.evaluation.ranking import Ties, in_order
from wrank.evaluation.search import LeftOut, merged, to_rankings, top_keys
from wrank.evaluation.search import search as search_vectors
from wrank.evaluation.vectors import InMemory


def _vectors(*rows):
    return np.array(rows, dtype=np.float32)


def search(queries_QD, passages_ND, query_ids, passage_ids, **settings):
    return search_vectors(queries_QD, InMemory(passages_ND), query_ids, passage_ids, **settings)


def _left_out(*pairs, excluded=0, dropped_self=0):
    return LeftOut(np.array(pairs, dtype=np.int64), excluded, dropped_self)


def _same(left, right):
    assert left.rows_QK.tolist() == right.rows_QK.tolist()
    assert left.scores_QK.tobytes() == right.scores_QK.tobytes()


def test_ranks_by_dot_product():
    result = search(_vectors([1, 0], [0, 2]), _vectors([1, 5], [2, 3], [3, 1]), ["q", "r"], ["a", "b", "c"], k=2)
    assert result.to_dict() == {"q": {"c": 3.0, "b": 2.0}, "r": {"a": 10.0, "b": 6.0}}


def test_a_tie_at_the_cut_off_keeps_the_greater_id():
    ids = ["10", "9", "b", "a"]
    result = search(_vectors([1.0]), _vectors([1], [1], [1], [2]), ["q"], ids, k=3)
    assert list(result.to_dict()["q"]) == ["a", "b", "9"]


def test_negative_zero_ties_with_zero():
    result = search(_vectors([1.0]), _vectors([0.0], [-0.0]), ["q"], ["a", "b"], k=2)
    assert list(result.to_dict()["q"]) == ["b", "a"]


def test_k_beyond_the_corpus_ranks_the_corpus():
    result = search(_vectors([1.0]), _vectors([1], [2]), ["q"], ["a", "b"], k=1000)
    assert result.to_dict() == {"q": {"b": 2.0, "a": 1.0}}


@pytest.mark.parametrize("chunk", [1, 4, 5, 8, 12, 100])
def test_chunks_do_not_change_ties(monkeypatch, chunk):
    """Scores 0..2 over 50 passages: ties at every cut-off and on both sides of every chunk's border."""
    for module in (search_module, best_module):
        monkeypatch.setattr(module, "PASSAGE_BLOCK", 4)
    monkeypatch.setattr(search_module, "QUERY_BLOCK", 2)
    monkeypatch.setattr(search_module, "_ROUND", 1)
    monkeypatch.setattr(best_module, "GROUP", 2)
    monkeypatch.setattr(best_module, "_SCORES", 16)
    monkeypatch.setattr(best_module, "_LEAST_WAITING", 3)
    random = np.random.default_rng(0)
    values = random.integers(-1, 2, size=50)
    ids = [str(number) for number in random.permutation(50)]
    for k in (1, 7, 20, 50, 60):
        queries = _vectors([1], [-1], [0])
        result = search(queries, values[:, None].astype(np.float32), ["q", "r", "s"], ids, k=k, chunk=chunk)
        for ranking, sign in zip(result.values(), (1, -1, 0), strict=True):
            wanted = in_order({name: float(sign * value) for name, value in zip(ids, values, strict=True)})
            assert ranking == wanted[:k]


@pytest.mark.parametrize("dimension", [33, 384])
def test_chunks_do_not_change_the_last_bit_of_real_products(dimension):
    """Each vector stands at 5 rows, so that ties are made of real float32 products, in the real block sizes."""
    random = np.random.default_rng(1)
    passages = np.tile(random.normal(size=(2401, dimension)).astype(np.float32), (5, 1))
    queries = random.normal(size=(70, dimension)).astype(np.float32)
    ids = [f"p{row}" for row in range(len(passages))]
    names = [f"q{row}" for row in range(len(queries))]
    whole = search(queries, passages, names, ids, k=100, chunk=10_000)
    assert (whole.scores_QK[:, 0] == whole.scores_QK[:, 4]).all()
    for chunk in (1, 4097, 8192):
        _same(search(queries, passages, names, ids, k=100, chunk=chunk), whole)


def test_every_product_of_a_number_of_queries_has_one_shape_whatever_the_chunk():
    """Kernels add up in an order that depends on the shape (seen here: 1 query against 64), so there is one shape."""
    shapes = set()

    class Products(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            if function.__name__ in ("mm", "matmul"):
                shapes.add((tuple(args[0].shape), tuple(args[1].shape)))
            return function(*args, **(kwargs or {}))

    passages = np.ones((10_000, 3), np.float32)
    with Products():
        for queries in (1, 140):
            for chunk in (1, 8000, 20_000):
                vectors, ids = np.ones((queries, 3), np.float32), list(map(str, range(10_000)))
                search(vectors, passages, list(map(str, range(queries))), ids, k=1, chunk=chunk)
    assert shapes == {((128, 3), (3, 1024)), ((256, 3), (3, 1024))}  # 1 and 140 queries


@pytest.mark.parametrize("part", [4096, 8192, 12_288])
def test_parts_joined_are_one_search_bit_for_bit(part):
    """Each vector stands at 5 rows, so that ties cross the borders of the parts."""
    random = np.random.default_rng(3)
    passages = InMemory(np.tile(random.normal(size=(2500, 24)).astype(np.float32), (5, 1)))
    queries = random.normal(size=(130, 24)).astype(np.float32)
    ids = [str(row) for row in random.permutation(len(passages))]
    ties, gone = Ties.of(ids), _left_out((0, 3), (0, 9000), (129, 12_499))
    whole = top_keys(queries, passages, ties, k=40, left_out=gone)
    parts = [
        top_keys(queries, passages, ties, k=40, left_out=gone, start=at, stop=at + part)
        for at in range(0, len(passages), part)
    ]
    assert merged(parts, 40).tobytes() == whole.tobytes()
    names = [f"q{row}" for row in range(130)]
    rankings = to_rankings(whole, names, ids, ties, gone)
    assert ids[9000] not in rankings.to_dict()["q0"]


def test_keys_of_short_parts_are_joined_to_the_whole_depth():
    """A part with fewer passages than k, and one in which all are left out."""
    ties, passages = Ties.of_order(np.arange(3, dtype=np.int32)), InMemory(_vectors([1], [3], [2]))
    keys = top_keys(_vectors([1]), passages, ties, k=3, left_out=_left_out((0, 0)))
    found = to_rankings(keys, ["q"], ["a", "b", "c"], ties, _left_out((0, 0)))
    assert found.to_dict() == {"q": {"b": 3.0, "c": 2.0}}


def test_many_good_passages_at_the_end_are_all_found():
    """Scores rise with the row: every chunk replaces all that was kept."""
    passages = np.arange(1, 30_001, dtype=np.float32)[:, None]
    ids = [f"{row:05d}" for row in range(30_000)]
    result = search(_vectors([1], [-1]), passages, ["up", "down"], ids, k=700, chunk=4096)
    assert list(result.to_dict()["up"]) == ids[::-1][:700]
    assert list(result.to_dict()["down"]) == ids[:700]


def test_a_query_ranks_the_same_alone_and_among_others():
    random = np.random.default_rng(2)
    passages = random.normal(size=(300, 384)).astype(np.float32)
    queries = random.normal(size=(70, 384)).astype(np.float32)
    ids = [str(row) for row in range(300)]
    every = search(queries, passages, ids[:70], ids, k=50)
    alone = search(queries[69:], passages, ["69"], ids, k=50)
    assert alone.rows_QK[0].tolist() == every.rows_QK[69].tolist()
    assert alone.scores_QK[0].tobytes() == every.scores_QK[69].tobytes()


def test_scores_are_float32_whatever_the_training_has_set():
    """bfloat16 has 8 bits: 1 + 1/512 is 1 there, and a and b would tie."""
    queries, passages = np.ones((1, 64), np.float32), np.ones((2, 64), np.float32)
    passages[0] += 1 / 512
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            result = search(queries, passages, ["q"], ["a", "b"], k=2)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert result.to_dict() == {"q": {"a": 64.125, "b": 64.0}}


def test_excluded_pairs_leave_before_the_cut_off():
    queries, passages = _vectors([1], [1]), _vectors([3], [2], [1])
    gone = _left_out((0, 0), excluded=1)
    result = search(queries, passages, ["q", "r"], ["a", "b", "c"], k=2, left_out=gone)
    assert result.to_dict() == {"q": {"b": 2.0, "c": 1.0}, "r": {"a": 3.0, "b": 2.0}}
    assert (result.excluded, result.dropped_self) == (1, 0)


def test_a_ranking_shortened_by_exclusion_ends_early():
    result = search(_vectors([1]), _vectors([3], [2]), ["q"], ["a", "b"], k=2, left_out=_left_out((0, 0)))
    assert result.to_dict() == {"q": {"b": 2.0}}
    assert result.rows_QK.tolist() == [[1, -1]]
    assert result.scores_QK.tolist() == [[2.0, -np.inf]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"chunk": 0}, "chunk is 0"),
        ({"passage_ids": ["a", "a"]}, "'a' comes twice"),
        ({"passage_ids": ["a"]}, "1 passage ids came with 2 passage vectors"),
        ({"queries_QD": np.ones((1, 3), np.float32)}, r"shape \(1, 3\), passage vectors 1 dim"),
        ({"query_ids": ["q", "q"], "queries_QD": _vectors([1], [1])}, "query id comes twice"),
        ({"passages_ND": _vectors([np.nan], [1])}, "not finite"),
        ({"passages_ND": _vectors([3e38], [1]), "queries_QD": _vectors([2])}, "not finite"),
    ],
)
def test_bad_input_is_an_error(change, message):
    given = {
        "queries_QD": _vectors([1]),
        "passages_ND": _vectors([1], [2]),
        "query_ids": ["q"],
        "passage_ids": ["a", "b"],
        "k": 1,
    }
    with pytest.raises(WrankError, match=message):
        search(**(given | change))


def test_no_query_and_no_passage_are_no_error():
    assert len(search(np.zeros((0, 2), np.float32), _vectors([1, 2]), [], ["a"], k=3)) == 0
    empty = search(_vectors([1, 2]), np.zeros((0, 2), np.float32), ["q"], [], k=3)
    assert empty.to_dict() == {"q": {}}
