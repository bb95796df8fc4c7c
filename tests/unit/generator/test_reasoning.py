"""Queries that take reasoning, each with a passage that misleads."""

import dataclasses
import json
import re

import pytest

from tests.fixtures.recipes import CONF, ITEM, answer, options, shipped
from wrank.errors import WrankError
from wrank.generator.base import Rejected

PASSAGE = dataclasses.replace(
    ITEM, id="p1", text="Swifts leave in early August, most of them at night, and winter in Africa."
)
_SMALL = "a an and are as at for from had i in is it of on or our that the there to was were what with"
STOP = frozenset(re.findall(r"\w+", _SMALL))
EMPTY = {"style": "hard", "query": "q", "negatives": [""]}


def test_a_query_then_its_hard_negative_with_the_scales_ends_as_grades():
    recipe = shipped("reasoning")
    assert recipe.starts_from == "passage"
    for slot, style in enumerate(("hard", "problem")):
        query, negative = recipe.read(PASSAGE, slot, 0, answer(recipe, slot, PASSAGE))
        assert (query.id, query.kind, query.grade, query.label) == (f"reasoning:p1:{style}", "query", 3, style)
        assert (negative.id, negative.kind, negative.grade) == (f"reasoning:p1:{style}:negative0", "passage", 0)


@pytest.mark.parametrize(
    ("negatives", "keys"), [(0, []), (1, ["hard_negative"]), (2, ["hard_negative_1", "hard_negative_2"])]
)
def test_the_negative_is_asked_for_after_the_query_and_explained(negatives, keys):
    """Keys come in this order, so the negative is written knowing the query."""
    recipe = shipped("reasoning", negatives=negatives)
    request = recipe.request(PASSAGE, 0, 0, "model")
    assert list(request.schema["properties"]) == ["query", *keys]
    system = request.messages[0]["content"]
    assert all(f'"{key}"' in system for key in keys)
    assert ("misleading" in system, "Then, knowing that query" in system) == (True, bool(keys))
    assert recipe.styles[0].what in system


@pytest.mark.parametrize(("negatives", "shown"), [(0, 2), (1, 2), (2, 0)])
def test_examples_are_shown_where_they_have_negatives_enough(negatives, shown):
    messages = shipped("reasoning", negatives=negatives).request(PASSAGE, 0, 0, "model").messages
    assert len(messages) == 2 + 2 * shown
    for message in messages[2:-1:2]:
        assert len(json.loads(message["content"])) == 1 + negatives


def test_long_queries_are_a_style_of_300_words_and_more():
    recipe = shipped("reasoning", styles=["long"])
    schema = recipe.request(PASSAGE, 0, 0, "model").schema["properties"]["query"]
    assert schema["minLength"] >= 300 * 5
    assert schema["maxLength"] >= 2000 * 6
    assert "300 to 2000 words" in recipe.request(PASSAGE, 0, 0, "model").messages[0]["content"]
    assert "max_query_words: 2200" in (CONF / "reasoning.yaml").read_text()  # the gate lets them pass
    assert options("reasoning")["gate"] == {"max_query_words": 2200}


def test_a_sentence_of_the_passage_is_no_query():
    with pytest.raises(Rejected, match="copy_of_passage"):
        shipped("reasoning").read(PASSAGE, 0, 0, {"query": PASSAGE.text, "hard_negative": "x"})


def test_shipped_examples_do_not_say_the_passages_words():
    """A hard query is found by thought, its negative by words: more of the query's words are in the negative."""

    def words(text):
        return set(text.lower().replace(".", "").replace(",", "").replace("?", "").split()) - STOP

    recipe = shipped("reasoning")
    for part in range(recipe.parts):
        for turn in recipe.turns(part):
            query, negative = words(turn.answer["query"]), words(turn.answer["hard_negative"])
            assert len(query & negative) > 1
            assert len(query & words(turn.texts["passage"])) < 0.25 * len(query)


def test_everything_that_can_change_a_request_is_in_the_identity():
    first = shipped("reasoning").identity()
    for changes in ({"negatives": 2}, {"negative_grade": 1}, {"styles": ["hard"]}, {"examples": []}):
        assert shipped("reasoning", **changes).identity() != first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"negatives": -1}, "negatives is -1"),
        ({"negatives": 6}, "negatives is 6; wanted at most 5"),
        ({"negative_grade": 3}, "negative_grade is 3; wanted less than the passage's grade, 3"),
        ({"styles": ["easy"]}, "no style 'easy'"),
        ({"examples": [{"passage": "p", "queries": "q"}]}, "wanted a list of"),
        ({"examples": [{"passage": "p", "queries": [{"style": "hard"}]}]}, "no key 'query'"),
        ({"examples": [{"passage": "p", "queries": [EMPTY]}]}, "negatives"),
    ],
)
def test_values_that_cannot_be_used_are_refused(changes, message):
    with pytest.raises(WrankError, match=message):
        shipped("reasoning", **changes)
