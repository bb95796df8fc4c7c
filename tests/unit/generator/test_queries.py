"""Queries for passages, in six styles."""

import collections
import dataclasses

import pytest

from tests.fixtures.recipes import ITEM, answer, shipped
from wrank.errors import WrankError
from wrank.generator.base import Rejected

STYLES = ["question", "claim", "title", "keywords", "msmarco", "reasoning"]
PASSAGE = dataclasses.replace(
    ITEM, id="p1", text="Swifts leave in early August, most of them at night, and winter in Africa."
)


def test_one_query_in_each_style_with_the_highest_grade():
    recipe = shipped("queries")
    written = [recipe.read(PASSAGE, slot, 0, answer(recipe, slot, PASSAGE))[0] for slot in range(recipe.slots)]
    assert [one.label for one in written] == STYLES
    assert [one.id for one in written] == [f"queries:p1:{style}" for style in STYLES]
    assert {one.grade for one in written} == {3}
    assert {one.kind for one in written} == {"query"}
    assert recipe.starts_from == "passage"
    five = shipped("queries", scale="five")
    assert five.read(PASSAGE, 0, 0, answer(five))[0].grade == 4


@pytest.mark.parametrize("slot", range(6))
def test_a_slot_is_told_its_style_and_shown_examples_of_it(slot):
    recipe = shipped("queries")
    messages = recipe.request(PASSAGE, slot, 0, "model").messages
    definition = recipe.styles[slot].what
    assert definition in messages[0]["content"]
    assert len(messages) == 8
    others = [style.what for style in recipe.styles if style.what != definition]
    assert not any(what in message["content"] for what in others for message in messages)


def test_fewer_queries_than_styles_draw_different_styles_by_passage():
    recipe = shipped("queries", per_passage=2)
    assert recipe.slots == 2
    found = collections.Counter()
    for number in range(600):
        item = dataclasses.replace(PASSAGE, id=f"p{number}")
        parts = [recipe.part(item, slot) for slot in range(2)]
        assert parts[0] != parts[1]
        found.update(parts)
    assert all(count / 1200 == pytest.approx(1 / 6, abs=0.05) for count in found.values())
    assert len(found) == 6


def test_lengths_are_the_styles_own():
    recipe = shipped("queries")
    bounds = [recipe.request(PASSAGE, slot, 0, "m").schema["properties"]["query"]["maxLength"] for slot in range(6)]
    assert bounds[3] < bounds[0] < bounds[5]


def test_a_sentence_of_the_passage_is_no_query():
    recipe = shipped("queries")
    with pytest.raises(Rejected, match="copy_of_passage"):
        recipe.read(PASSAGE, 0, 0, {"query": "swifts leave in early  August, most of them at night, and winter"})
    assert recipe.read(PASSAGE, 3, 0, {"query": "Swifts leave"})[0].text == "Swifts leave"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"styles": ["question", "poem"]}, "no style 'poem'; defined are question"),
        ({"styles": ["claim", "claim"]}, "comes twice"),
        ({"styles": []}, "styles is"),
        ({"styles": "claim"}, "styles is 'claim'"),
        ({"per_passage": 7}, "there are 6 styles"),
        ({"per_passage": 0}, "per_passage is 0"),
        ({"examples": [{"passage": "p", "queries": "q"}]}, "wanted a list of"),
        ({"examples": [{"passage": "p", "queries": [{"style": "claim"}]}]}, "no key 'query'"),
        (
            {"definitions": {"claim": {"what": "x", "min_chars": 9, "max_chars": 8}}, "styles": ["claim"]},
            "max_chars is 8",
        ),
        ({"definitions": {"claim": {"what": "x"}}, "styles": ["claim"]}, "no key 'max_chars'"),
    ],
)
def test_values_that_cannot_be_used_are_refused(changes, message):
    with pytest.raises(WrankError, match=message):
        shipped("queries", **changes)


def test_a_style_of_the_users_own_needs_no_example():
    mine = {"proverb": {"what": "a proverb", "min_chars": 5, "max_chars": 50}}
    recipe = shipped("queries", styles=["proverb"], definitions=mine)
    messages = recipe.request(PASSAGE, 0, 0, "model").messages
    assert [message["role"] for message in messages] == ["system", "user"]
    assert "a proverb" in messages[0]["content"]
