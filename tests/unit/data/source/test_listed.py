import json

import pytest

from wrank.data.source.listed import ListedSource
from wrank.data.source.seen import text_id
from wrank.errors import WrankError

GRADED = {
    "query_id": 7,
    "query": " what is tea ",
    "passages": [
        {"id": "a", "title": "Tea", "text": "a leaf", "grade": 2, "score": -0.5},
        {"text": "a bean", "grade": 0, "score": 0.25},
        {"id": "c", "text": "a stone", "score": 1},
    ],
}
FLAT = {"query": "what is coffee", "positive": "a bean", "negative": ["a stone", "a leaf "]}
TEVATRON = {
    "query_id": "t1",
    "query": "what is cocoa",
    "positive_passages": [{"docid": "x", "title": "", "text": "a fruit"}],
    "negative_passages": [{"docid": "y", "title": "Nut", "text": "a shell"}, {"text": "a bean"}],
}


def source(tmp_path, *records, **settings):
    path = tmp_path / "lists.jsonl"
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in records))
    return ListedSource(str(path), **settings)


def load(tmp_path, *records, **settings):
    return source(tmp_path, *records, **settings).load("train", tmp_path / "cache")


def test_each_form_is_read_and_missing_ids_are_made_of_texts(tmp_path):
    collection = load(tmp_path, GRADED, FLAT, TEVATRON)
    bean, stone, leaf, coffee = map(text_id, ("a bean", "a stone", "a leaf", "what is coffee"))
    assert dict(zip(collection.passages.ids, collection.passages.all_texts, strict=True)) == {
        "a": "Tea a leaf",
        bean: "a bean",
        "c": "a stone",
        stone: "a stone",
        leaf: "a leaf",
        "x": "a fruit",
        "y": "Nut a shell",
    }
    assert dict(zip(collection.queries.ids, collection.queries.all_texts, strict=True)) == {
        "7": "what is tea",
        coffee: "what is coffee",
        "t1": "what is cocoa",
    }
    assert collection.qrels == {
        "7": {"a": 2.0, bean: 0.0},
        coffee: {bean: 1.0, stone: 0.0, leaf: 0.0},
        "t1": {"x": 1.0, "y": 0.0, bean: 0.0},
    }


def test_scores_are_offered_beside_the_grades(tmp_path):
    lists = source(tmp_path, GRADED, FLAT)
    collection = lists.load("train", tmp_path / "cache")
    scores = lists.scores(collection.queries, collection.passages)
    assert scores == {"7": {"a": -0.5, text_id("a bean"): 0.25, "c": 1.0}}
    without = source(tmp_path, FLAT)
    collection = without.load("train", tmp_path / "cache")
    assert without.scores(collection.queries, collection.passages) is None


def test_one_query_on_several_lines_is_one_query(tmp_path):
    collection = load(
        tmp_path, {"query": "q", "positive": "p", "negative": "n"}, {"query": "q", "negative": ["n", "m"]}
    )
    assert len(collection.queries) == 1
    assert collection.notes["repeated_judgements"] == 1
    assert sorted(collection.qrels[text_id("q")].values()) == [0, 0, 1]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([""], r"lists.jsonl: empty"),
        ([FLAT, "{"], r"lists.jsonl:2: not valid JSON"),
        ([FLAT, "[1]"], r"lists.jsonl:2: wanted a JSON object"),
        ([{"anchor": "q", "positive": "p"}], r":1: no key 'query'; the keys there are 'anchor', 'positive'"),
        ([{"query": "q"}], r":1: no 'passages', and none of positive"),
        ([{"query": " ", "positive": "p"}], r":1: the query's text is empty"),
        ([{"query": 3, "positive": "p"}], r":1: 'query' is of type int; wanted a string"),
        ([{"query": "q", "query_id": 1.5, "positive": "p"}], r":1: 'query_id' is 1.5"),
        ([{"query": "q", "positive": "p", "passages": []}], r":1: both 'passages' and 'positive'"),
        ([{"query": "q", "passages": {}}], r":1: 'passages' is of type dict; wanted a list"),
        ([{"query": "q", "passages": []}], r":1: no passage in the list"),
        ([{"query": "q", "passages": ["p"]}], r":1: 'passages' holds a str \(p\); wanted objects"),
        ([{"query": "q", "passages": [{"id": "a"}]}], r":1: no key 'text'; the keys there are 'id'"),
        ([{"query": "q", "passages": [{"text": " "}]}], r":1: a text of 'passages' is empty"),
        ([{"query": "q", "passages": [{"text": "p", "grade": "high"}]}], r":1: grade 'high' is not a finite number"),
        ([{"query": "q", "passages": [{"text": "p", "grade": True}]}], r":1: grade 'True' is not a finite number"),
        ([{"query": "q", "passages": [{"text": "p", "grade": -1}]}], r":1: grade -1 is below 0"),
        ([{"query": "q", "passages": [{"text": "p", "grade": 1, "score": "x"}]}], r":1: score 'x' is not a finite"),
        ([{"query": "q", "positive": 3}], r":1: 'positive' is of type int; wanted a list"),
        ([{"query": "q", "positive": ["p", None]}], r":1: 'positive' holds a NoneType"),
        ([{"query": "q", "positive": "p", "negative": [""]}], r":1: a text of 'negative' is empty"),
        ([{"query": "q", "positive_passages": ["p"]}], r":1: 'positive_passages' holds a str"),
        ([FLAT, {"query": "what is coffee", "positive": "a stone"}], r"lists.jsonl:2: .* grade 1 .* 0 in line 1"),
        (
            [TEVATRON, {"query": "q", "positive_passages": [{"docid": "x", "text": "another"}]}],
            r"lists.jsonl:2: passage 'x' has another text than in .*lists.jsonl:1",
        ),
        (
            [TEVATRON, {"query_id": "t1", "query": "q", "positive": "p"}],
            r"lists.jsonl:2: query 't1' has another text than in .*lists.jsonl:1",
        ),
        ([{"query": "q", "passages": [{"text": "p"}]}], r"lists.jsonl: no passage has a 'grade'"),
    ],
)
def test_malformed_lines_are_named(tmp_path, records, message):
    with pytest.raises(WrankError, match=message):
        load(tmp_path, *records)


def test_scores_of_some_passages_alone_are_refused(tmp_path):
    record = {"query": "q", "passages": [{"text": "p", "grade": 1, "score": 2}, {"text": "n", "grade": 0}]}
    lists = source(tmp_path, FLAT, record)
    collection = lists.load("train", tmp_path / "cache")
    with pytest.raises(WrankError, match=r"lists.jsonl:2: 1 of the 2 passages have a 'score'"):
        lists.scores(collection.queries, collection.passages)


def test_two_scores_of_one_pair_are_refused_with_both_lines(tmp_path):
    records = [{"query": "q", "passages": [{"text": "p", "grade": 1, "score": score}]} for score in (1, 2)]
    lists = source(tmp_path, *records)
    collection = lists.load("train", tmp_path / "cache")
    with pytest.raises(WrankError, match=r"lists.jsonl:2: .* has 2 for query .*, but 1 in line 1"):
        lists.scores(collection.queries, collection.passages)


def test_grades_below_zero_are_read_as_zero_when_asked(tmp_path):
    record = {"query": "q", "passages": [{"id": "p", "text": "p", "grade": -1}]}
    assert load(tmp_path, record, negative_grades="zero").qrels == {text_id("q"): {"p": 0.0}}
