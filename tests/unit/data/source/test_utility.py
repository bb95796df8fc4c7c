"""Files of utilities, and what stands for one."""

import gzip

import pytest

from wrank.data.source.pairs import PairsFile, pairs_of
from wrank.data.source.utility import UtilityFile, utilities
from wrank.data.table import TextTable
from wrank.errors import WrankError

JSONL = (
    '{"query_id": "q1", "passage_id": "p1", "utility": -0.25, "task": "qa"}\n'
    '{"query_id": 2, "passage_id": "p2", "utility": 3}\n'
)
TSV = "passage_id\tutility\ttask\tquery_id\np1\t-0.25\tqa\tq1\np2\t3\tqa\t2\n"


@pytest.fixture
def tables(tmp_path):
    queries = TextTable.build([("q1", "x"), ("2", "y")], tmp_path / "queries")
    return queries, TextTable.build([("p1", "a"), ("p2", "b")], tmp_path / "passages"), tmp_path / "cache"


@pytest.mark.parametrize(("name", "content"), [("u.jsonl", JSONL), ("u.tsv", TSV), ("u.jsonl.gz", JSONL)])
def test_utilities_of_either_form_are_read_as_they_are(name, content, tables, tmp_path):
    data = content.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    found = utilities(str(tmp_path / name))
    assert isinstance(found, UtilityFile)
    assert found.load(*tables) == {"q1": {"p1": -0.25}, "2": {"p2": 3.0}}
    assert found.load(*tables) == {"q1": {"p1": -0.25}, "2": {"p2": 3.0}}  # mapped


def test_other_pairs_stand_for_utilities_and_nothing_for_none(tables, tmp_path):
    (tmp_path / "scores.tsv").write_text("q1\tp1\t-0.5\n")
    found = utilities(str(tmp_path / "scores.tsv"))
    assert isinstance(found, PairsFile)
    assert found.load(*tables) == {"q1": {"p1": -0.5}}
    assert utilities(None) is None
    assert pairs_of(None) is None
    assert isinstance(pairs_of(str(tmp_path / "scores.tsv")), PairsFile)


def test_the_content_names_it(tmp_path):
    for name, content in (("a.tsv", TSV), ("b.tsv", TSV), ("c.tsv", TSV.replace("3", "4"))):
        (tmp_path / name).write_text(content)
    names = [UtilityFile(str(tmp_path / f"{name}.tsv")).content(None) for name in "abc"]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("u.jsonl", '{"query_id": "q1", "passage_id": "p1"}\n', ":1: no 'utility'; wanted query_id"),
        ("u.jsonl", JSONL.replace("-0.25", '"much"'), ":1: utility 'much' is not a finite number"),
        ("u.jsonl", JSONL.replace("p2", "p9"), ":2: 1 ids are not in the queries or passages: passage 'p9'"),
        ("u.jsonl", JSONL + JSONL.replace("-0.25", "1"), ":3: passage 'p1' has 1 for query 'q1', but -0.25 in line 1"),
        ("u.tsv", "query_id\tutility\nq1\t1\n", ":1: no column 'passage_id'; wanted a first line"),
        ("u.tsv", TSV + "p1\t2\n", ":4: 2 columns, wanted 4"),
        ("u.tsv", "query_id\tpassage_id\tutility\n", "no pair in it"),
    ],
)
def test_lines_that_do_not_fit_are_told_with_file_and_line(name, content, message, tables, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(WrankError, match=f"{name}.*{message}|{name}: {message}"):
        UtilityFile(str(tmp_path / name)).load(*tables)


@pytest.mark.parametrize("name", ["u.json", "u.txt", "u"])
def test_json_lines_are_told_by_their_content(name, tables, tmp_path):
    (tmp_path / name).write_text('\n{"query_id": "q1", "passage_id": "p1", "utility": -2}\n')
    source = utilities(str(tmp_path / name))
    assert isinstance(source, UtilityFile)
    assert source.load(*tables) == {"q1": {"p1": -2.0}}


def test_no_file_is_told(tmp_path):
    for make in (utilities, UtilityFile):
        with pytest.raises(WrankError, match="nowhere"):
            make(str(tmp_path / "nowhere.jsonl"))
