"""Scales: what a level must be, and the scales that ship."""

from pathlib import Path

import pytest
import yaml

from wrank.errors import WrankError
from wrank.generator.scale import Scale

CONF = Path(__file__).resolve().parents[3] / "conf" / "generator" / "scale"
SHIPPED = {"two": 2, "three": 3, "trec_dl": 4, "five": 5, "six": 6}


def level(grade, name="", definition="what it means"):
    return {"grade": grade, "name": name or f"level_{grade}", "definition": definition}


def shipped(name):
    return Scale(
        **{
            key: value
            for key, value in yaml.safe_load((CONF / f"{name}.yaml").read_text()).items()
            if key != "_target_"
        }
    )


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([level(0)], "1 levels; wanted 2 to 6"),
        ([level(grade) for grade in range(6, -1, -1)], "7 levels"),
        ([level(0), level(1)], "the highest first"),
        ([level(1, "a"), level(1, "b")], "the highest first"),
        ([level(1, "same"), level(0, "same")], "comes twice"),
        ([level(1.5), level(0)], "whole number"),
        ([level(True), level(0)], "whole number"),
        ([level(1), level(-1)], "whole number"),
        ([level(1, "Very Relevant"), level(0)], "small letters"),
        ([level(1, 'a"b'), level(0)], "small letters"),
        ([level(1, definition=" "), level(0)], "definition is ' '"),
        ([{"grade": 1, "name": "a"}, level(0)], "no key 'definition'"),
        ([{**level(1), "colour": "red"}, level(0)], "has the key 'colour'"),
        (["perfect", level(0)], r"levels\[0\] is 'perfect'"),
    ],
)
def test_levels_that_cannot_be_used_are_refused(levels, message):
    with pytest.raises(WrankError, match=message):
        Scale(levels)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ({"query": "q", "passages": ["one"]}, "1 passages; wanted 2"),
        ({"query": "q", "passages": ["one", " "]}, r"passages\[1\] is ' '"),
        ({"query": "q", "passages": "one"}, "wanted a list of texts"),
        ({"query": "", "passages": ["one", "two"]}, "query is ''"),
        ({"passages": ["one", "two"]}, "no key 'query'"),
    ],
)
def test_examples_that_do_not_fit_the_levels_are_refused(example, message):
    with pytest.raises(WrankError, match=message):
        Scale([level(1), level(0)], [example])


def test_identity_changes_with_a_definition_and_with_an_example():
    plain = Scale([level(1), level(0)])
    assert plain.identity() != Scale([level(1, definition="other"), level(0)]).identity()
    assert plain.identity() != Scale([level(1), level(0)], [{"query": "q", "passages": ["a", "b"]}]).identity()


@pytest.mark.parametrize(("name", "levels"), SHIPPED.items())
def test_shipped_scales_have_their_levels_down_to_zero_and_examples(name, levels):
    scale = shipped(name)
    assert [one.grade for one in scale.levels] == list(range(levels - 1, -1, -1))
    assert len(scale.examples) in (2, 3)


def test_trec_dl_has_the_grades_of_the_records():
    from wrank.records import Level

    assert {one.grade: one.name for one in shipped("trec_dl").levels} == {int(one): one.name.lower() for one in Level}


@pytest.mark.parametrize("name", SHIPPED)
def test_length_of_shipped_examples_tells_no_level(name):
    """A model that sees longer passages higher up writes them so, and length then gives the level away."""
    scale = shipped(name)
    rising = falling = 0
    for example in scale.examples:
        sizes = [len(passage) for passage in example.passages]
        rising += sizes == sorted(sizes)
        falling += sizes == sorted(sizes, reverse=True)
        sentences = {passage.count(". ") + passage.endswith(".") for passage in example.passages}
        assert sentences == {example.attributes["sentences"]}, example.query
    assert rising < len(scale.examples)
    assert falling < len(scale.examples)


def words(text):
    return {word.strip(".,:?").lower() for word in text.split() if len(word) > 4}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_examples_use_no_topic_of_the_sample(name):
    """They would put answers to evaluated queries into the prompt."""
    import json

    sample = Path(__file__).resolve().parents[3] / "wrank" / "data" / "sample" / "queries.jsonl"
    queries = [json.loads(line)["text"] for line in sample.read_text(encoding="utf-8").split("\n") if line]
    for example in shipped(name).examples:
        for query in queries:
            for text in (example.query, *example.passages):
                shared = words(query) & words(text)
                assert len(shared) < 2 or len(shared) < 0.5 * len(words(query)), (query, text)
