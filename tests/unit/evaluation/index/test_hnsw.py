import pytest
import torch

from wrank.errors import WrankError
from wrank.evaluation.index.base import FILE, recall_against
from wrank.evaluation.index.hnsw import HnswIndex
from wrank.evaluation.index.library import library
from wrank.evaluation.vectors import InMemory


def _recall(index, world, folder):
    index.build(world.vectors, folder)
    return recall_against(world.found(index.open(folder), 10), world.exact(10), [10])["recall@10"]


def test_the_option_makes_it(option):
    assert option("hnsw") == HnswIndex()


def test_a_good_graph_finds_more_than_a_poor_one(clustered, tmp_path):
    poor = _recall(HnswIndex(neighbours=2, build_candidates=2, candidates=1), clustered, tmp_path)
    assert poor < 0.5 < 0.95 < _recall(HnswIndex(), clustered, tmp_path)


def test_more_candidates_find_more_in_the_same_graph(clustered, tmp_path):
    index = HnswIndex(neighbours=2, build_candidates=2, candidates=1)
    few = _recall(index, clustered, tmp_path)
    more = HnswIndex(neighbours=2, build_candidates=2, candidates=200).open(tmp_path)
    assert recall_against(clustered.found(more, 10), clustered.exact(10), [10])["recall@10"] > few


@pytest.mark.parametrize(("repeatable", "threads"), [(True, 1), (False, 2)])
def test_a_repeatable_graph_is_built_by_one_thread(clustered, tmp_path, monkeypatch, repeatable, threads):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    seen = []

    class Watched(InMemory):
        def chunk(self, start, stop):
            seen.append(library().omp_get_max_threads())
            return super().chunk(start, stop)

    HnswIndex(repeatable=repeatable).build(Watched(clustered.passages_ND), tmp_path)
    assert seen == [threads]
    assert library().omp_get_max_threads() == 2  # what follows may use them again


def test_a_repeatable_graph_is_the_same_each_time(clustered, tmp_path):
    contents = set()
    for _ in range(3):
        HnswIndex().build(clustered.vectors, tmp_path)
        contents.add((tmp_path / FILE).read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"neighbours": 1}, "neighbours is 1"),
        ({"build_candidates": 0}, "index.build_candidates is 0"),
        ({"candidates": "all"}, "index.candidates is 'all'"),
    ],
)
def test_values_out_of_range_are_refused(values, message):
    with pytest.raises(WrankError, match=message):
        HnswIndex(**values)
