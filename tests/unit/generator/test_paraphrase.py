"""Queries that ask for the same."""

import json

import pytest

from tests.fixtures.recipes import ITEM, answer, shipped
from wrank.errors import WrankError
from wrank.generator.base import Rejected


def test_queries_are_numbered_in_one_request():
    recipe = shipped("paraphrase")
    written = recipe.read(ITEM, 0, 0, answer(recipe))
    assert recipe.slots == 1
    assert [one.id for one in written] == [f"paraphrase:q1:{number}" for number in range(3)]
    assert {one.kind for one in written} == {"query"}


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["When do  swifts leave?", "b", "c"], "copy_of_query"),
        (["swifts leaving when", "Swifts leaving when.", "c"], "repeated_query"),
        (["a", "b", " "], "empty"),
    ],
)
def test_copies_are_rejected(texts, reason):
    recipe = shipped("paraphrase")
    with pytest.raises(Rejected, match=reason):
        recipe.read(ITEM, 0, 0, {f"query_{number}": text for number, text in enumerate(texts, start=1)})


def test_examples_show_as_many_as_they_have_and_say_so():
    messages = shipped("paraphrase", count=5).request(ITEM, 0, 0, "model").messages
    assert len(json.loads(messages[2]["content"])) == 3
    assert "rewritten queries: 3" in messages[1]["content"]
    assert "rewritten queries: 5" in messages[-1]["content"]


@pytest.mark.parametrize("changes", [{"count": 0}, {"max_chars": 3}, {"examples": [{"query": "q", "paraphrases": []}]}])
def test_values_that_cannot_be_used_are_refused(changes):
    with pytest.raises(WrankError, match=next(iter(changes))):
        shipped("paraphrase", **changes)
