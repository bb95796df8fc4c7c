"""New scores on top, the rest below in its order; settings that can rerank."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate

from wrank.config import conf_folder
from wrank.errors import WrankError
from wrank.evaluation.ranking import Rankings
from wrank.evaluation.rerank import Reranker, rerank

IDS = ["a", "b", "c", "d", "e"]
TEXTS = {"q": "query", "r": "other"}


class Table:
    """Scores a pair by a table of passage texts; remembers what it saw."""

    def __init__(self, scores):
        self.scores, self.seen = scores, []

    def score(self, pairs):
        for pair in pairs:
            self.seen.append(pair)
            yield self.scores[pair[1]]


def texts(rows):
    return [f"text {IDS[row]}" for row in rows]


def rankings(*lists):
    rows = np.array([[IDS.index(id) for id in ids] + [-1] * (5 - len(ids)) for ids in lists])
    scores = np.where(rows >= 0, np.arange(9, 4, -1), -np.inf).astype(np.float32)
    return Rankings(["q", "r"][: len(lists)], IDS, rows, scores, excluded=2, dropped_self=1)


def scored(depth, *lists, scores=(1, 2, 3, 4, 5), **extra):
    scorer = Table({f"text {id}": float(score) for id, score in zip(IDS, scores, strict=True)})
    return rerank(rankings(*lists), scorer, TEXTS, texts, depth, **extra), scorer


def test_the_head_is_reordered_and_the_rest_kept_below():
    result, scorer = scored(2, ["a", "b", "e", "d"], ["c"])
    below = np.nextafter(np.float32(1), np.float32(0))
    assert result.rankings["q"] == [("b", 2.0), ("a", 1.0), ("e", below), ("d", np.nextafter(below, np.float32(0)))]
    assert result.rankings["r"] == [("c", 3.0)]
    assert scorer.seen == [("query", "text a"), ("query", "text b"), ("other", "text c")]
    assert (result.pairs, result.unscored, result.constant) == (3, 0, ())


def test_scores_below_the_head_are_finite_and_fall_where_the_lowest_is_zero_or_negative():
    for lowest in (0.0, -3.5, -1e30):
        result, _ = scored(1, IDS, scores=[lowest] * 5)
        found = [score for _, score in result.rankings["q"]]
        assert found[0] == pytest.approx(lowest)
        assert all(math.isfinite(score) for score in found)
        assert all(one > other for one, other in pairwise(found))


def test_the_first_stage_is_not_changed():
    first = rankings(["a", "b"])
    rerank(first, Table({"text a": 0.0, "text b": 1.0}), TEXTS, texts, 2)
    assert [id for id, _ in first["q"]] == ["a", "b"]


def test_counts_of_what_left_the_ranking_are_kept():
    result, _ = scored(2, ["a", "b"])
    assert (result.rankings.excluded, result.rankings.dropped_self) == (2, 1)


def test_ties_go_by_descending_id_and_a_constant_scorer_is_named():
    result, _ = scored(3, ["a", "c", "b", "d"], ["a"], scores=[7] * 5)
    assert [id for id, _ in result.rankings["q"]] == ["c", "b", "a", "d"]
    assert result.constant == ("q",)


def test_depth_beyond_the_candidates_scores_all_of_them():
    result, _ = scored(100, ["a", "b", "c"])
    assert [id for id, _ in result.rankings["q"]] == ["c", "b", "a"]


def test_candidates_without_a_score_come_after_those_with_one():
    result, _ = scored(3, ["a", "b", "c", "d"], scores=[math.nan, 2, 3, 4, 5])
    assert [id for id, _ in result.rankings["q"]] == ["c", "b", "a", "d"]
    assert (result.pairs, result.unscored) == (3, 1)


def test_a_query_without_any_score_keeps_its_ranking():
    result, _ = scored(2, ["a", "b", "c"], scores=[math.nan] * 5)
    assert result.rankings["q"] == [("a", 9.0), ("b", 8.0), ("c", 7.0)]
    assert result.unscored == 2


def test_no_candidates_are_no_pairs():
    done = []
    result, scorer = scored(2, [], ["a", "b", "c"], progress=done.append)
    assert result.rankings["q"] == []
    assert len(scorer.seen) == 2
    assert done == [2]


def test_pairs_are_streamed_and_not_collected_first():
    read = []

    def watched(rows):
        read.append(len(rows))
        return texts(rows)

    class First:
        def score(self, pairs):
            pairs = iter(pairs)
            next(pairs)
            assert read == [2]
            yield 1.0
            for _ in pairs:
                yield 0.0

    rerank(rankings(["a", "b"], ["c"]), First(), TEXTS, watched, 2)
    assert read == [2, 1]


class Short:
    def __init__(self, *scores):
        self.scores = scores

    def score(self, pairs):
        list(pairs)
        yield from self.scores


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ((1.0,), "the scorer stopped at query 'q': 1 of 2 scores came"),
        ((1.0, 2.0, 3.0), r"more than one score a pair \(2 pairs\)"),
        ((1.0, math.inf), "query 'q' a score that is infinite"),
        ((1.0, 1e39), "query 'q' a score that is infinite"),
    ],
)
def test_scorers_that_miscount_or_overflow_are_refused(scores, message):
    with pytest.raises(WrankError, match=message):
        rerank(rankings(["a", "b"]), Short(*scores), TEXTS, texts, 2)


def test_no_room_below_the_lowest_float_is_an_error_and_no_infinity():
    with pytest.raises(WrankError, match="float32 has no room below it"):
        scored(1, ["a", "b"], scores=[float(np.finfo(np.float32).min)] * 5)


def test_depth_and_texts_are_checked():
    with pytest.raises(WrankError, match="depth is 0"):
        scored(0, ["a"])
    with pytest.raises(WrankError, match=r"1 queries of the run have no text, e.g. 'r'"):
        rerank(rankings(["a"], ["b"]), Short(), {"q": "query"}, texts, 1)


def test_the_shipped_option_is_built_with_the_defaults_of_its_class():
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        node = compose("evaluation/reranker/cross_encoder", ["+device=cpu"]).evaluation.reranker
    made = instantiate(node)
    assert made.scorer.name == "cross_encoder"
    assert (made.depth, made.candidates) == (100, None) == (Reranker(Short()).depth, Reranker(Short()).candidates)


def test_settings_that_cannot_rerank_are_refused():
    with pytest.raises(WrankError, match=r"reranker\.scorer is object, which does not score single passages"):
        Reranker(object())
    for depth in (0, True, 1.5):
        with pytest.raises(WrankError, match=rf"evaluation\.reranker\.depth is {depth}"):
            Reranker(Short(), depth)
