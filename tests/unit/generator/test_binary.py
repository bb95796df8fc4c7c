"""One positive, n negatives."""

import json

import pytest

from tests.fixtures.recipes import ITEM, answer, shipped, shipped_scale
from wrank.errors import WrankError


def test_positive_first_then_numbered_negatives():
    recipe = shipped("binary", negatives=2, positive_grade=2, negative_grade=1)
    written = recipe.read(ITEM, 0, 0, answer(recipe))
    assert [(one.id, one.grade, one.label) for one in written] == [
        ("binary:q1:L2", 2, "positive"),
        ("binary:q1:L1:0", 1, "negative"),
        ("binary:q1:L1:1", 1, "negative"),
    ]
    single = shipped("binary", negatives=1)
    assert single.read(ITEM, 0, 0, answer(single))[1].id == "binary:q1:L0"


def test_examples_show_the_best_passage_and_those_of_the_lower_half():
    passages = shipped_scale().examples[0].passages
    messages = shipped("binary", negatives=8).request(ITEM, 0, 0, "model").messages
    assert list(json.loads(messages[2]["content"]).values()) == [passages[0], passages[2], passages[3]]
    assert "negative passages: 2" in messages[1]["content"]
    assert "negative passages: 8" in messages[-1]["content"]


@pytest.mark.parametrize(
    "changes",
    [{"negatives": 0}, {"negatives": 21}, {"negative_grade": 3}, {"positive_grade": 0}, {"negative_grade": -1}],
)
def test_numbers_out_of_range_are_refused(changes):
    with pytest.raises(WrankError, match=next(iter(changes))):
        shipped("binary", **changes)
