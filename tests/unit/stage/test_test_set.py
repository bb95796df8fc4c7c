"""What is evaluated: rules of a set in place of the settings', what is refused early, what is part of the key."""

import json
from types import SimpleNamespace

import pytest

from wrank.data.source.beir import BeirSource
from wrank.errors import WrankError
from wrank.evaluation.settings import EvaluationSettings
from wrank.evaluation.suite.base import EvaluationSet, Suite
from wrank.stage.test_set import test_sets as read_sets


@pytest.fixture
def context(tmp_path):
    """A job over one collection of three queries; `make` takes what is set about the evaluation."""

    def make(grades=("1", "2", "0"), queries=("a", "b", "c"), **settings):
        folder = tmp_path / "small"
        (folder / "qrels").mkdir(parents=True, exist_ok=True)
        (folder / "corpus.jsonl").write_text('{"_id": "p", "text": "tea"}\n')
        (folder / "queries.jsonl").write_text("".join(json.dumps({"_id": one, "text": one}) + "\n" for one in queries))
        rows = [f"{query}\tp\t{grade}\n" for query, grade in zip(queries, grades, strict=True)]
        (folder / "qrels" / "test.tsv").write_text("".join(rows))
        source = BeirSource(str(folder))
        tables = tmp_path / "tables"
        return SimpleNamespace(
            settings=EvaluationSettings(**settings),
            source=source,
            test_split="test",
            tables=tables,
            collection=lambda split: source.load(split, tables),
        )

    return make


def suite_of(context, *sets, averaged=True):
    class Two(Suite):
        name = "two"

        def all_sets(self):
            return [EvaluationSet(name, lambda: context.source, **values) for name, values in sets]

    Two.averaged = averaged
    object.__setattr__(context.settings, "suite", Two())
    return context


def test_one_collection_is_one_set(context):
    (test,) = read_sets(context())
    assert (test.name, test.label, test.rule.main, test.relevant) == ("small/test", "small", "nDCG@10", 1)
    assert test.files_identity == {}


def test_the_set_s_own_rules_reach_the_test_set(context):
    rules = {"measures": ("AP(rel=2)",), "drop_self": True, "relevant": 2, "query_prompt": "x: "}
    job = suite_of(context(), ("plain", {}), ("graded", rules), averaged=False)
    plain, graded = read_sets(job)
    assert (plain.relevant, plain.settings.drop_self, plain.rule.main) == (1, False, "nDCG@10")
    assert (graded.relevant, graded.settings.drop_self, graded.rule.main) == (2, True, "AP(rel=2)")
    assert (graded.identity["relevant"], graded.identity["query_prompt"]) == (2, "x: ")
    assert [test.rule.averaged for test in (plain, graded)] == [False, False]
    assert read_sets(suite_of(context(), ("plain", {})))[0].rule.averaged


@pytest.mark.parametrize("main", ["NumRet", "Unjudged@10"])
def test_a_main_measure_that_nothing_can_be_compared_in_is_refused_early(context, main):
    with pytest.raises(WrankError, match=r"small/test: the first of evaluation.measures .* put another one before it"):
        read_sets(context(measures=[main, "nDCG@10"]))
    read_sets(context(measures=["nDCG@10", main]))


def test_the_key_holds_a_hash_of_what_is_known_of_judged_queries(context, tmp_path):
    def identity(content, paraphrases="a\tx\nb\tx\n"):
        (tmp_path / "asked.tsv").write_text(content)
        (tmp_path / "wordings.tsv").write_text(paraphrases)
        files = {"frequencies": str(tmp_path / "asked.tsv"), "paraphrases": str(tmp_path / "wordings.tsv")}
        (test,) = read_sets(context(**files))
        return test.files_identity

    first = identity("a\t1\nb\t2\n")
    assert set(first) == {"frequencies", "paraphrases"}
    assert {len(value) for value in first.values()} == {64}
    assert identity("query-id\tcount\nb\t2\nelsewhere\t7\na\t1\n", "b\tx\na\tx\nelsewhere\tx\n") == first
    assert identity("a\t1\nb\t3\n")["frequencies"] != first["frequencies"]
    assert identity("a\t1\nb\t2\n", "a\tx\nc\tx\n")["paraphrases"] != first["paraphrases"]


def test_a_set_that_a_file_says_nothing_of_has_none(context, tmp_path):
    (tmp_path / "asked.tsv").write_text("a\t1\n")
    job = suite_of(context(frequencies=str(tmp_path / "asked.tsv")), ("one", {}), ("two", {}))
    (tmp_path / "other" / "qrels").mkdir(parents=True)
    (tmp_path / "other" / "corpus.jsonl").write_text('{"_id": "p", "text": "tea"}\n')
    (tmp_path / "other" / "queries.jsonl").write_text('{"_id": "z", "text": "z"}\n')
    (tmp_path / "other" / "qrels" / "test.tsv").write_text("z\tp\t1\n")
    other = BeirSource(str(tmp_path / "other"))
    first = job.settings.suite.all_sets()[0]
    job.settings.suite.all_sets = lambda: [first, EvaluationSet("two", lambda: other)]
    one, two = read_sets(job)
    assert (one.frequencies, two.frequencies, two.files_identity) == ({"a": 1.0}, None, {})


def test_bad_grades_and_ids_name_the_set(context):
    with pytest.raises(WrankError, match=r"small/test: .*not a whole number"):
        read_sets(context(grades=("0.5", "1", "1")))
    with pytest.raises(WrankError, match=r"small/test: .*query id 'a b' has white space"):
        read_sets(context(queries=("a b", "b", "c")))
