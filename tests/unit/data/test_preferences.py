"""Preferences are read once, by query, and refused where they do not fit."""

import pickle

import pyarrow as pa
import pytest
from pyarrow import parquet

from wrank.data.preferences import PreferenceTable
from wrank.errors import WrankError

PASSAGES = {f"p{n}": f"text {n}" for n in range(5)}
QUERIES = {f"q{n}": f"query {n}" for n in range(4)}
ROWS = [("q2", "p0", "p1", 0.9), ("q0", "p3", "p2", 0.25), ("q2", "p1", "p4", 0.5), ("q0", "p0", "p3", 1.0)]


@pytest.fixture
def collection(make_collection):
    return make_collection(PASSAGES, QUERIES, {"q0": {"p0": 1}, "q2": {"p0": 1}})


def read(collection, folder, rows, names=("query_id", "first_id", "second_id", "p")):
    path = folder / "preferences.parquet"
    columns = list(zip(*rows, strict=True)) or [[]] * 4
    parquet.write_table(pa.table({name: pa.array(column) for name, column in zip(names, columns, strict=True)}), path)
    return PreferenceTable.read(path, collection.queries, collection.passages, folder / "cache")


def of_query(table, collection, query_id):
    first, second, p = table.of_query(collection.queries.row(query_id))
    ids = collection.passages.ids
    return [(ids[a], ids[b], share) for a, b, share in zip(first.tolist(), second.tolist(), p.tolist(), strict=True)]


def test_preferences_are_found_by_query_in_the_files_order(collection, tmp_path):
    table = read(collection, tmp_path, ROWS)
    for one in (table, pickle.loads(pickle.dumps(table))):
        assert len(one) == 4
        assert of_query(one, collection, "q0") == [("p3", "p2", 0.25), ("p0", "p3", 1.0)]
        assert of_query(one, collection, "q2") == [("p0", "p1", pytest.approx(0.9)), ("p1", "p4", 0.5)]
        assert of_query(one, collection, "q1") == of_query(one, collection, "q3") == []
    assert len(pickle.dumps(table)) < 1000  # workers map the folder: nothing is copied to them


def test_another_file_under_the_same_name_is_read_anew(collection, tmp_path):
    read(collection, tmp_path, ROWS)
    assert len(read(collection, tmp_path, ROWS[:1])) == 1


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("x", "p0", "p1", 0.5), r":5: no query 'x'"),
        (("q0", "p0", "zz", 0.5), r":5: no passage 'zz'"),
        (("q0", "p0", "p1", 1.5), r":5: p is 1.5; wanted a probability"),
        (("q0", "p0", "p1", float("nan")), r":5: p is nan"),
        (("q0", "p1", "p1", 0.5), r":5: passage 'p1' is preferred to itself"),
    ],
)
def test_what_does_not_fit_is_told_with_its_row(collection, tmp_path, row, told):
    with pytest.raises(WrankError, match=told):
        read(collection, tmp_path, [*ROWS, row])


def test_files_that_hold_no_preferences_are_told(collection, tmp_path):
    with pytest.raises(WrankError, match=r"no column 'first_id'; wanted .*; there are query_id, a"):
        read(collection, tmp_path, ROWS, ("query_id", "a", "second_id", "p"))
    (tmp_path / "no.parquet").write_text("no")
    with pytest.raises(WrankError, match="not a whole Parquet file"):
        PreferenceTable.read(tmp_path / "no.parquet", collection.queries, collection.passages, tmp_path / "cache")
    with pytest.raises(WrankError, match=r"no preference in it.*wrank score"):
        read(collection, tmp_path, [])
