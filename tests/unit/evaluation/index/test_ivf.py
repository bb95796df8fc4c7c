import json

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.evaluation.index.base import FILE, META, recall_against
from wrank.evaluation.index.ivf import IvfIndex
from wrank.evaluation.vectors import InMemory


def _recall(index, world, folder, depth=10):
    index.build(world.vectors, folder)
    return recall_against(world.found(index.open(folder), depth), world.exact(depth), [depth])[f"recall@{depth}"]


def test_the_option_makes_it(option):
    assert option("ivf") == IvfIndex()


def test_looking_at_every_list_loses_nothing_and_at_few_loses_some(clustered, tmp_path):
    recalls = [_recall(IvfIndex(lists=60, probes=probes), clustered, tmp_path) for probes in (1, 3, 60)]
    assert 0.3 < recalls[0] < recalls[1] < recalls[2] == 1.0


def test_a_list_too_short_gives_a_shorter_ranking(clustered, tmp_path):
    index = IvfIndex(lists=20, probes=1)
    index.build(clustered.vectors, tmp_path)
    found = clustered.found(index.open(tmp_path), 1000)
    assert (found.rows_QK[:, 0] >= 0).all()
    assert (found.rows_QK[:, -1] == -1).all()
    assert ((found.rows_QK == -1) == np.isneginf(found.scores_QK)).all()
    assert 0 < len(found["q0"]) < 1000


def test_it_is_the_same_for_the_same_seed_only(clustered, tmp_path):
    contents = []
    for seed in (0, 0, 1):
        IvfIndex(lists=5, sample=1500, seed=seed).build(clustered.vectors, tmp_path)
        contents.append((tmp_path / FILE).read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_only_the_sample_is_learnt_from(clustered, tmp_path):
    asked = []

    class Watched(InMemory):
        def rows(self, rows):
            asked.append(rows.tolist())
            return super().rows(rows)

    for seed in (0, 0, 1):
        IvfIndex(lists=5, sample=8, seed=seed).build(Watched(clustered.passages_ND), tmp_path)
    assert [len(set(rows)) for rows in asked] == [40, 40, 40]
    assert asked[0] == asked[1] != asked[2]


@pytest.mark.parametrize(("rows", "lists"), [(1, 1), (100, 2), (1500, 38), (1_000_000, 4000)])
def test_lists_grow_with_the_corpus(rows, lists):
    assert IvfIndex()._count_lists(rows) == lists


def test_a_corpus_of_one_passage(make_world, tmp_path):
    world = make_world([[1, 0]], [[2, 1]])
    IvfIndex().build(world.vectors, tmp_path)
    assert world.found(IvfIndex().open(tmp_path), 5).to_dict() == {"q0": {"p0": 2.0}}
    assert json.loads((tmp_path / META).read_text())["rows"] == 1


def test_more_lists_than_passages_are_refused(make_world, tmp_path):
    with pytest.raises(WrankError, match="lists is 3, but the corpus has 2 passages"):
        IvfIndex(lists=3).build(make_world([[1]], [[1], [2]]).vectors, tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lists": 0}, "index.lists is 0"),
        ({"lists": "many"}, "index.lists is 'many'"),
        ({"probes": 0}, "index.probes is 0"),
        ({"probes": 1.5}, "index.probes is 1.5"),
        ({"sample": True}, "index.sample is True"),
        ({"seed": -1}, "index.seed is -1"),
    ],
)
def test_values_out_of_range_are_refused(values, message):
    with pytest.raises(WrankError, match=message):
        IvfIndex(**values)
