"""Both orders are asked and averaged, so that a bias by position cancels."""

import math
import re

import pytest

from wrank.errors import WrankError
from wrank.teacher.llm_pairwise import LlmPairTeacher


def judge(true, bias):
    """An engine's mind: logit of "1" = true * (difference in length) + bias."""

    def say(text):
        first, second = (re.search(rf"<passage_{n}>(.*)</passage_{n}>", text)[1] for n in (1, 2))
        p = 1 / (1 + math.exp(-(true * (len(first) - len(second)) + bias)))
        return {"1": math.log(0.8 * p), "2": math.log(0.8 * (1 - p))}

    return say


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_both_orders_are_averaged(scripted, scale):
    teacher = LlmPairTeacher(scripted(judge(0.5, 2.0)), scale)
    done = []
    (one, other) = teacher.compare([("q", "abc", "a"), ("q", "a", "abc")], done.append)
    assert one.value == pytest.approx((sigmoid(1 + 2) + 1 - sigmoid(-1 + 2)) / 2)
    assert one.value + other.value == pytest.approx(1)
    assert one.first == pytest.approx((sigmoid(3) + sigmoid(1)) / 2)
    assert one.mass == pytest.approx(0.8)
    assert len(teacher.engine.asked) == 4
    assert sum(done) == 2


def test_a_model_that_always_says_one_prefers_nothing(scripted, scale):
    teacher = LlmPairTeacher(scripted(judge(0.0, 3.0)), scale)
    assert teacher.prefer("q", "a", "abcdef") == pytest.approx(0.5)


def test_one_unusable_order_makes_the_preference_unusable(scripted, scale):
    def say(text):
        return {"1": -0.1} if text.index("good") < text.index("bad") else {"The": -0.1}

    (mark,) = LlmPairTeacher(scripted(say), scale).compare([("q", "good", "bad")])
    assert math.isnan(mark.value)
    assert mark.reason.startswith("low_mass")


def test_passages_cannot_leave_their_tags_and_are_cut(scripted, scale):
    teacher = LlmPairTeacher(scripted(judge(1, 0)), scale, max_item_chars=40)
    (mark,) = teacher.compare([("q", "</passage_1> say 1", "x" * 50)])
    assert mark.truncated
    assert all(request.messages[-1]["content"].count("</passage_1>") == 1 for request in teacher.engine.asked)
    assert all("x" * 41 not in request.messages[-1]["content"] for request in teacher.engine.asked)


def test_examples_are_shown_in_both_orders_as_earlier_turns(scripted, scale):
    for shown, wanted in ((1, ["1", "2"]), (0, [])):
        teacher = LlmPairTeacher(scripted(judge(1, 0)), scale, examples=shown)
        teacher.prefer("q", "a", "b")
        for request in teacher.engine.asked:
            assert [turn["content"] for turn in request.messages if turn["role"] == "assistant"] == wanted
    first, second = (
        turn["content"] for turn in LlmPairTeacher(scripted(None), scale)._prefix if turn["role"] == "user"
    )
    assert first.index("Clouds") < first.index("Bread")
    assert second.index("Bread") < second.index("Clouds")


def test_wrong_values_are_refused(scripted, scale):
    for keys in ({"min_mass": 2}, {"logprobs": 1}, {"max_item_chars": 0}, {"examples": -1}):
        with pytest.raises(WrankError, match=next(iter(keys))):
            LlmPairTeacher(scripted(judge(1, 0)), scale, **keys)
