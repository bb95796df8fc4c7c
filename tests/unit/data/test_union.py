"""Several tables as one: rows, ids and texts as of one table built of them all."""

import numpy as np
import pytest

from wrank.data.table import TextTable
from wrank.data.union import UnionTable
from wrank.errors import WrankError

PARTS = [
    [("a", "x"), ("b", ""), ("c", "z")],
    [("d", "x"), ("b", ""), ("e", "")],
    [("c", "z"), ("f", "w")],
]


@pytest.fixture
def union(tmp_path):
    tables = [TextTable.build(rows, tmp_path / f"t{number}") for number, rows in enumerate(PARTS)]
    return UnionTable(tables)


def test_it_reads_as_one_table(union, tmp_path):
    rows = {id: text for part in PARTS for id, text in part}
    one = TextTable.build(rows.items(), tmp_path / "one")
    assert list(union.ids) == list(one.ids) == ["a", "b", "c", "d", "e", "f"]
    assert list(union.all_texts) == list(one.all_texts)
    assert union.ids[-1] == "f"
    assert union.ids[2:4] == ["c", "d"]
    assert len(union) == len(union.ids) == 6
    assert [union.find(id) for id in "abcdefg"] == [one.find(id) for id in "abcdefg"]
    assert union.find_many([*"fedcbag"]).tolist() == one.find_many([*"fedcbag"]).tolist() == [5, 4, 3, 2, 1, 0, -1]
    assert [union.is_empty(row) for row in range(6)] == [one.is_empty(row) for row in range(6)]
    assert union.empty_rows().tolist() == one.empty_rows().tolist() == [1, 4]
    assert union.keys[np.arange(6)].tolist() == one.keys.tolist()
    assert int(union.keys[3]) == int(one.keys[3])
    assert union.meta["empty_texts"] == one.meta["empty_texts"]
    assert union.texts([5, 0]) == ["w", "x"]


def test_rows_of_the_parts_are_found_again(union):
    for number, rows in enumerate(PARTS):
        here = union.rows_of(number, np.arange(len(rows)))
        assert [(union.id(row), union.text(row)) for row in here.tolist()] == rows


def test_a_row_past_the_end_is_an_error(union):
    for row in (6, -7):
        with pytest.raises(IndexError):
            union.text(row) if row > 0 else union.all_texts[row]


def test_the_key_follows_the_parts(union):
    assert UnionTable(union.tables).key == union.key
    assert UnionTable(union.tables[::-1]).key != union.key


def test_one_id_with_two_texts_is_refused(tmp_path):
    tables = [TextTable.build([("a", text)], tmp_path / text) for text in ("x", "y")]
    with pytest.raises(WrankError, match=r"query 'a' has one text in x \('x'\) and another in y"):
        UnionTable(tables, "query")


def test_a_union_of_unions_is_one(union, tmp_path):
    more = TextTable.build([("g", "v"), ("a", "x")], tmp_path / "more")
    twice = UnionTable([union, more])
    assert list(twice.ids) == [*"abcdefg"]
    assert twice.find("g") == 6
