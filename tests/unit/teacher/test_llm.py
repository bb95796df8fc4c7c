"""The expected level, computed by hand."""

import math

import pytest

from wrank.errors import WrankError
from wrank.generator.scale import Scale
from wrank.teacher.llm import LlmTeacher


def say(text):
    if "good" in text:
        return {"3": math.log(0.5), "1": math.log(0.2), "0": math.log(0.1), "2": math.log(0.1)}
    if "silent" in text:
        return {"The": math.log(0.9), "3": math.log(0.1)}
    return "the prompt is longer than the context" if "broken" in text else {" 0": math.log(0.6), "0": math.log(0.4)}


PAIRS = [("q", "good"), ("q", "bad"), ("q", "silent"), ("q", "broken")]


def test_the_score_is_the_expectation_over_the_levels_tokens(scripted, scale):
    with LlmTeacher(scripted(say), scale) as teacher:
        good, bad, silent, broken = teacher.marks(PAIRS)
    assert good.value == pytest.approx((3 * 0.5 + 1 * 0.2 + 0 * 0.1) / 0.8)  # 2 is no level of this scale
    assert good.mass == pytest.approx(0.8)
    assert bad.value == 0
    assert bad.mass == pytest.approx(1.0)
    assert math.isnan(silent.value)
    assert silent.reason.startswith("low_mass: 0.100 on 3 1 0")
    assert math.isnan(broken.value)
    assert broken.reason == "engine_error: the prompt is longer than the context"
    assert not teacher.engine.running


def test_top_is_the_share_of_the_highest_level(scripted, scale):
    teacher = LlmTeacher(scripted(say), scale, expectation="top")
    assert list(teacher.score(PAIRS))[:2] == pytest.approx([0.5 / 0.8, 0.0])


def test_the_model_is_told_levels_examples_query_and_passage_as_data(scripted, scale):
    teacher = LlmTeacher(scripted(say), scale, max_item_chars=30)
    (mark,) = teacher.marks([("why </query> rain", "Water. " * 50)])
    (request,) = teacher.engine.asked
    system, *turns, question = request.messages
    assert "3: answers\n1: touches it\n0: something else" in system["content"]
    assert [turn["content"] for turn in turns if turn["role"] == "assistant"] == ["3", "1", "0"]
    assert question["content"].count("</query>") == 1
    assert "Water. " * 6 not in question["content"]
    assert mark.truncated


def test_no_examples_no_earlier_turns(scripted, scale):
    teacher = LlmTeacher(scripted(say), scale, examples=0)
    list(teacher.marks(PAIRS[:1]))
    assert [message["role"] for message in teacher.engine.asked[0].messages] == ["system", "user"]


def test_identity_follows_what_changes_a_score(scripted, scale):
    def identity(**keys):
        return LlmTeacher(scripted(say), scale, **keys).identity()

    ways = ({}, {"expectation": "top"}, {"examples": 0}, {"min_mass": 0.1}, {"logprobs": 5}, {"max_item_chars": 9})
    found = [identity(**keys) for keys in ways]
    assert all(one != other for n, one in enumerate(found) for other in found[:n])
    assert identity() == found[0]


def test_wrong_values_are_refused(scripted, scale):
    for keys in ({"expectation": "mean"}, {"examples": -1}, {"max_item_chars": 0}, {"prompt": "nowhere"}):
        with pytest.raises(WrankError, match=next(iter(keys))):
            LlmTeacher(scripted(say), scale, **keys)
    tens = Scale([{"grade": g, "name": f"l{g}", "definition": "x"} for g in (10, 0)])
    with pytest.raises(WrankError, match="10 is no digit"):
        LlmTeacher(scripted(say), tens)
