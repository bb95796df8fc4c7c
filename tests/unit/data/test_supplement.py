"""Drawn lists carry the teacher's scores and preferences of what is in them, and paraphrases by position."""

import math
import pickle

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from wrank.data.judgements import Judgements
from wrank.data.lists import ListSampler
from wrank.data.paraphrases import ParaphraseTable
from wrank.data.preferences import PreferenceTable
from wrank.data.supplement import Supplement

PASSAGES = {f"p{n}": f"text {n}" for n in range(40)}
QUERIES = {f"q{n}": f"query {n}" for n in range(3)}
QRELS = {"q0": {"p0": 3, "p1": 2, "p2": 1, "p3": 0}, "q1": {"p4": 1, "p5": 0}, "q2": {"p6": 1}}
RANKING = {query: [f"p{n}" for n in range(40)] for query in QUERIES}
PREFERRED = [("q0", "p0", "p1", 0.75), ("q0", "p3", "p0", 0.125), ("q1", "p4", "p30", 0.5)]
FORMS = [("q0", f"form {n}") for n in range(4)] + [("q1", "one")]


@pytest.fixture
def collection(make_collection):
    return make_collection(PASSAGES, QUERIES, QRELS)


@pytest.fixture
def supplement(collection, tmp_path):
    columns = [pa.array(column) for column in zip(*PREFERRED, strict=True)]
    path = tmp_path / "preferences.parquet"
    parquet.write_table(pa.table(columns, ["query_id", "first_id", "second_id", "p"]), path)
    tables = (collection.queries, collection.passages)
    scores = {"q0": {"p0": 4.5, "p2": -1.5, "p20": 0.5}, "q1": {"p4": 2.0}}
    return Supplement(
        scores=Judgements.of_mapping(*tables, scores),
        preferences=PreferenceTable.read(path, *tables, tmp_path / "cache"),
        paraphrases=ParaphraseTable.build(lambda: iter(FORMS), "x", "x", tables[0], tmp_path / "cache"),
    )


def by_id(sampler, epoch=0):
    return {item.query_id: item for item in (sampler.sample(epoch, index) for index in range(len(sampler)))}


def named(item):
    """Preferences by passages' ids."""
    return {(item.passage_ids[a], item.passage_ids[b], p) for a, b, p in item.pairs}


def test_lists_carry_the_scores_of_their_passages_and_nan_elsewhere(collection, supplement):
    lists = by_id(ListSampler(collection, size=4, supplement=supplement))
    found = dict(zip(lists["q0"].passage_ids, lists["q0"].teacher, strict=True))
    assert {id: score for id, score in found.items() if not math.isnan(score)} == {"p0": 4.5, "p2": -1.5}
    assert len(found) == 4
    assert all(math.isnan(score) for score in lists["q2"].teacher)


def test_drawn_negatives_have_scores_where_the_teacher_gave_them(collection, supplement):
    sampler = ListSampler(collection, size=40, negatives="random", supplement=supplement)
    item = by_id(sampler)["q0"]
    assert item.teacher[item.passage_ids.index("p20")] == 0.5
    assert item.sources[item.passage_ids.index("p20")] == "random"


def test_a_collections_own_scores_count_where_the_teacher_has_none():
    assert Supplement().teacher(0, [1, 2], None) is None
    assert Supplement().teacher(0, [1], [0.5]) == [0.5]
    found = Supplement().teacher(0, [1, 2, 3], [0.5, 0.25])
    assert found[:2] == [0.5, 0.25]
    assert math.isnan(found[2])


def test_preferences_are_between_two_passages_of_the_list(collection, supplement):
    lists = by_id(ListSampler(collection, size=4, supplement=supplement))
    assert named(lists["q0"]) == {("p0", "p1", 0.75), ("p3", "p0", 0.125)}
    assert lists["q1"].pairs == lists["q2"].pairs == []  # p30 is not in the list
    seen = [named(by_id(ListSampler(collection, size=2, supplement=supplement), epoch)["q0"]) for epoch in range(20)]
    assert {("p0", "p1", 0.75)} in seen
    assert set() in seen


def test_paraphrases_are_drawn_by_position_up_to_their_number(collection, supplement):
    sampler = ListSampler(collection, size=4, supplement=supplement, paraphrases=2)
    drawn = [by_id(sampler, epoch)["q0"].paraphrases for epoch in range(30)]
    assert all(len(set(texts)) == 2 for texts in drawn)
    assert {text for texts in drawn for text in texts} == {f"form {n}" for n in range(4)}
    again = ListSampler(collection, size=4, supplement=pickle.loads(pickle.dumps(supplement)), paraphrases=2)
    assert [by_id(again, epoch)["q0"].paraphrases for epoch in range(30)] == drawn
    assert by_id(sampler)["q1"].paraphrases == ["one"]
    assert by_id(sampler)["q2"].paraphrases == []


def test_what_is_looked_up_changes_nothing_that_is_drawn(collection, supplement):
    for negatives in ("none", "random"):
        plain, rich = (
            by_id(ListSampler(collection, size=6, negatives=negatives, supplement=one), 3) for one in (None, supplement)
        )
        for id, item in plain.items():
            assert (item.passage_ids, item.grades) == (rich[id].passage_ids, rich[id].grades)
            assert (item.teacher, item.pairs, item.paraphrases) == (None, [], [])


@pytest.mark.parametrize("negatives", ["random", "dense"])
def test_fixed_negatives_are_those_of_every_epoch_and_seed(collection, negatives):
    def make(seed=0, count=5):
        return ListSampler(
            collection,
            size=4,
            judged=1,
            negatives=negatives,
            candidates=RANKING,
            window=(3, 30),
            seed=seed,
            supplement=Supplement(negatives=count),
        )

    sampler = make()
    for index, query_id in enumerate(sampler.query_ids):
        rows = sampler.fixed_negatives(index, 5)
        assert len(set(rows)) == 5
        assert rows == make(seed=9).fixed_negatives(index, 5)
        ids = {collection.passages.id(row) for row in rows}
        assert not ids & set(QRELS[query_id])
        items = [make(seed).sample(epoch, index) for seed in (0, 1) for epoch in range(20)]
        places = [zip(item.passage_ids, item.sources, strict=True) for item in items]
        drawn = [id for pairs in places for id, source in pairs if source == negatives]
        assert set(drawn) == ids
    free = make(count=None)
    assert len({id for epoch in range(40) for id in free.sample(epoch, 0).passage_ids[1:]}) > 10


def test_lists_without_negatives_have_no_fixed_ones(collection):
    sampler = ListSampler(collection, size=4, supplement=Supplement(negatives=5))
    assert sampler.fixed_negatives(0, 5) == []
    assert np.isin(sampler.sample(0, 0).sources, "judged").all()
