import copy

import numpy as np
import pytest

from wrank.data.augment.base import TextAugmentation, kept, renewed
from wrank.errors import WrankError


class Shout(TextAugmentation):
    def _prepare(self, item):
        return lambda text, place, generator: text.upper()


class Vanish(TextAugmentation):
    def _prepare(self, item):
        return lambda text, place, generator: " "


PASSAGES = (("a", 3), ("b", 2), ("c", 1), ("d", 0))


@pytest.mark.parametrize(
    ("settings", "query", "passages"),
    [
        ({}, "what is it", "ABCD"),
        ({"texts": "query"}, "WHAT IS IT", "abcd"),
        ({"texts": "both"}, "WHAT IS IT", "ABCD"),
        ({"grades": [1, 2]}, "what is it", "aBCd"),
        ({"grades": [0.5, float("inf")]}, "what is it", "ABCd"),
        ({"texts": "both", "grades": [0, 0]}, "WHAT IS IT", "abcD"),
    ],
)
def test_which_texts_are_touched(make_list, settings, query, passages):
    item = Shout(**settings)(make_list(*PASSAGES), 0)
    assert (item.query, "".join(item.passages)) == (query, passages)


def test_probability_is_the_share_of_texts_touched(make_list):
    texts = [text for epoch in range(500) for text in Shout(probability=0.25)(make_list(*PASSAGES), epoch).passages]
    touched = sum(text.isupper() for text in texts)
    assert abs(touched - 500) < 4 * (2000 * 0.25 * 0.75) ** 0.5


def test_texts_are_drawn_each_by_itself(make_list):
    """One draw for a whole list would touch all of its texts or none."""
    shout = Shout(probability=0.5, texts="both")
    drawn = {tuple(map(str.isupper, shout(make_list(*PASSAGES), epoch).passages)) for epoch in range(200)}
    assert len(drawn) == 16


def test_a_text_that_would_be_empty_stays(make_list):
    item = make_list(*PASSAGES)
    assert Vanish(texts="both")(item, 0) == item


def test_a_copy_shares_no_list_with_the_original(make_list):
    item = make_list(*PASSAGES)
    before = copy.deepcopy(item)
    new = renewed(item, query="else")
    for name in ("passage_ids", "passages", "grades", "sources", "teacher", "pairs", "paraphrases"):
        assert getattr(new, name) == getattr(item, name)
        getattr(new, name).clear()
    assert item == before
    assert (new.query, new.weight) == ("else", 0.5)


@pytest.mark.parametrize(
    ("uniform", "loss", "stays"),
    [
        ([0.1, 0.5, 0.9], 0.5, [False, True, True]),
        ([0.1, 0.4, 0.3], 0.5, [False, True, False]),
        ([0.0], 1.0, [True]),
        ([0.0, 0.5], 0.0, [True, True]),
    ],
)
def test_one_piece_always_stays(uniform, loss, stays):
    assert kept(np.array(uniform), loss).tolist() == stays


@pytest.mark.parametrize(
    ("settings", "fragment"),
    [
        ({"texts": "title"}, "data.augment.texts is 'title'; wanted one of query, passage, both"),
        ({"texts": "query", "grades": [1, 3]}, r"data.augment.grades is \[1, 3\], but data.augment.texts is query"),
        ({"grades": [3, 1]}, r"data.augment.grades is \[3, 1\]; wanted \[lowest, highest\]"),
        ({"grades": [1]}, "data.augment.grades"),
        ({"grades": 2}, "data.augment.grades is 2"),
        ({"grades": "12"}, "data.augment.grades is '12'"),
        ({"grades": [1, float("nan")]}, "data.augment.grades"),
        ({"grades": [True, 3]}, "data.augment.grades"),
        ({"probability": 0}, "data.augment.probability is 0; wanted a share above 0, up to 1"),
        ({"probability": 1.1}, "data.augment.probability is 1.1"),
        ({"probability": -0.1}, "data.augment.probability is -0.1"),
        ({"probability": float("nan")}, "data.augment.probability is nan"),
        ({"probability": True}, "data.augment.probability is True"),
        ({"probability": "half"}, "data.augment.probability is 'half'"),
        ({"seed": 1.5}, "data.augment.seed is 1.5; wanted a whole number"),
        ({"seed": None}, "data.augment.seed is None"),
        ({"seed": True}, "data.augment.seed is True"),
    ],
)
def test_values_that_cannot_be_used_are_refused(settings, fragment):
    with pytest.raises(WrankError, match=fragment):
        Shout(**settings)
