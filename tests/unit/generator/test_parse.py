"""Replies that must not pass as answers."""

import json

import pytest

from wrank.generator.base import Rejected
from wrank.generator.parse import read_answer
from wrank.generator.request import Reply

TEXT = {"type": "string", "maxLength": 40}
SCHEMA = {
    "type": "object",
    "properties": {"L1": TEXT, "L0": TEXT},
    "required": ["L1", "L0"],
    "additionalProperties": False,
}
GOOD = {"L1": "Tea is a drink.", "L0": "Steel is a metal."}


def reply(text, finish="stop", error=""):
    return Reply("k", text if isinstance(text, str) else json.dumps(text), finish, 3, 5, 0.1, error)


def reason(text, schema=SCHEMA, **facts):
    with pytest.raises(Rejected) as caught:
        read_answer(reply(text, **facts), schema)
    return caught.value.reason


@pytest.mark.parametrize("text", [GOOD, " \n" + json.dumps(GOOD, indent=2) + "\n"])
def test_a_good_reply_is_read(text):
    assert read_answer(reply(text), SCHEMA) == GOOD


def test_text_of_any_language_stays_as_it_is():
    answer = {"L1": "绿茶\u0085\u2028没有", "L0": "tea 🍵 \x00"}
    assert read_answer(reply(answer), SCHEMA) == answer
    assert read_answer(reply(json.dumps(answer, ensure_ascii=False).replace("\x00", "\\u0000")), SCHEMA) == answer


def test_a_cut_reply_is_refused_though_its_json_is_whole():
    assert reason(GOOD, finish="length") == "cut"


def test_an_engine_error_keeps_its_words():
    with pytest.raises(Rejected, match="engine_error: the prompt is too long"):
        read_answer(reply("", finish="error", error="the prompt is too long"), SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "Sure! Here it is.",
        '{"L1": "a", "L0": "b"',
        '```json\n{"L1": "a", "L0": "b"}\n```',
        '{"L1": "a", "L0": "b"} {"L1": "a"}',
        '{"L1": "a", "L1": "c", "L0": "b"}',
        '{"L1": NaN, "L0": "b"}',
        '{"L1": -Infinity, "L0": "b"}',
        '{"L1": 1e999, "L0": "b"}',
        '{"L1": "\\ud83d", "L0": "b"}',
        '{"L1": "\ud83d", "L0": "b"}',
        '{"L1": "a\nb", "L0": "b"}',
        "[" * 100_000,
        "1" * 10_000,
    ],
)
def test_what_is_not_strict_json(text):
    assert reason(text) == "not_json"


@pytest.mark.parametrize(
    "answer",
    [
        {"L1": "a"},
        {"L1": "a", "L0": 3},
        {"L1": "a", "L0": "b", "note": "c"},
        {"L1": "a", "L0": "b" * 41},
        ["a", "b"],
        "text",
        None,
    ],
)
def test_what_does_not_obey_the_schema(answer):
    assert reason(json.dumps(answer)) == "schema"


def test_an_answer_that_is_no_object_is_refused_though_the_schema_lets_it_pass():
    assert reason("[1]", schema={}) == "schema"


def test_the_detail_names_the_place_and_stays_short():
    with pytest.raises(Rejected) as caught:
        read_answer(reply({"L1": "a", "L0": "b" * 5000}), SCHEMA)
    assert caught.value.detail.startswith("$.L0: ")
    assert len(caught.value.detail) < 120


@pytest.mark.parametrize("end", [".", "!”", "？", "。", "…)", "।", ". "])
def test_a_text_that_fills_its_length_and_ends_is_whole(end):
    answer = GOOD | {"L0": "a" * (40 - len(end)) + end}
    assert read_answer(reply(answer), SCHEMA) == answer


def test_a_text_that_fills_its_length_without_an_end_was_cut():
    assert reason(GOOD | {"L0": "the end of this sentence is not in he re"}) == "cut"


def test_cut_texts_are_found_in_lists_and_objects():
    schema = {
        "type": "object",
        "properties": {
            "texts": {"type": "array", "items": TEXT},
            "pair": {"type": "array", "prefixItems": [{"type": "integer"}, TEXT]},
            "deep": {"type": "object", "properties": {"one": TEXT}},
        },
    }
    assert read_answer(reply({"texts": ["a"], "pair": [1, "b"], "deep": {"one": "c"}}), schema)
    for answer in ({"texts": ["a.", "b" * 40]}, {"pair": [1, "b" * 40]}, {"deep": {"one": "b" * 40}}):
        assert reason(json.dumps(answer), schema=schema) == "cut"


def test_a_text_ended_by_the_schema_is_cut_back_to_its_last_whole_sentence_when_asked():
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "minLength": 5, "maxLength": 30}, "b": {"type": "string"}},
    }
    text = "It is cold. It rains. And then"  # 30 characters
    trimmed: list[str] = []
    answer = read_answer(reply({"a": text, "b": text}), schema, trimmed)
    assert answer == {"a": "It is cold. It rains.", "b": text}
    assert trimmed == ["It is cold. It rains."]
    assert reason({"a": text, "b": ""}, schema) == "cut"


@pytest.mark.parametrize("text", ["no sentence ends in this text", "A. " + "b" * 26, "x" * 29])
def test_a_text_without_a_long_enough_whole_sentence_is_still_cut(text):
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 5, "maxLength": 29}}}
    with pytest.raises(Rejected, match="cut"):
        read_answer(reply({"a": text}), schema, [])


def test_a_script_without_spaces_is_cut_back_too():
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 2, "maxLength": 9}}}
    assert read_answer(reply({"a": "天気が良い。明日は"}), schema, [])["a"] == "天気が良い。"
