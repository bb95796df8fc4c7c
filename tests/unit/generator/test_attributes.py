"""Drawn attributes: by position alone, as often as declared, and declared well."""

import collections

import pytest

from wrank.errors import WrankError
from wrank.generator.attributes import Attributes, share


def counts(attributes, name, draws=4000):
    return collections.Counter(attributes.draw(0, "graded", f"q{number}", 0, 0)[name] for number in range(draws))


def test_equal_positions_draw_equal_values_and_others_differ():
    attributes = Attributes({"sentences": list(range(1, 16)), "style": ["news", "blog", "manual"]})
    assert attributes.draw(0, "graded", "q1", 0, 0) == attributes.draw(0, "graded", "q1", 0, 0)
    for place in range(5):
        positions = [[0, "graded", "q1", 0, 0] for _ in range(30)]
        for number, position in enumerate(positions):
            position[place] = f"{number}" if place in (1, 2) else number
        assert len({attributes.draw(*position)["sentences"] for position in positions}) > 5, place


def test_a_value_depends_on_its_own_attribute_alone():
    """An attribute more must not change the others, nor their order."""
    few = Attributes({"sentences": list(range(1, 16))})
    more = Attributes({"style": ["news", "blog"], "sentences": list(range(1, 16)), "domain": None})
    assert few.draw(1, "q")["sentences"] == more.draw(1, "q")["sentences"]


def test_values_are_drawn_as_often_as_declared():
    found = counts(Attributes({"style": {"news": 3, "blog": 1, "manual": 0}}), "style")
    assert found["news"] / 4000 == pytest.approx(0.75, abs=0.03)
    assert set(found) == {"news", "blog"}


@pytest.mark.parametrize("declared", [["a", "b", "a", "a"], {"a": 3, "b": 1}, [{"a": 3}, "b"], [{"a": 2, "b": 1}, "a"]])
def test_all_forms_of_a_distribution_mean_the_same(declared):
    assert Attributes({"x": declared}).identity() == {"x": [["a", 3], ["b", 4]]}


def test_attributes_that_are_off_are_neither_drawn_nor_told():
    attributes = Attributes({"domain": None, "reading_level": ["easy"]})
    assert attributes.draw("q1") == {"reading_level": "easy"}
    assert attributes.lines(attributes.draw("q1")) == "reading level: easy"
    assert attributes.lines({"domain": "law", "tone": "dry"}) == ""


def test_share_covers_the_unit_interval():
    values = [share("q", number) for number in range(2000)]
    assert all(0 <= value < 1 for value in values)
    assert sum(values) / 2000 == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"style": []}, "style has no values"),
        ({"style": {}}, "style has no values"),
        ({"style": {"news": -1}}, "weight of 'news' is -1"),
        ({"style": {"news": "much"}}, "weight of 'news' is 'much'"),
        ({"style": {"news": float("nan")}}, "weight of 'news' is nan"),
        ({"style": {"news": 0}}, "every weight is 0"),
        ({"style": "news"}, "wanted a list of values"),
        ({"style": 3}, "wanted a list of values"),
        ({"style": [["news"]]}, "neither text nor a number"),
        ({"style": [" "]}, "neither text nor a number"),
        ({"style": [True]}, "neither text nor a number"),
        ({"sentences": [0]}, "0 is no whole number from 1 to 15"),
        ({"sentences": [16]}, "16 is no whole number"),
        ({"sentences": [2.5]}, "2.5 is no whole number"),
        ({"sentences": ["two"]}, "'two' is no whole number"),
        ({"Reading Level": ["easy"]}, "Reading Level"),
        (["sentences"], "wanted names"),
    ],
)
def test_bad_declarations_are_refused(declared, message):
    with pytest.raises(WrankError, match=message):
        Attributes(declared)
