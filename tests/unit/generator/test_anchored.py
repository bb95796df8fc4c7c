"""Levels below a real passage."""

import dataclasses

import pytest

from tests.fixtures.recipes import ITEM, answer, shipped
from wrank.generator.base import Rejected


def test_the_real_passage_is_shown_and_stands_above_what_is_written():
    recipe = shipped("anchored")
    request = recipe.request(ITEM, 0, 0, "model")
    assert f"<passage>\n{ITEM.anchor}\n</passage>" in request.messages[-1]["content"]
    assert recipe.starts_from == "anchored"
    assert [one.grade for one in recipe.read(ITEM, 0, 0, answer(recipe))] == [2, 1, 0]
    assert recipe.anchor_grade == 3
    assert "perfectly_relevant" not in request.messages[0]["content"]


def test_examples_give_their_best_passage_as_the_real_one():
    messages = shipped("anchored").request(ITEM, 0, 0, "model").messages
    assert "88 keys" in messages[1]["content"]
    assert "52 white ones" not in messages[2]["content"]


def test_the_top_can_be_written_too_then_without_examples():
    recipe = shipped("anchored", rewrite_top=True)
    assert [one.grade for one in recipe.read(ITEM, 0, 0, answer(recipe))] == [3, 2, 1, 0]
    assert len(recipe.request(ITEM, 0, 0, "model").messages) == 2
    assert recipe.identity() != shipped("anchored").identity()


def test_two_levels_leave_one_to_write():
    recipe = shipped("anchored", scale="two")
    assert [one.grade for one in recipe.read(ITEM, 0, 0, answer(recipe))] == [0]


def test_without_a_passage_there_is_nothing_to_write_around():
    with pytest.raises(Rejected, match="empty_passage"):
        shipped("anchored").request(dataclasses.replace(ITEM, anchor=" "), 0, 0, "model")
