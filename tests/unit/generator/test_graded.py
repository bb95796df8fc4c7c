"""One request a query, one passage a level."""

import pytest

from tests.fixtures.recipes import ITEM, answer, shipped, shipped_scale
from wrank.errors import WrankError


def test_levels_are_asked_and_read_highest_first():
    recipe = shipped("graded")
    request = recipe.request(ITEM, 0, 0, "model")
    assert recipe.slots == 1
    assert list(request.schema["properties"]) == ["perfectly_relevant", "highly_relevant", "related", "irrelevant"]
    written = recipe.read(ITEM, 0, 0, answer(recipe))
    assert [(one.id, one.grade, one.label) for one in written] == [
        ("graded:q1:L3", 3, "perfectly_relevant"),
        ("graded:q1:L2", 2, "highly_relevant"),
        ("graded:q1:L1", 1, "related"),
        ("graded:q1:L0", 0, "irrelevant"),
    ]


def test_definitions_are_told_under_the_keys_of_the_answer():
    for keys, first in (("names", "perfectly_relevant: is all about"), ("letters", "a: is all about")):
        recipe = shipped("graded", keys=keys)
        assert f"\n{first}" in recipe.request(ITEM, 0, 0, "model").messages[0]["content"]


def test_letters_stand_for_levels():
    recipe = shipped("graded", scale="six", keys="letters")
    request = recipe.request(ITEM, 0, 0, "model")
    assert list(request.schema["properties"]) == list("abcdef")
    assert "exact" not in "".join(message["content"] for message in request.messages[1:])
    assert [one.label for one in recipe.read(ITEM, 0, 0, answer(recipe))][::5] == ["exact", "irrelevant"]


def test_examples_can_be_fewer_or_none():
    assert len(shipped("graded", max_examples=0).request(ITEM, 0, 0, "m").messages) == 2
    assert len(shipped("graded", max_examples=1).request(ITEM, 0, 0, "m").messages) == 4
    everything = 2 + 2 * len(shipped_scale().examples)
    assert len(shipped("graded", max_examples=99).request(ITEM, 0, 0, "m").messages) == everything


@pytest.mark.parametrize("changes", [{"keys": "numbers"}, {"max_examples": -1}, {"max_examples": True}])
def test_unknown_choices_are_refused(changes):
    with pytest.raises(WrankError, match=next(iter(changes))):
        shipped("graded", **changes)
