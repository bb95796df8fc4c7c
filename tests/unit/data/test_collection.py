import pytest

from wrank.data.collection import check_disjoint
from wrank.data.text_hash import text_key
from wrank.errors import WrankError

PASSAGES = {"p1": "tea", "p2": "coffee", "p3": "tea", "p4": " ", "p5": "cocoa"}
QUERIES = {"q1": "a drink", "q2": "another", "q3": "A third"}
QRELS = {"q1": {"p1": 2, "p2": 0}, "q2": {"p2": 0}}


def test_counts_are_complete(make_collection):
    collection = make_collection(PASSAGES, QUERIES, QRELS, [("q1", "p5"), ("q3", "p1")])
    assert collection.describe() == {
        "passages": 5,
        "empty_passages": 1,
        "duplicate_texts": 1,
        "queries": 3,
        "judged_queries": 2,
        "queries_without_positive": 1,
        "judgements": 3,
        "judgements_per_grade": {"0": 2, "2": 1},
        "excluded_pairs": 2,
        "repeated_judgements": 0,
    }


def test_known_keys_are_positives_and_excluded_not_judged_irrelevant(make_collection):
    collection = make_collection(PASSAGES, QUERIES, QRELS, [("q1", "p5"), ("q3", "p1")])
    assert collection.known_keys("q1") == sorted([text_key("tea"), text_key("cocoa")])
    assert collection.known_keys("q2") == []
    assert collection.known_keys("q3") == [text_key("tea")]


def test_a_part_has_its_own_fingerprint_whatever_the_order(make_collection):
    collection = make_collection(PASSAGES, QUERIES, QRELS)
    part = collection.restricted_to(["q1"], "dev")
    assert (part.split, list(part.qrels), len(part.passages)) == ("dev", ["q1"], 5)
    both = [collection.restricted_to(ids, "dev").fingerprint for ids in (["q1", "q2"], ["q2", "q1"])]
    assert both[0] == both[1] != part.fingerprint
    assert part.fingerprint != collection.fingerprint
    with pytest.raises(WrankError, match="1 queries are not judged"):
        collection.restricted_to(["q3"], "dev")


def test_training_queries_are_not_evaluated(make_collection):
    train = make_collection(PASSAGES, QUERIES, QRELS)
    test = make_collection(PASSAGES, QUERIES, {"q2": {"p1": 1}, "q3": {"p1": 1}}, split="test")
    with pytest.raises(WrankError, match=r"1 of the 2 queries of collection/test .* e\.g\. 'q2'"):
        check_disjoint(train, test)
    check_disjoint(train, test.restricted_to(["q3"], "test"))


def test_a_question_under_two_ids_is_one_question(make_collection):
    train = make_collection(PASSAGES, QUERIES, QRELS)
    other = make_collection(PASSAGES, {"x": "a drink"}, {"x": {"p1": 1}}, split="test", folder="other")
    with pytest.raises(WrankError, match=r"'x' \(there 'q1'\)"):
        check_disjoint(train, other)


def test_one_id_in_two_collections_is_two_questions(make_collection):
    train = make_collection(PASSAGES, QUERIES, QRELS)
    other = make_collection(PASSAGES, {"q1": "something else"}, {"q1": {"p1": 1}}, split="test", folder="other")
    check_disjoint(train, other)


def test_who_evaluates_all_has_said_so_and_who_trains_on_all_has_not(make_collection):
    every = make_collection(PASSAGES, QUERIES, QRELS, split="all")
    train = make_collection(PASSAGES, QUERIES, QRELS, split="train")
    check_disjoint(train, every)
    with pytest.raises(WrankError, match="2 of the 2"):
        check_disjoint(every, train)
