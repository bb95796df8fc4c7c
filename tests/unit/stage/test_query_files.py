"""Frequencies and paraphrases: of several sets, with and without a header, and what is wrong with a file."""

from types import SimpleNamespace

import pytest

from wrank.errors import WrankError
from wrank.stage.query_files import read_frequencies, read_paraphrases


def sets(**qrels):
    return {name: SimpleNamespace(qrels={query_id: {"p": 1.0} for query_id in ids}) for name, ids in qrels.items()}


@pytest.fixture
def file(tmp_path):
    def write(content):
        (tmp_path / "file.tsv").write_text(content)
        return str(tmp_path / "file.tsv")

    return write


@pytest.mark.parametrize("header", ["", "query-id\tcount\n", "Query_ID\tCount\n"])
def test_judged_queries_alone_are_kept_in_order(file, header):
    collections = sets(one=["b", "a"])
    collections["one"].qrels["empty"] = {}
    path = file(f"{header}b\t2.5\nother\t9\na\t0\nempty\t3\n")
    assert list(read_frequencies(path, collections)["one"].items()) == [("a", 0.0), ("b", 2.5)]


@pytest.mark.parametrize("header", ["", "query-id\tquestion\n"])
def test_questions_with_two_judged_wordings_are_kept(file, header):
    path = file(f"{header}d\tt wo\nc\tone\nb\tt wo\na\tone\nalone\tthree\nother\tone\n")
    found = read_paraphrases(path, sets(one=["d", "c", "b", "a", "alone"]))
    assert [*found["one"].items()] == [("one", ["a", "c"]), ("t wo", ["b", "d"])]


def test_a_header_is_the_first_line_alone(file):
    with pytest.raises(WrankError, match=r"file.tsv:2: count 'count' is not a finite number"):
        read_frequencies(file("a\t1\nquery-id\tcount\n"), sets(one=["a"]))
    with pytest.raises(WrankError, match=r"file.tsv:1: count 'question' is not a finite number"):
        read_frequencies(file("query-id\tquestion\na\t1\n"), sets(one=["a"]))


def test_a_set_without_any_match_has_none_and_one_warning_names_them_all(file, caplog):
    collections = sets(one=["a", "b"], two=["c", "d"], three=["e"])
    assert read_frequencies(file("a\t1\nb\t2\n"), collections) == {
        "one": {"a": 1.0, "b": 2.0},
        "two": None,
        "three": None,
    }
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "none of the judged queries of these sets is in it: two, three"
    ]
    caplog.clear()
    found = read_paraphrases(file("a\tx\nb\tx\nc\ty\n"), collections)
    assert found == {"one": {"x": ["a", "b"]}, "two": None, "three": None}
    assert "of these sets is in it: two, three" in caplog.text
    assert len(caplog.records) == 1


def test_queries_without_a_frequency_are_told(file, caplog):
    read_frequencies(file("a\t1\nc\t1\nd\t1\n"), sets(one=["a", "b", "x"], two=["c", "d"]))
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "2 of the 3 judged queries of one are not in it: they are in no third by frequency"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\t1\nb\t1\na\t1\n", "file.tsv:3: query 'a' comes twice, first in line 1; wanted one count a query"),
        ("a\t1\nb\t-1\n", "file.tsv:2: the count -1 of query 'b' is below 0"),
        ("a\tnan\n", "file.tsv:1: count 'nan' is not a finite number"),
        ("a\t1e999\n", "file.tsv:1: count '1e999' is not a finite number"),
        ("a\toften\n", "file.tsv:1: count 'often' is not"),
        ("a 1\n", "file.tsv:1: 1 columns, wanted 2: query-id<TAB>count; columns are separated by tabs"),
        ("x\t1\n", "none of the judged queries of one, two is in it; their ids are e.g. 'a'"),
        ("", "none of the judged queries"),
    ],
)
def test_frequencies_that_cannot_be_are_refused(file, content, message):
    with pytest.raises(WrankError, match=message):
        read_frequencies(file(content), sets(one=["a", "b"], two=["c"]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tx\nb\tx\na\ty\n", "file.tsv:3: query 'a' comes twice, first in line 1; wanted one question a query"),
        ("a\tx\nb\ty\nc\tx\n", "no question with two wordings among the judged queries of one, two is in it"),
        ("a\n", "file.tsv:1: 1 columns, wanted 2: query-id<TAB>question"),
    ],
)
def test_paraphrases_that_cannot_be_are_refused(file, content, message):
    with pytest.raises(WrankError, match=message):
        read_paraphrases(file(content), sets(one=["a", "b"], two=["c"]))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WrankError, match=r"nothing\.tsv"):
        read_frequencies(str(tmp_path / "nothing.tsv"), sets(one=["a"]))
