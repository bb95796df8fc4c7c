"""Each step of the filter by hand: which passages leave a ranking, and for which reason."""

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.mining.filter import KEPT, REASONS, draw, first_positive, sift
from wrank.mining.known import Known, known_of
from wrank.mining.settings import FilterSettings


def known(positive=(), excluded=(), judged=()):
    arrays = [np.array(keys, dtype=np.int64) for keys in (positive, positive, excluded, [*judged, *positive])]
    return Known(*arrays)


def names(keys, of=None, *, empty=(), scores=None, reference=1.0, query_id="q", seed=0, **settings):
    """The reason of each place, "" where it is kept."""
    keys = np.array(keys, dtype=np.int64)
    scores = np.linspace(1, 0.1, len(keys)) if scores is None else scores
    sifted = sift(
        np.array(scores, dtype=np.float32),
        keys,
        np.isin(keys, empty),
        of or known(),
        FilterSettings(**{"window": (1, 100)} | settings),
        reference=reference,
        seed=seed,
        query_id=query_id,
    )
    return ["" if code == KEPT else REASONS[code] for code in sifted.codes.tolist()], sifted.consistent


def test_known_passages_and_their_texts_leave_first():
    """Places 0 and 4 have one text, that of a positive; 1 is excluded; 2 is judged irrelevant."""
    of = known(positive=[10], excluded=[20], judged=[30])
    assert names([10, 20, 30, 40, 10], of)[0] == ["known_positive", "excluded", "judged", "", "known_positive"]
    kept, _ = names([10, 20, 30, 40, 10], of, skip_judged=False)
    assert kept == ["known_positive", "excluded", "", "", "known_positive"]


def test_excluded_goes_before_positive():
    assert names([10], known(positive=[10], excluded=[10]))[0] == ["excluded"]


def test_empty_and_repeated_texts_leave_and_the_first_of_equal_texts_stays():
    assert names([1, 7, 1, 2, 7, 1], empty=[7])[0] == ["", "empty", "repeated_text", "", "empty", "repeated_text"]


@pytest.mark.parametrize(("first", "kept"), [(1, False), (2, True), (3, True)])
def test_consistency_keeps_a_query_whose_positive_is_early_enough(first, kept):
    reasons, consistent = names([5, 10, 6], known(positive=[10]), consistency=first)
    assert consistent is kept
    assert reasons == (["", "known_positive", ""] if kept else ["inconsistent_query", "known_positive", *reasons[:1]])


def test_ranks_of_positives_count_distinct_texts_without_excluded_and_empty_ones():
    """20 is excluded, 0 has no text, 5 comes twice: the positive 10 is third by place 4, second by rank."""
    keys = np.array([20, 0, 5, 5, 10])
    assert first_positive(keys, keys == 0, known(positive=[10], excluded=[20])) == 2
    assert first_positive(keys, keys == 0, known(positive=[99])) == np.inf


def test_query_whose_positive_is_not_in_the_ranking_is_inconsistent():
    assert names([1, 2], known(positive=[10]), consistency=2) == (["inconsistent_query"] * 2, False)


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("absolute", 0.0, [0.75, 0.5, 0.25]),  # a score equal to the positive's does not lie below it
        ("absolute", 0.25, [0.5, 0.25]),  # 0.75 is not below 0.75
        ("relative", 1.0, [0.75, 0.5, 0.25]),
        ("relative", 0.5, [0.25]),
        (None, None, [1.25, 1.0, 0.75, 0.5, 0.25]),
    ],
)
def test_margin_keeps_what_scores_below_the_positive_less_the_margin(kind, value, kept):
    scores = [1.25, 1.0, 0.75, 0.5, 0.25]
    reasons, _ = names(range(5), scores=scores, reference=1.0, margin={"kind": kind, "value": value})
    assert [score for score, reason in zip(scores, reasons, strict=True) if not reason] == kept
    assert {reason for reason in reasons if reason} <= {"margin"}


def test_absolute_margin_of_negative_scores_is_a_difference_all_the_same():
    reasons, _ = names([1, 2], scores=[-1.0, -2.0], reference=-1.0, margin={"kind": "absolute", "value": 0.5})
    assert reasons == ["margin", ""]


def test_relative_margin_of_a_negative_score_is_refused_with_key_and_query():
    with pytest.raises(WrankError, match=r"filter\.margin\.kind is relative.*'q7' scores -0\.2"):
        names([1], reference=-0.2, query_id="q7", margin={"kind": "relative", "value": 0.95})


def test_window_counts_ranks_after_what_was_left_out():
    reasons, _ = names([10, 1, 2, 2, 3, 4], known(positive=[10]), window=(2, 3))
    assert reasons == ["known_positive", "outside_window", "", "repeated_text", "", "outside_window"]


def test_margin_comes_before_the_window():
    scores = [0.9, 0.8, 0.7, 0.6]
    reasons, _ = names(range(4), scores=scores, margin={"kind": "absolute", "value": 0.15}, window=(1, 2))
    assert reasons == ["margin", "", "", "outside_window"]


def test_window_beyond_the_ranking_keeps_nothing():
    assert names([1, 2], window=(3, 5))[0] == ["outside_window"] * 2


def test_top_takes_the_first_of_the_window():
    assert names([1, 2, 3, 4], window=(2, 4), per_query=2)[0] == ["outside_window", "", "", "not_drawn"]


def test_random_choice_is_a_function_of_seed_and_query_alone():
    drawn = draw(50, 5, "random", 0, "q1")
    assert drawn.tolist() == draw(50, 5, "random", 0, "q1").tolist() == sorted(set(drawn.tolist()))
    assert len(drawn) == 5
    others = [draw(50, 5, "random", seed, query).tolist() for seed, query in ((1, "q1"), (0, "q2"))]
    assert drawn.tolist() not in others


def test_random_choice_draws_every_place_equally_often():
    counts = np.bincount(np.concatenate([draw(10, 3, "random", 0, f"q{n}") for n in range(2000)]), minlength=10)
    assert counts.sum() == 6000
    assert counts.min() > 500  # mean 600, standard deviation 20
    assert counts.max() < 700


def test_known_of_a_query_is_read_from_its_judgements(make_collection):
    """d1 and d2 have one text; d3 has none; d4 is excluded though judged; d5 is irrelevant; q is a passage too."""
    passages = {"d1": "a", "d2": "a", "d3": "", "d4": "b", "d5": "c", "q": "d"}
    qrels = {"q": {"d5": 0, "d4": 2, "d3": 1, "d2": 1}}
    collection = make_collection(passages, {"q": "x"}, qrels, {"q": {"d4"}})
    key = {id: int(collection.passages.keys[row]) for row, id in enumerate(passages)}
    of = known_of(collection, 0)
    assert of.positive_rows.tolist() == [1]
    assert of.positive_keys.tolist() == [key["d1"]]
    assert of.excluded_keys.tolist() == [key["d4"]]
    assert set(of.judged_keys.tolist()) == {key[id] for id in ("d2", "d3", "d4", "d5")}
    assert known_of(collection, 0, drop_self=True).excluded_keys.tolist() == [key["d4"], key["q"]]
