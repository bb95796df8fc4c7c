import pytest

from wrank.errors import WrankError
from wrank.model.settings import resolve_settings


def test_an_argument_goes_before_the_folder_and_the_folder_before_the_default():
    settings = resolve_settings({"pooling": "cls", "query_length": None}, {"pooling": "max", "query_length": 40}, None)
    assert (settings.pooling, settings.query_length, settings.passage_length) == ("cls", 40, 512)


def test_an_empty_prompt_given_replaces_the_prompt_of_the_folder():
    assert resolve_settings({"query_prompt": ""}, {"query_prompt": "query: "}, None).query_prompt == ""


def test_the_default_length_does_not_pass_the_position_limit():
    assert resolve_settings({}, {}, 128).passage_length == 128


@pytest.mark.parametrize(
    ("given", "said", "wanted"),
    [
        ({}, {}, True),
        ({}, {"similarity": "dot"}, False),
        ({"similarity": "dot"}, {}, False),
        ({"similarity": "dot"}, {"normalize": True}, True),
        ({"similarity": "dot", "normalize": False}, {"normalize": True}, False),
        ({}, {"normalize": False}, True),  # cosine: the length does not matter to the score, so it is taken out
    ],
)
def test_normalisation_follows_the_similarity_unless_somebody_says_otherwise(given, said, wanted):
    assert resolve_settings(given, said, None).normalize is wanted


def test_the_limit_is_named():
    with pytest.raises(WrankError, match="at most 128"):
        resolve_settings({"query_length": 129}, {}, 128)


@pytest.mark.parametrize("value", ["abc", True, [1], 0, float("nan"), float("inf")])
def test_a_temperature_that_is_no_number_above_0_is_named(value):
    with pytest.raises(WrankError, match=r"model\.temperature=.*: give a number above 0"):
        resolve_settings({"temperature": value}, {}, None)


@pytest.mark.parametrize("name", ["query_prompt", "passage_prompt"])
def test_a_prompt_that_is_no_text_is_named(name):
    with pytest.raises(WrankError, match=f"model.{name}=5: give a text"):
        resolve_settings({name: 5}, {}, None)


def test_what_acts_on_scores_only_is_no_part_of_an_embedding():
    names = set(resolve_settings({}, {}, None).of_embedding())
    assert names == {"pooling", "normalize", "query_prompt", "passage_prompt", "query_length", "passage_length"}
