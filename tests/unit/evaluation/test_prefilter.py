import numpy as np
import pytest
import torch

from wrank.errors import WrankError
from wrank.evaluation import prefilter as module
from wrank.evaluation import search as search_module
from wrank.evaluation.best import score_of
from wrank.evaluation.prefilter import Sizes, kept, product_format, scores_of
from wrank.evaluation.ranking import Ties
from wrank.evaluation.search import LeftOut, merged, top_keys
from wrank.evaluation.vectors import InMemory, Vectors, finish, narrowed, shard_name, write_array

FORMATS = [torch.float32, torch.bfloat16]


@pytest.fixture(params=FORMATS, ids=["float32", "bfloat16"])
def dtype(request, monkeypatch):
    """Both formats of the products, whatever the processor."""
    monkeypatch.setattr(search_module, "product_format", lambda device: request.param)
    return request.param


@pytest.fixture
def again(monkeypatch):
    """How many queries went through the corpus again."""
    counts = []
    whole = search_module._Job.settle
    monkeypatch.setattr(
        search_module._Job,
        "settle",
        lambda self, q, rows, *more: counts.append(len(rows)) or whole(self, q, rows, *more),
    )
    return counts


def _normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _fixed(queries_QD, passages_ND):
    """The definition, written another way: NumPy, one query at a time, columns padded to a power of two."""
    rows = []
    for query in queries_QD:
        width = 1 << (passages_ND.shape[1] - 1).bit_length()
        sums = np.zeros((len(passages_ND), width), np.float32)
        sums[:, : passages_ND.shape[1]] = passages_ND * query
        while width > 1:
            width //= 2
            sums = sums[:, :width] + sums[:, width:]
        rows.append(sums[:, 0] + np.float32(0))
    return np.stack(rows)


def _wanted(scores_QN, rank_N, k):
    """Rows and scores by sorting everything."""
    order = np.stack([np.lexsort((rank_N, -row.astype(np.float64)))[:k] for row in scores_QN])
    return order, np.take_along_axis(scores_QN, order, axis=1)


def _check(queries, passages, k, **settings):
    """Searches and compares with the definition; returns the keys."""
    order = np.random.default_rng(9).permutation(len(passages)).astype(np.int32)
    ties = Ties.of_order(order)
    vectors = InMemory(passages) if isinstance(passages, np.ndarray) else passages
    keys = top_keys(queries, vectors, ties, k=k, **settings)
    rows, scores = _wanted(_fixed(queries, vectors.chunk(0, len(vectors))), ties.rank_N, k)
    found = ties.order_N[2**32 - 1 - (keys & (2**32 - 1))]
    assert found.tolist() == rows.tolist()
    assert score_of(torch.from_numpy(keys)).numpy().tobytes() == scores.tobytes()
    return keys


@pytest.mark.parametrize("dimension", [1, 2, 3, 24, 384])
def test_the_score_is_the_same_sum_whatever_comes_with_it(dimension):
    queries, passages = _normal(0, 7, dimension), _normal(1, 50, dimension)
    wanted = _fixed(queries, passages)
    for width in (1, 3, 50):
        for row in range(7):
            for first in range(0, 50, width):
                part = torch.from_numpy(passages[first : first + width])
                found = scores_of(torch.from_numpy(queries[row]).expand(len(part), -1), part) + 0.0
                assert found.numpy().tobytes() == wanted[row, first : first + width].tobytes()
    assert np.abs(wanted - queries.astype(np.float64) @ passages.T.astype(np.float64)).max() < 1e-4


@pytest.mark.parametrize("k", [1, 10, 700, 3000, 4000])
def test_finds_what_sorting_all_scores_finds(dtype, again, k):
    _check(_normal(2, 9, 64), _normal(3, 3000, 64), k)
    assert not again  # k = 700 of 3,000 as well: the bound is small enough


@pytest.mark.parametrize("dimension", [3, 64])
def test_ties_of_copies_follow_the_rule(dtype, again, dimension):
    """Each vector stands at 700 rows, in no order: every cut-off is a tie wider than what is kept."""
    passages = np.random.default_rng(4).permutation(np.tile(_normal(5, 5, dimension), (700, 1)))
    _check(_normal(6, 4, dimension), passages, 100)
    assert again == [4]


def test_a_constant_scorer_gives_the_order_of_the_ids(dtype, again):
    keys = _check(np.ones((3, 24), np.float32), np.full((2500, 24), 0.3, np.float32), 50)
    assert len(np.unique(keys >> 32)) == 1
    assert again == [3]


def test_scores_closer_than_bfloat16_can_tell(dtype, again):
    """All passages nearly the same: products in bfloat16 are few numbers, and choose at random among 5,000."""
    passages = 1 + 1e-4 * _normal(7, 5000, 32)
    _check(1 + 0.1 * _normal(8, 5, 32), passages, 20)
    assert again == ([5] if dtype == torch.bfloat16 else [1])


def test_scores_closer_than_float32_products_can_tell(dtype, again):
    """Sums that cancel: the order of the additions decides, and only the definition's one counts."""
    passages = np.tile(_normal(10, 1, 64) * 1e4, (3000, 1)) + 1e-3 * _normal(11, 3000, 64)
    query = _normal(12, 1, 64)
    query -= passages[:1] * (query @ passages[0]) / (passages[0] @ passages[0])
    _check(query, passages, 30)
    assert again == [1]


@pytest.mark.parametrize(("ours", "theirs"), [(1e-30, 1e-30), (1e-25, 1e20), (1e18, 1e-40), (1e10, 1e10), (1e-44, 1)])
def test_huge_and_tiny_numbers(dtype, ours, theirs):
    """Products that vanish, squares that vanish or overflow, numbers that some processors take for 0."""
    _check((ours * _normal(13, 3, 16)).astype(np.float32), (theirs * _normal(14, 600, 16)).astype(np.float32), 9)


def test_numbers_whose_squares_are_infinite_are_searched(dtype, again):
    queries, passages = np.float32([[1e-3, 1e-3]]), (1e37 * _normal(15, 400, 2)).astype(np.float32)
    _check(queries, passages, 5)
    assert again == [1]


def test_one_long_passage_among_short_ones(dtype):
    passages = _normal(16, 3000, 48)
    passages[777] *= 1e4
    _check(_normal(17, 6, 48), passages, 12)


@pytest.mark.parametrize(("place", "value"), [(0, np.nan), (2999, np.inf), (1500, -np.inf)])
@pytest.mark.parametrize("side", ["query", "passage"])
def test_a_number_that_is_not_finite_is_an_error(dtype, place, value, side):
    queries, passages = _normal(18, 3000, 8), _normal(19, 3000, 8)
    (queries if side == "query" else passages)[place, 5] = value
    with pytest.raises(WrankError, match="not finite"):
        top_keys(queries, InMemory(passages), Ties.of_order(np.arange(3000, dtype=np.int32)), k=3)


def test_a_sum_that_overflows_is_an_error():
    with pytest.raises(WrankError, match="not finite"):
        scores_of(torch.full((1, 2), 1e20), torch.full((1, 2), 3e18))


def test_chunks_parts_queries_and_formats_change_no_bit(monkeypatch):
    """Passages with many copies, so that parts and chunks cut through ties, and some queries go through twice."""
    passages = np.random.default_rng(20).permutation(np.tile(_normal(21, 900, 40), (7, 1)))
    passages[:2500] = passages[0]
    queries = _normal(22, 140, 40)
    gone = LeftOut(np.stack([np.arange(140), np.arange(140) * 40], axis=1))
    ties = Ties.of_order(np.random.default_rng(23).permutation(len(passages)).astype(np.int32))
    found = set()
    for dtype in FORMATS:
        monkeypatch.setattr(search_module, "product_format", lambda device, dtype=dtype: dtype)
        for chunk in (1, 3000, 16384):
            found.add(top_keys(queries, InMemory(passages), ties, k=30, left_out=gone, chunk=chunk).tobytes())
        for part in (1024, 4096):
            parts = [
                top_keys(queries, InMemory(passages), ties, k=30, left_out=gone, start=at, stop=at + part)
                for at in range(0, len(passages), part)
            ]
            found.add(merged(parts, 30).tobytes())
        alone = [
            top_keys(
                queries[row : row + 1], InMemory(passages), ties, k=30, left_out=LeftOut(gone.pairs_P2[row] * [[0, 1]])
            )
            for row in range(140)
        ]
        found.add(np.concatenate(alone).tobytes())
        monkeypatch.setattr(search_module, "QUERY_BLOCK", 128)
        found.add(top_keys(queries, InMemory(passages), ties, k=30, left_out=gone).tobytes())
        monkeypatch.setattr(search_module, "QUERY_BLOCK", 1024)
    assert len(found) == 1


@pytest.mark.parametrize("storage", ["float16", "bfloat16", "float32"])
def test_shards_are_read_again(dtype, tmp_path, storage):
    passages = _normal(24, 5000, 16)
    for shard in range(2):
        rows = torch.from_numpy(passages[shard * 4096 : (shard + 1) * 4096])
        write_array(tmp_path / shard_name(shard), narrowed(rows, storage))
    finish(tmp_path, 5000, 16, storage, 0)
    _check(_normal(25, 8, 16), Vectors(tmp_path), 100)


def test_where_no_query_is_certain_all_go_through_again(dtype, again, monkeypatch):
    whole = Sizes.error
    monkeypatch.setattr(Sizes, "error", lambda self, *more: whole(self, *more) + 1e3)
    _check(_normal(26, 5, 12), _normal(27, 2000, 12), 7)
    assert again == [5]


def test_products_that_are_further_off_than_the_bound_are_noticed(again, monkeypatch):
    """A library that adds up in bfloat16, say."""
    monkeypatch.setattr(search_module, "product_format", lambda device: torch.bfloat16)
    monkeypatch.setattr(Sizes, "error", lambda self, queries, dtype: torch.zeros(len(queries), 1, dtype=torch.float64))
    monkeypatch.setattr(module, "_rounding", lambda dtype: 0.0)
    top_keys(_normal(28, 5, 12), InMemory(_normal(29, 2000, 12)), Ties.of_order(np.arange(2000, dtype=np.int32)), k=7)
    assert again == [5]


@pytest.mark.parametrize("in_order", [False, True])
def test_a_first_guess_from_a_sample_changes_nothing(dtype, again, monkeypatch, in_order):
    """Also one that is far too high, as every sampled row is among the best: then fewer than k are kept."""
    monkeypatch.setattr(module, "_SAMPLE", 2048)
    begun = []
    whole = module.Best.start_at
    monkeypatch.setattr(module.Best, "start_at", lambda self, *more: begun.append(whole(self, *more)))
    queries, passages = np.abs(_normal(30, 6, 20)), _normal(31, 40_000, 20)
    if in_order:
        passages[np.arange(0, 40_000, 40_000 // 2048)] += 3
    _check(queries, passages, 100 if in_order else 20)
    assert bool(again) == in_order
    _check(queries, passages, 1000)
    assert begun


def test_a_guess_that_is_too_high_is_noticed(dtype, again, monkeypatch):
    monkeypatch.setattr(module, "_SAMPLE", 2048)
    monkeypatch.setattr(module.Best, "start_at", lambda self, sample, rank: self._raise_to(torch.full((6, 1), 1e4)))
    _check(_normal(32, 6, 20), _normal(33, 40_000, 20), 20)
    assert again == [6]


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("scale", [1e-25, 1e-12, 1.0, 1e6])
@pytest.mark.parametrize("dimension", [1, 7, 384, 1024])
def test_products_lie_within_the_bound(dtype, scale, dimension):
    """Also where the bound is nearly reached: what is lost points the same way in every number."""
    spread = torch.from_numpy(_normal(34, 256, dimension))
    same_way = torch.full((256, dimension), 1 + 2.0**-8)
    for queries, passages in ((spread, spread * scale), (same_way, same_way * scale), (spread * scale, same_way)):
        sizes = Sizes(dtype, dimension)
        factors, _ = sizes.see(passages)
        products = torch.mm(queries.to(dtype), factors.T).double()
        reach = sizes.error(queries, dtype) + module._rounding(dtype) * products.abs()
        exact = queries.double() @ passages.double().T
        fixed = scores_of(queries.repeat_interleave(256, 0), passages.repeat(256, 1)).view(256, 256).double()
        assert ((products - exact).abs() <= reach).all()
        assert ((products - fixed).abs() <= reach).all()
        size = queries.double().norm(dim=1)[:, None] * passages.double().norm(dim=1).max()
        assert (
            scale < 1e-12 or (reach <= (2.0**-6 if dtype == torch.bfloat16 else 1e-3) * size).all()
        )  # and it says something


def test_pairs_left_out_stay_out_where_every_pair_is_summed(dtype, again):
    """Squares that are infinite: the bound is as well, and excludes nothing."""
    passages = (1e37 * _normal(35, 2000, 2)).astype(np.float32)
    gone, ties = np.array([[0, row] for row in range(1500)]), Ties.of_order(np.arange(2000, dtype=np.int32))
    keys = top_keys(np.float32([[1e-3, 1e-3]]), InMemory(passages), ties, k=5, left_out=LeftOut(gone))
    assert again == [1]
    assert (2**32 - 1 - (keys & (2**32 - 1)) >= 1500).all()


def test_pairs_left_out_stay_out_where_some_queries_go_through_again(dtype, again):
    passages = np.zeros((3000, 2), np.float32)
    passages[:2000, 1] = 1
    passages[2000:, 0] = np.arange(1, 1001)
    ties = Ties.of_order(np.arange(3000, dtype=np.int32))
    gone = LeftOut(np.array([[1, row] for row in range(10)] + [[0, 2999]]))
    keys = top_keys(np.float32([[1, 0], [0, 1], [1, 0]]), InMemory(passages), ties, k=3, left_out=gone)
    assert again == [1]
    assert (2**32 - 1 - (keys & (2**32 - 1))).tolist() == [[2998, 2997, 2996], [10, 11, 12], [2999, 2998, 2997]]


def test_negative_scores_are_settled_at_once(dtype, again):
    """The greatest of a group is the one nearest to 0."""
    _check(-np.abs(_normal(36, 3, 24)), np.abs(_normal(37, 6000, 24)), 5)
    assert not again


def test_only_a_cpu_with_tiles_multiplies_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    assert product_format("cpu") == torch.bfloat16
    assert product_format("cuda:0") == torch.float32
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert product_format("cpu") == torch.float32
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert product_format("cpu") == torch.float32
    for k in (1, 100, 1000):
        assert kept(k, torch.float32) > k < kept(k, torch.bfloat16)
