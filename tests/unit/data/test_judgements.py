"""Judgements as arrays: what a dictionary of dictionaries would say, at a fraction of its size."""

import pickle
import random

import numpy as np
import pytest

from wrank.data.judgements import Conflict, Judgements
from wrank.data.table import TextTable
from wrank.errors import WrankError


@pytest.fixture
def tables(tmp_path):
    queries = TextTable.build(((f"q{n}", f"query {n}") for n in range(40)), tmp_path / "queries")
    passages = TextTable.build(((f"p{n}", f"text {n}") for n in range(100)), tmp_path / "passages")
    return queries, passages


def drawn(seed, shuffled):
    """Distinct pairs with grades, and the dictionaries they stand for, in the order of first pairs."""
    generator = random.Random(seed)
    pairs = [(q, p, float(generator.randrange(4))) for q in generator.sample(range(40), 17) for p in range(0, 100, 9)]
    if shuffled:
        generator.shuffle(pairs)
    wanted: dict[str, dict[str, float]] = {}
    for q, p, grade in pairs:
        wanted.setdefault(f"q{q}", {})[f"p{p}"] = grade
    return [np.array(column) for column in zip(*pairs, strict=True)], wanted


@pytest.mark.parametrize("shuffled", [False, True])
def test_they_read_as_dictionaries_in_the_order_given(tables, tmp_path, shuffled):
    columns, wanted = drawn(0, shuffled)
    for judged in (
        Judgements.of_pairs(*tables, *columns),
        Judgements.build(tmp_path / "j", *tables, lambda: columns),
        Judgements.of_mapping(*tables, wanted),
    ):
        assert list(judged) == list(wanted)
        assert [list(judged[id].items()) for id in judged] == [list(grades.items()) for grades in wanted.values()]
        assert judged == wanted
        assert len(judged) == 17
        assert "q99" not in judged
        assert [f"q{row}" for row in judged.pair_query_rows().tolist()] == [q for q in wanted for _ in wanted[q]]


def test_a_query_without_a_pair_is_none(tables):
    judged = Judgements.of_pairs(*tables, np.array([3]), np.array([5]), np.array([1.0]))
    assert judged.place_of(4) is None
    assert judged.place_of(39) is None
    assert [len(column) for column in judged.of_query(4)] == [0, 0]
    assert judged.places_of(np.array([4, 3, -1, 39])).tolist() == [-1, 0, -1, -1]
    with pytest.raises(KeyError, match="q4"):
        judged["q4"]


def test_an_empty_one_knows_nothing(tables):
    judged = Judgements.of_mapping(*tables, {})
    assert (len(judged), list(judged), judged.get("q1")) == (0, [], None)
    assert judged.places_of(np.array([1])).tolist() == [-1]


def test_a_pair_given_again_counts_once(tables):
    judged = Judgements.of_pairs(*tables, np.array([1, 2, 1]), np.array([7, 7, 7]), np.array([2.0, 1.0, 2.0]))
    assert judged == {"q1": {"p7": 2.0}, "q2": {"p7": 1.0}}
    assert judged.notes == {"repeated_judgements": 1}


def test_two_grades_for_a_pair_are_told_by_their_places(tables):
    with pytest.raises(Conflict) as caught:
        Judgements.of_pairs(*tables, np.array([1, 2, 1]), np.array([7, 7, 7]), np.array([2.0, 1.0, 3.0]))
    assert (caught.value.first, caught.value.second) == (0, 2)


def test_an_unknown_id_is_refused(tables):
    with pytest.raises(WrankError, match="'x'"):
        Judgements.of_mapping(*tables, {"q1": {"x": 1.0}})


def test_a_part_keeps_the_order_asked_for(tables):
    columns, wanted = drawn(1, True)
    judged = Judgements.of_pairs(*tables, *columns)
    some = list(wanted)[5:1:-1]
    part = judged.restricted_to([*some, "q_unknown"])
    assert list(part) == some
    assert part == {id: wanted[id] for id in some}
    assert part.of_query(tables[0].row(some[-1]))[1].tolist() == list(wanted[some[-1]].values())


@pytest.mark.parametrize("on_disk", [False, True])
def test_pickled_they_are_the_same(tables, tmp_path, on_disk):
    columns, wanted = drawn(2, True)
    judged = (
        Judgements.build(tmp_path / "j", *tables, lambda: columns)
        if on_disk
        else Judgements.of_pairs(*tables, *columns)
    )
    data = pickle.dumps(judged)
    assert pickle.loads(data) == wanted
    assert len(data) < 1000 or not on_disk


def test_a_damaged_folder_does_not_open(tables, tmp_path):
    columns, _ = drawn(2, True)
    Judgements.build(tmp_path / "j", *tables, lambda: columns)
    path = tmp_path / "j" / "grades.bin"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(WrankError, match="remove that folder"):
        Judgements.open(tmp_path / "j", *tables)


def test_a_finished_folder_is_not_read_again(tables, tmp_path):
    columns, wanted = drawn(2, True)
    Judgements.build(tmp_path / "j", *tables, lambda: columns)
    assert Judgements.build(tmp_path / "j", *tables, lambda: pytest.fail("read again")) == wanted
