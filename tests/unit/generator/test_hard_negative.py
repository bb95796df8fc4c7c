"""Passages that share words with a query and do not help."""

import json

import pytest

from tests.fixtures.recipes import ITEM, answer, shipped
from wrank.errors import WrankError


def test_passages_are_numbered_and_have_one_grade():
    recipe = shipped("hard_negative", count=2, grade=1)
    written = recipe.read(ITEM, 0, 0, answer(recipe))
    assert [(one.id, one.grade) for one in written] == [("hard_negative:q1:L1:0", 1), ("hard_negative:q1:L1:1", 1)]


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (3, 3), (5, 3)])
def test_examples_show_as_many_as_they_have_and_say_so(count, shown):
    messages = shipped("hard_negative", count=count).request(ITEM, 0, 0, "model").messages
    assert len(json.loads(messages[2]["content"])) == shown
    assert f"passages: {shown}\n" in messages[1]["content"]
    assert f"passages: {count}\n" in messages[-1]["content"]


@pytest.mark.parametrize("number", [0, 1])
def test_shipped_examples_share_words_with_their_query(number):
    turn = shipped("hard_negative").examples[number]
    words = set(turn.texts["query"].split()) - {"how", "can", "a", "when", "was", "the", "to"}
    for passage in turn.answer.values():
        assert words & set(passage.lower().replace(",", "").split()), passage


@pytest.mark.parametrize(
    "changes", [{"count": 0}, {"count": 21}, {"grade": -1}, {"examples": [{"query": "q"}]}, {"examples": ["q"]}]
)
def test_values_that_cannot_be_used_are_refused(changes):
    with pytest.raises(WrankError, match=next(iter(changes))):
        shipped("hard_negative", **changes)
