import pickle
import random

import pytest

from wrank.data.lists import ListSampler
from wrank.data.text_hash import text_key
from wrank.errors import WrankError

PASSAGES = {f"p{n}": f"text {n}" for n in range(40)} | {"copy0": "text 0", "copy7": "text 7", "blank": " "}
QUERIES = {f"q{n}": f"query {n}" for n in range(6)}
QRELS = {
    "q0": {"p0": 3, "p1": 2, "p2": 2, "p3": 1, "p4": 0, "p5": 0},
    "q1": {"p6": 1, "p7": 0, "p8": 0, "p9": 0, "p10": 0},
    "q2": {"p11": 0},
    "q3": {"p12": 2, "copy0": 1},
    "q4": {"blank": 3},
}
EXCLUDED = [("q0", "p20"), ("q1", "p21"), ("q3", "p0")]
RANKING = {query: [f"p{n}" for n in range(40)] + ["blank", "copy0", "copy7"] for query in QUERIES}


@pytest.fixture
def collection(make_collection):
    return make_collection(PASSAGES, QUERIES, QRELS, EXCLUDED)


def lists_of(sampler, epochs=30):
    return [sampler.sample(epoch, index) for epoch in range(epochs) for index in range(len(sampler))]


@pytest.mark.parametrize("choice", ["random", "top", "one_per_level"])
@pytest.mark.parametrize("negatives", ["none", "random", "dense"])
@pytest.mark.parametrize("judged", [None, 1, 3])
def test_what_holds_for_every_list(collection, choice, negatives, judged):
    sampler = ListSampler(
        collection, size=6, choice=choice, judged=judged, negatives=negatives, candidates=RANKING, window=(1, 20)
    )
    for item in lists_of(sampler, 20):
        judgements = QRELS[item.query_id]
        excluded = {passage for query, passage in EXCLUDED if query == item.query_id}
        forbidden = {PASSAGES[id] for id in set(judgements) | excluded}
        size = len(item.passage_ids)
        assert len(item.passages) == len(item.grades) == len(item.sources) == size <= 6
        assert len(set(item.passages)) == size
        assert item.passages == [PASSAGES[id] for id in item.passage_ids]
        assert item.query == QUERIES[item.query_id]
        assert max(item.grades) > 0
        assert item.grades == sorted(item.grades, reverse=True)
        assert item.sources.count("judged") <= (judged or 6)
        for id, text, grade, source in zip(item.passage_ids, item.passages, item.grades, item.sources, strict=True):
            assert text.strip()
            if source == "judged":
                assert grade == judgements[id]
                assert text not in {PASSAGES[other] for other in excluded}
            else:
                assert (source, grade) == (negatives, 0.0)
                assert text not in forbidden
        if negatives != "none":
            assert size == 6


def test_queries_without_a_positive_that_can_be_shown_are_left_out_and_counted(collection):
    sampler = ListSampler(collection, size=2)
    assert sampler.query_ids == ["q0", "q1", "q3"]  # q2: grade 0 only; q4: a blank passage
    assert (len(sampler), sampler.skipped) == (3, 2)
    assert ListSampler(collection, size=2, query_ids=["q3", "q2"]).query_ids == ["q3"]


def test_a_passage_with_an_excluded_passages_text_is_not_drawn(collection):
    """For q3, copy0 is judged 1, but p0 with the same text is excluded."""
    sampler = ListSampler(collection, size=4, query_ids=["q3"])
    assert [item.passage_ids for item in lists_of(sampler, 5)] == [["p12"]] * 5


def test_of_equal_judged_texts_the_higher_grade_stays(make_collection):
    collection = make_collection({"a": "x", "b": "x", "c": "y"}, {"q": "?"}, {"q": {"a": 1, "b": 3, "c": 0}})
    item = ListSampler(collection, size=3).sample(0, 0)
    assert (item.passage_ids, item.grades) == (["b", "c"], [3, 0])


def test_top_takes_the_highest_grades_and_varies_among_equals(collection):
    sampler = ListSampler(collection, size=2, choice="top", query_ids=["q0"])
    drawn = {tuple(item.passage_ids) for item in lists_of(sampler)}
    assert drawn == {("p0", "p1"), ("p0", "p2")}


def test_one_per_level_takes_each_level_then_fills(collection):
    sampler = ListSampler(collection, size=5, choice="one_per_level", query_ids=["q0"])
    drawn = lists_of(sampler)
    assert {frozenset(item.grades) for item in drawn} == {frozenset({3, 2, 1, 0})}
    assert {tuple(item.grades) for item in drawn} == {(3, 2, 2, 1, 0), (3, 2, 1, 0, 0)}
    four = ListSampler(collection, size=4, choice="one_per_level", query_ids=["q0"])
    assert {tuple(item.grades) for item in lists_of(four)} == {(3, 2, 1, 0)}
    two = ListSampler(collection, size=4, choice="one_per_level", judged=2, query_ids=["q0"])
    assert {tuple(item.grades) for item in lists_of(two)} == {(3, 2)}


def test_random_choice_reaches_every_judged_passage_and_keeps_a_positive(collection):
    sampler = ListSampler(collection, size=2, query_ids=["q1"])
    drawn = lists_of(sampler, 60)
    assert {id for item in drawn for id in item.passage_ids} == set(QRELS["q1"])
    assert all("p6" in item.passage_ids for item in drawn)


def test_random_negatives_reach_the_whole_corpus(collection):
    sampler = ListSampler(collection, size=8, judged=1, negatives="random", query_ids=["q0"])
    drawn = {text for item in lists_of(sampler, 60) for text in item.passages[1:]}
    assert drawn == {f"text {n}" for n in range(6, 40) if n != 20}


def test_random_negatives_from_a_large_corpus(collection, monkeypatch):
    monkeypatch.setattr("wrank.data.lists._SMALL", 0)
    few = ListSampler(collection, size=4, judged=1, negatives="random")
    assert all(len(item.passages) == len(set(item.passages)) == 4 for item in lists_of(few))
    every = ListSampler(collection, size=1000, judged=1, negatives="random", query_ids=["q0"])
    assert len(every.sample(0, 0).passages) == 1 + 33


def test_the_window_counts_ranks_after_judged_and_excluded_have_left(collection):
    sampler = ListSampler(
        collection, size=9, judged=1, negatives="dense", candidates=RANKING, window=(2, 4), query_ids=["q0"]
    )
    # q0's ranking without p0..p5 (judged): p6, p7, p8, p9, ...
    drawn = lists_of(sampler)
    assert {id for item in drawn for id in item.passage_ids[1:]} == {"p7", "p8", "p9"}
    assert {len(item.passages) for item in drawn} == {4}
    assert sampler.short_windows == 0


def test_repeated_texts_take_one_rank(collection):
    ranking = {"q0": ["p7", "copy7", "p8", "blank", "copy0", "p9"]}
    sampler = ListSampler(
        collection, size=9, judged=1, negatives="dense", candidates=ranking, window=(1, 2), query_ids=["q0"]
    )
    assert set(sampler.sample(0, 0).passage_ids[1:]) == {"p7", "p8"}


def test_a_ranking_shorter_than_the_window_is_counted_and_warned_of(collection, caplog):
    ranking = {"q0": ["p7", "p8", "p9"]}
    sampler = ListSampler(
        collection, size=4, judged=1, negatives="dense", candidates=ranking, window=(2, 60), query_ids=["q0"]
    )
    assert sampler.short_windows == 1
    assert "1 rankings end before rank 60" in caplog.text


def test_position_decides_not_history(collection):
    def make(query_ids=None):
        return ListSampler(collection, size=6, judged=2, negatives="random", seed=3, query_ids=query_ids)

    places = [(epoch, id) for epoch in range(8) for id in ("q0", "q1", "q3")]
    first, second = make(), make(["q3", "q1", "q0"])
    wanted = {place: first.sample(place[0], first.query_ids.index(place[1])) for place in places}
    for place in random.Random(0).sample(places, len(places)):
        assert second.sample(place[0], second.query_ids.index(place[1])) == wanted[place]
    assert pickle.loads(pickle.dumps(first)).sample(2, 1) == first.sample(2, 1)


def test_seed_epoch_and_query_each_change_the_draw(collection):
    def negatives(seed, epoch):
        sampler = ListSampler(collection, size=6, judged=1, negatives="random", seed=seed, query_ids=["q0"])
        return tuple(sampler.sample(epoch, 0).passage_ids[1:])

    assert len({negatives(seed, epoch) for seed in (0, 1, 2, -1) for epoch in (0, 1, 2)}) == 12


def test_order_is_a_permutation_of_its_own_for_each_epoch_and_seed(make_collection):
    queries = {f"q{n}": f"query {n}" for n in range(50)}
    collection = make_collection({"p": "x"}, queries, {id: {"p": 1} for id in queries})
    orders = [ListSampler(collection, size=2, seed=seed).order(epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert ListSampler(collection, size=2).order(1).tolist() == orders[1].tolist()


@pytest.mark.parametrize(
    ("settings", "fragment"),
    [
        ({"size": 1}, "lists.size is 1"),
        ({"choice": "best"}, "lists.choice is 'best'; wanted one of random, top, one_per_level"),
        ({"negatives": "hard"}, "lists.negatives is 'hard'"),
        ({"judged": 0}, "lists.judged is 0"),
        ({"negatives": "dense"}, "no candidates were given"),
        ({"negatives": "dense", "candidates": {}}, "query 'q0' has no candidates"),
        ({"negatives": "dense", "candidates": RANKING, "window": (0, 5)}, r"lists.window is \[0, 5\]"),
        ({"negatives": "dense", "candidates": RANKING, "window": (6, 5)}, r"lists.window is \[6, 5\]"),
        ({"window": (1, 2, 3)}, r"lists.window is \[1, 2, 3\]"),
        (
            {"negatives": "dense", "candidates": RANKING, "window": (99, 200)},
            "begins at rank 99, but query 'q0' has 33",
        ),
        ({"negatives": "dense", "candidates": {"q0": ["p99"]}}, "no id 'p99'"),
        ({"query_ids": ["q0", "nobody"]}, "1 queries have no judgement"),
        ({"query_ids": ["q0", "q0"]}, "given twice"),
        ({"query_ids": ["q2"]}, "no query has a judged passage with a grade above 0"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(collection, settings, fragment):
    with pytest.raises(WrankError, match=fragment):
        ListSampler(collection, **({"size": 4} | settings))


def test_text_keys_of_the_table_are_those_of_the_lists(collection):
    item = ListSampler(collection, size=4, negatives="random").sample(0, 0)
    keys = [int(collection.passages.keys[row]) for row in collection.passages.rows(item.passage_ids)]
    assert keys == [text_key(text) for text in item.passages]
