"""What is shown of a collection, counted by hand."""

import numpy as np
import pytest

from wrank.data.describe import describe_lists, describe_parts, text_lengths
from wrank.data.lists import ListSampler
from wrank.data.mix import Mix, Part
from wrank.data.source.beir import BeirSource
from wrank.data.step.min_score import MinScore
from wrank.data.step.relabel import Relabel

# 1, 2, ... 10 words
PASSAGES = {f"p{count}": " ".join(["word", *(f"w{count}-{i}" for i in range(1, count))]) for count in range(1, 11)}
QUERIES = {"q1": "one", "q2": "two words", "q3": "now three words", "q4": "nobody judged this one"}
QRELS = {"q1": {"p1": 2, "p2": 1, "p3": 0}, "q2": {"p4": 2, "p5": 2}, "q3": {"p6": 0}}


def test_counts(make_collection):
    counts = make_collection(PASSAGES | {"again": "word", "empty": " "}, QUERIES, QRELS, [("q1", "p9")]).describe()
    assert counts == {
        "passages": 12,
        "empty_passages": 1,
        "duplicate_texts": 1,
        "queries": 4,
        "judged_queries": 3,
        "queries_without_positive": 1,
        "judgements": 6,
        "judgements_per_grade": {"0": 2, "1": 1, "2": 3},
        "excluded_pairs": 1,
        "repeated_judgements": 0,
    }


def test_lengths_are_words(make_collection):
    collection = make_collection(PASSAGES, QUERIES, QRELS)
    assert text_lengths(collection.passages, np.arange(10)) == {"10%": 1, "50%": 5, "90%": 9, "longest": 10}
    judged = np.unique(collection.judgements.passage_rows)
    assert text_lengths(collection.passages, judged) == {"10%": 1, "50%": 3, "90%": 5, "longest": 6}
    assert text_lengths(collection.queries, collection.judgements.query_rows)["longest"] == 3  # q4 is not judged
    assert text_lengths(collection.passages, np.arange(1)) == {"10%": 1, "50%": 1, "90%": 1, "longest": 1}
    assert text_lengths(collection.passages, np.arange(0)) == {}


def test_lengths_of_many_texts_come_from_all_over(make_collection):
    passages = {f"p{place}": "a" if place < 2500 else "a b c" for place in range(5000)}
    collection = make_collection(passages, {"q": "x"}, {"q": {"p0": 1}})
    assert text_lengths(collection.passages, np.arange(5000)) == {"10%": 1, "50%": 2, "90%": 3, "longest": 3}


def test_lists_are_counted(make_collection):
    collection = make_collection(PASSAGES, QUERIES, QRELS)
    lists = describe_lists(ListSampler(collection, size=3))
    assert (lists.queries, lists.skipped, lists.drawn) == (2, 1, 2)
    assert lists.sizes == {2: 1, 3: 1}
    assert list(lists.grades.items()) == [("2", 1.5), ("1", 0.5), ("0", 0.5)]
    assert lists.sources == {"judged": 2.5}
    assert {item.query_id: sorted(item.passage_ids) for item in lists.examples} == {
        "q1": ["p1", "p2", "p3"],
        "q2": ["p4", "p5"],
    }


def test_lists_with_negatives_name_both_sources(make_collection):
    collection = make_collection(PASSAGES, QUERIES, QRELS)
    lists = describe_lists(ListSampler(collection, size=4, choice="top", judged=1, negatives="random"))
    assert lists.sizes == {4: 2}
    assert lists.grades == {"2": 1.0, "0": 3.0}
    assert list(lists.sources.items()) == [("random", 3.0), ("judged", 1.0)]


def test_no_more_than_enough_lists_are_drawn(make_collection):
    queries = {f"q{place}": f"query {place}" for place in range(2500)}
    collection = make_collection(PASSAGES, queries, {query_id: {"p1": 1, "p2": 0} for query_id in queries})
    lists = describe_lists(ListSampler(collection, size=2))
    assert (lists.queries, lists.drawn, lists.sizes, len(lists.examples)) == (2500, 2000, {2: 2000}, 3)


def test_examples_are_those_that_training_meets_first(make_collection):
    sampler = ListSampler(make_collection(PASSAGES, QUERIES, QRELS), size=3, seed=7)
    assert describe_lists(sampler).examples == [sampler.sample(0, index) for index in sampler.order(0).tolist()]


def test_parts_of_a_mix_after_their_steps(write_folder, tmp_path):
    base = BeirSource(str(write_folder(PASSAGES, QUERIES, {"train": QRELS})))
    other = {"q1": {"p1": 5, "x1": 7}, "q2": {"x2": 7}}
    texts = {"p1": PASSAGES["p1"], "x1": "another", "x2": "and one more"}
    written = BeirSource(str(write_folder(texts, QUERIES, {"train": other}, folder="written")))
    steps = [MinScore(score=1), Relabel(to=3)]
    mix = Mix({"real": Part(steps=steps), "written": Part(source=written)})
    collection = mix.load(base, "train", tmp_path / "cache")
    assert describe_parts(collection) == {
        "real": {"pairs": 3, "queries": 2, "grades": {"3": 3}},  # q1/p1 went to the later part
        "written": {"pairs": 3, "queries": 2, "grades": {"5": 1, "7": 2}},
    }
    lists = describe_lists(ListSampler(collection, size=4))
    assert lists.sources == {"real": 1.5, "written": 1.5}
    assert lists.sizes == {3: 2}


def test_nothing_mixed_has_no_parts(make_collection):
    assert describe_parts(make_collection(PASSAGES, QUERIES, QRELS)) == {}


@pytest.mark.parametrize("text", ["tea\u0085leaf", "  tea \t leaf\n"])
def test_white_space_of_any_kind_parts_words(make_collection, text):
    collection = make_collection({"p": text}, {"q": "x"}, {"q": {"p": 1}})
    assert text_lengths(collection.passages, np.arange(1))["longest"] == 2
