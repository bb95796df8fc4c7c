"""Paraphrases are read once, by query; those of unknown queries and held-out texts are left out."""

import gzip
import pickle

import numpy as np
import pytest

from wrank.data.paraphrases import ParaphraseTable, read_paraphrases
from wrank.data.text_hash import text_key
from wrank.errors import WrankError

QUERIES = {f"q{n}": f"query {n}" for n in range(4)}
ROWS = [("q2", "two again"), ("q0", "nought"), ("x", "of nobody"), ("q2", "once more two"), ("q0", "zero")]


@pytest.fixture
def queries(make_collection):
    return make_collection({"p0": "text"}, QUERIES, {"q0": {"p0": 1}}).queries


def build(queries, folder, rows=ROWS, content="a"):
    return ParaphraseTable.build(lambda: iter(rows), content, "the place", queries, folder / "cache")


def test_paraphrases_are_found_by_query_in_the_files_order(queries, tmp_path):
    table = build(queries, tmp_path)
    for one in (table, pickle.loads(pickle.dumps(table)), build(queries, tmp_path, rows=[])):  # found, not read
        assert len(one) == 4
        assert one.unknown == 1
        assert one.of_query(queries.row("q2")) == ["two again", "once more two"]
        assert one.of_query(queries.row("q0")) == ["nought", "zero"]
        assert one.of_query(queries.row("q1")) == one.of_query(queries.row("q3")) == []
        assert one.query_rows.tolist() == sorted([queries.row("q0"), queries.row("q2")])


def test_held_out_texts_are_left_out_also_by_workers(queries, tmp_path):
    table = build(queries, tmp_path).without(np.array([text_key("nought"), text_key("zero"), text_key("two again")]))
    for one in (table, pickle.loads(pickle.dumps(table))):
        assert len(one) == 1
        assert one.of_query(queries.row("q2")) == ["once more two"]
        assert one.of_query(queries.row("q0")) == []
        assert one.query_rows.tolist() == [queries.row("q2")]
    none = table.without(np.array([text_key(text) for _, text in ROWS]))
    assert len(none) == 0
    assert none.of_query(queries.row("q2")) == []


def test_nothing_known_is_told(queries, tmp_path):
    with pytest.raises(WrankError, match=r"the place: none of its 1 query ids, e\.g\. 'x', is a query"):
        build(queries, tmp_path, [("x", "y")])
    with pytest.raises(WrankError, match="the place: no paraphrase in it"):
        build(queries, tmp_path, [], "b")


def test_both_forms_say_the_same(tmp_path):
    (tmp_path / "a.tsv").write_text("query_id\ttext\nq1\tone \n\nq1\teins\n")
    (tmp_path / "b.jsonl").write_text('{"query_id": "q1", "text": "one"}\n{"query_id": "q1", "text": "eins"}\n')
    with gzip.open(tmp_path / "c.tsv.gz", "wt") as file:
        file.write("q1\tone\nq1\teins\n")
    for name in ("a.tsv", "b.jsonl", "c.tsv.gz"):
        assert list(read_paraphrases(tmp_path / name)) == [("q1", "one"), ("q1", "eins")]


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("a.tsv", "q1", "a.tsv:2: wanted query_id<TAB>text, got 1 columns"),
        ("a.tsv", "\ttext", "a.tsv:2: wanted query_id<TAB>text"),
        ("a.tsv", "q1\t  ", "a.tsv:2: the text of a paraphrase is empty"),
        ("a.jsonl", '{"query_id": "q1", "text": 3}', "a.jsonl:2: wanted the keys query_id and text"),
        ("a.jsonl", '{"text": "x"}', "a.jsonl:2: no key 'query_id'"),
    ],
)
def test_a_line_that_does_not_fit_is_told(tmp_path, name, line, told):
    first = "q0\tx\n" if name.endswith("tsv") else '{"query_id": "q0", "text": "x"}\n'
    (tmp_path / name).write_text(first + line + "\n")
    with pytest.raises(WrankError, match=told):
        list(read_paraphrases(tmp_path / name))
