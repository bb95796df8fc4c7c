import json
import resource

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.evaluation.index import base
from wrank.evaluation.index.base import FILE, META, recall_against
from wrank.evaluation.index.flat import FlatIndex
from wrank.evaluation.index.hnsw import HnswIndex
from wrank.evaluation.index.ivf import IvfIndex
from wrank.evaluation.ranking import Rankings
from wrank.evaluation.search import LeftOut
from wrank.evaluation.vectors import SHARD_ROWS, InMemory, Vectors, finish, shard_name, shards_of, write_array


def _built(index, world, folder):
    index.build(world.vectors, folder)
    return index.open(folder)


def _left_out(*pairs):
    return LeftOut(np.array(pairs, dtype=np.int64), excluded=len(pairs))


def test_rankings_are_those_of_the_exact_search(clustered, tmp_path):
    left_out = _left_out((0, 3), (0, 4), (2, 5), *((7, row) for row in range(300)))
    found = clustered.found(_built(FlatIndex(), clustered, tmp_path), 100, left_out)
    exact = clustered.exact(100, left_out)
    assert found.rows_QK.tolist() == exact.rows_QK.tolist()
    assert np.abs(found.scores_QK - exact.scores_QK).max() < 1e-6
    assert (found.scores_QK.dtype, found.rows_QK.dtype, found.excluded) == (np.float32, np.int64, 303)


def test_pairs_leave_before_the_cut_off(make_world, tmp_path):
    world = make_world([[1], [1]], [[4], [3], [2], [1]])
    found = world.found(_built(FlatIndex(), world, tmp_path), 2, _left_out((0, 0), (0, 1)))
    assert found.to_dict() == {"q0": {"p2": 2.0, "p3": 1.0}, "q1": {"p0": 4.0, "p1": 3.0}}
    assert world.found(FlatIndex().open(tmp_path), 2, _left_out(*((1, row) for row in range(4))))["q1"] == []


def test_ties_are_broken_by_id_descending(make_world, tmp_path):
    world = make_world([[1], [-1]], [[2], [0], [2], [0]], ["b", "x", "c", "y"])
    found = world.found(_built(FlatIndex(), world, tmp_path), 4)
    assert [passage_id for passage_id, _ in found["q0"]] == ["c", "b", "y", "x"]
    assert [passage_id for passage_id, _ in found["q1"]] == ["y", "x", "c", "b"]
    assert not np.signbit(found.scores_QK[1, :2]).any()  # the -0.0 of -1 x 0


def test_blocks_of_queries_change_nothing(clustered, tmp_path, monkeypatch):
    searcher = _built(FlatIndex(), clustered, tmp_path)
    best_Q = clustered.found(searcher, 1).rows_QK[:, 0]
    left_out = _left_out(*((query, best_Q[query]) for query in (5, 6, 39, 0, 7)), (6, best_Q[7]))
    whole = clustered.found(searcher, 30, left_out)
    monkeypatch.setattr(base, "_BLOCK", 3)
    assert clustered.found(searcher, 30, left_out).rows_QK.tolist() == whole.rows_QK.tolist()


def test_a_corpus_of_fewer_passages_than_ranks(make_world, tmp_path):
    world = make_world([[1]], [[4], [3]])
    searcher = _built(FlatIndex(), world, tmp_path)
    assert world.found(searcher, 9).rows_QK.tolist() == [[0, 1]]
    scores_QK, rows_QK = searcher.search(world.queries_QD, 3)
    assert rows_QK.tolist() == [[0, 1, -1]]
    assert scores_QK.tolist() == [[4.0, 3.0, -np.inf]]


def test_vectors_on_disk_are_streamed(make_world, tmp_path):
    rows = np.random.default_rng(1).normal(size=(20_000, 4)).astype(np.float32)
    for shard in range(shards_of(len(rows))):
        write_array(tmp_path / shard_name(shard), rows[shard * SHARD_ROWS : (shard + 1) * SHARD_ROWS])
    finish(tmp_path, 20_000, 4, "float32", 0)
    steps = []
    FlatIndex().build(Vectors(tmp_path), tmp_path, steps.append)
    assert steps == [16_384, 3_616]
    world = make_world(rows[:5], rows)
    assert world.found(FlatIndex().open(tmp_path), 10).rows_QK.tolist() == world.exact(10).rows_QK.tolist()


def _rankings(*rows, passages=10):
    rows_QK = np.array(rows, dtype=np.int64)
    return Rankings([f"q{place}" for place in range(len(rows))], range(passages), rows_QK, np.zeros(rows_QK.shape))


def test_recall_by_hand():
    exact, found = _rankings([0, 1, 2, 3], [4, 5, -1, -1]), _rankings([1, 7, 2, 0], [5, 9, -1, -1])
    # q0: {1} of {0, 1} and {0, 1, 2} of {0, 1, 2, 3}; q1: {5} of {4, 5}, twice
    assert recall_against(found, exact, [2, 4]) == {"recall@2": 0.5, "recall@4": (3 / 4 + 1 / 2) / 2}


def test_recall_over_some_of_the_queries_finds_them_by_id():
    found, exact = _rankings([1, 2], [3, 4], [5, 6]), _rankings([5, 6])
    exact = Rankings(["q2"], exact.passage_ids, exact.rows_QK, exact.scores_QK)
    assert recall_against(found, exact, [2]) == {"recall@2": 1.0}


def test_recall_knows_no_depth_beyond_the_ranks_kept():
    assert list(recall_against(_rankings([1, 2]), _rankings([1, 2, 3]), [1, 2, 3])) == ["recall@1", "recall@2"]
    small = _rankings([1, 0], passages=2)  # all there are
    assert recall_against(small, small, [100]) == {"recall@100": 1.0}


def test_a_query_without_an_exact_passage_does_not_count():
    assert recall_against(_rankings([1], [2]), _rankings([1], [-1]), [1]) == {"recall@1": 1.0}
    assert recall_against(_rankings([1]), _rankings([-1]), [1]) == {"recall@1": 1.0}


@pytest.mark.parametrize(
    ("found", "depths", "message"),
    [
        (_rankings([1, 2]), [2], "other queries"),
        (_rankings([1, 2], [1, 2], passages=9), [2], "other queries or passages"),
        (_rankings([1, 2], [1, 2]), [2, 0], "depth is 0"),
    ],
)
def test_recall_of_what_does_not_fit_is_refused(found, depths, message):
    with pytest.raises(WrankError, match=message):
        recall_against(found, _rankings([1, 2], [1, 2]), depths)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"query_ids": ["q"]}, "1 ids came with 2 query"),
        ({"query_ids": ["q", "q"]}, "a query id comes twice"),
        ({"passage_ids": ["a"]}, "1 ids came with 2 indexed"),
        ({"queries_QD": np.ones((2, 3), np.float32)}, "have the shape .2, 3., the index has 1"),
        ({"queries_QD": np.array([[1], [np.nan]], np.float32)}, "query row 1 holds NaN"),
        ({"queries_QD": np.array([[1], [3e38]], np.float32)}, "score is not finite"),
    ],
)
def test_bad_questions_are_refused(make_world, tmp_path, change, message):
    world = make_world([[1], [1]], [[4], [3]])
    searcher = _built(FlatIndex(), world, tmp_path)
    given = {"queries_QD": world.queries_QD, "query_ids": ["a", "b"], "passage_ids": ["a", "b"], "ties": world.ties}
    with pytest.raises(WrankError, match=message):
        base.index_rankings(searcher, **({"k": 1} | given | change))


@pytest.mark.parametrize("index", [FlatIndex(), IvfIndex(), HnswIndex()], ids=lambda index: index.name)
@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.zeros((0, 2)), "no vector"),
        (np.array([[0, 1], [np.nan, 1]]), "holds NaN"),
        (np.full((3, 2), np.inf), "NaN or"),
    ],
    ids=["none", "nan", "infinite"],
)
def test_vectors_that_cannot_be_searched_are_refused(index, vectors, message, tmp_path):
    with pytest.raises(WrankError, match=message):
        index.build(InMemory(vectors.astype(np.float32)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_and_leaves_nothing(clustered, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(WrankError, match=r"index\.faiss: cannot be written"):
            FlatIndex().build(clustered.vectors, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def _damage(folder, what):
    if what == "missing":
        (folder / META).unlink()
    elif what == "cut":
        (folder / FILE).write_bytes((folder / FILE).read_bytes()[:-5])
    elif what == "foreign":
        (folder / FILE).write_bytes(b"x" * (folder / FILE).stat().st_size)
    else:
        meta = json.loads((folder / META).read_text())
        (folder / META).write_text(json.dumps(meta | {"rows": 7}))


@pytest.mark.parametrize(
    ("what", "message"),
    [("missing", "no index"), ("cut", "bytes, wanted"), ("foreign", "cannot read it"), ("rows", "other vectors")],
)
def test_a_damaged_index_is_refused(clustered, tmp_path, what, message):
    FlatIndex().build(clustered.vectors, tmp_path)
    _damage(tmp_path, what)
    with pytest.raises(WrankError, match=f"{message}.*made again"):
        FlatIndex().open(tmp_path)


def test_an_index_built_with_other_parameters_is_refused(clustered, tmp_path):
    IvfIndex(lists=4).build(clustered.vectors, tmp_path)
    with pytest.raises(WrankError, match=r"'lists': 4.*wanted.*'lists': 5"):
        IvfIndex(lists=5).open(tmp_path)
    assert IvfIndex(lists=4, probes=2).open(tmp_path)  # which needs no other files
    with pytest.raises(WrankError, match="no index"):
        HnswIndex().open(tmp_path)


def test_identity_holds_what_decides_and_the_version():
    identity = IvfIndex(lists=4).identity()
    assert json.loads(json.dumps(identity)) == identity
    assert {key: identity[key] for key in ("index", "lists", "probes")} == {"index": "ivf", "lists": 4, "probes": 32}
    assert identity["faiss"].count(".") >= 1
    assert IvfIndex(probes=1).identity() != IvfIndex(probes=2).identity()
    assert IvfIndex(probes=1).build_identity() == IvfIndex(probes=2).build_identity()
    assert IvfIndex(seed=1).build_identity() != IvfIndex(seed=2).build_identity()
