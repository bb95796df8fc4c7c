import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from wrank.errors import WrankError
from wrank.evaluation import search as search_module
from wrank.evaluation.ranking import in_order
from wrank.evaluation.search import search


def _vectors(*rows):
    return np.array(rows, dtype=np.float32)


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
    monkeypatch.setattr(search_module, "PASSAGE_BLOCK", 4)
    monkeypatch.setattr(search_module, "QUERY_BLOCK", 2)
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
    passages = np.tile(random.normal(size=(601, dimension)).astype(np.float32), (5, 1))
    queries = random.normal(size=(70, dimension)).astype(np.float32)
    ids = [f"p{row}" for row in range(len(passages))]
    names = [f"q{row}" for row in range(len(queries))]
    whole = search(queries, passages, names, ids, k=100, chunk=10_000)
    assert (whole.scores_QK[:, 0] == whole.scores_QK[:, 4]).all()
    for chunk in (1, 1025, 2048):
        _same(search(queries, passages, names, ids, k=100, chunk=chunk), whole)


def test_every_product_has_one_shape_whatever_the_chunk():
    """Kernels add up in an order that depends on the shape (seen here: 1 query against 64), so there is one shape."""
    shapes = set()

    class Products(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            if "matmul" in function.__name__:
                shapes.add((tuple(args[0].shape), tuple(args[1].shape)))
            return function(*args, **(kwargs or {}))

    passages = np.ones((2500, 3), np.float32)
    with Products():
        for queries in (1, 70):
            for chunk in (1, 2000, 9000):
                vectors = np.ones((queries, 3), np.float32)
                search(vectors, passages, list(map(str, range(queries))), list(map(str, range(2500))), k=1, chunk=chunk)
    assert shapes == {((64, 3), (3, 1024))}


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
    excluded = {"q": {"a", "not in the corpus"}, "other": {"b"}}
    result = search(queries, passages, ["q", "r"], ["a", "b", "c"], k=2, excluded=excluded)
    assert result.to_dict() == {"q": {"b": 2.0, "c": 1.0}, "r": {"a": 3.0, "b": 2.0}}
    assert (result.excluded, result.dropped_self) == (1, 0)


def test_the_query_itself_leaves_only_when_asked():
    queries, passages = _vectors([1], [1]), _vectors([3], [2], [1])
    kept = search(queries, passages, ["a", "x"], ["a", "b", "c"], k=1)
    assert kept.to_dict() == {"a": {"a": 3.0}, "x": {"a": 3.0}}
    dropped = search(queries, passages, ["a", "x"], ["a", "b", "c"], k=1, drop_self=True)
    assert dropped.to_dict() == {"a": {"b": 2.0}, "x": {"a": 3.0}}
    assert (dropped.excluded, dropped.dropped_self) == (0, 1)


def test_a_ranking_shortened_by_exclusion_ends_early():
    result = search(_vectors([1]), _vectors([3], [2]), ["q"], ["a", "b"], k=2, excluded={"q": {"a"}})
    assert result.to_dict() == {"q": {"b": 2.0}}
    assert result.rows_QK.tolist() == [[1, -1]]
    assert result.scores_QK.tolist() == [[2.0, -np.inf]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"chunk": 0}, "chunk is 0"),
        ({"passage_ids": ["a", "a"]}, "'a' comes twice"),
        ({"passage_ids": ["a"]}, "1 passage ids came with passage vectors of shape"),
        ({"queries_QD": np.ones((1, 3), np.float32)}, "query vectors have 3 dimensions, passage vectors 1"),
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
