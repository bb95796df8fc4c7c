import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from wrank.errors import WrankError
from wrank.teacher.pairs import find_pairs_file, gather


def ids(pairs):
    collection = pairs.collection
    return [
        (collection.queries.id(int(q)), collection.passages.id(int(p)))
        for q, p in zip(pairs.query_rows, pairs.passage_rows, strict=True)
    ]


JUDGED = [("q2", "p5"), ("q2", "p1"), ("q2", "p7"), ("q0", "p3"), ("q0", "p0"), ("q1", "p2")]


def further(folder, rows, **more):
    queries, passages = zip(*rows, strict=True)
    columns = {"query_id": queries, "passage_id": passages, "rank": list(range(len(rows)))} | more
    parquet.write_table(pa.table(columns), folder / "pairs.parquet")
    return find_pairs_file(str(folder))


def test_judged_pairs_in_the_collections_order(collection):
    pairs = gather(collection, None)
    assert ids(pairs) == JUDGED
    assert pairs.grades.tolist() == [2, 0, 1, 1, 0, 3]
    assert pairs.offsets.tolist() == [0, 3, 5, 6]
    assert pairs.texts(np.array([5, 0])) == [
        ("query 1", "Passage number 2. Words. Words."),
        ("query 2", "Passage number 5. Words. Words. Words. Words. Words."),
    ]


def test_further_pairs_follow_the_judged_ones_of_their_query_and_come_once(collection, tmp_path):
    path = further(tmp_path, [("q3", "p0"), ("q0", "p7"), ("q2", "p5"), ("q0", "p6"), ("q0", "p7")])
    pairs = gather(collection, path)
    assert ids(pairs) == [*JUDGED[:5], ("q0", "p7"), ("q0", "p6"), JUDGED[5], ("q3", "p0")]
    assert np.isnan(pairs.grades).tolist() == [False] * 5 + [True] * 2 + [False, True]
    assert pairs.offsets.tolist() == [0, 3, 7, 8, 9]
    assert pairs.repeated == 2


def test_ids_of_another_collection_are_told(collection, tmp_path):
    with pytest.raises(WrankError, match=r"1 passage ids are not in the collection, e\.g\. 'p99'"):
        gather(collection, further(tmp_path, [("q0", "p1"), ("q0", "p99")]))
    with pytest.raises(WrankError, match="1 query ids"):
        gather(collection, further(tmp_path, [("x", "p1")]))


def test_files_that_are_no_pairs_are_told(collection, tmp_path):
    with pytest.raises(WrankError, match=r"pairs=/nowhere.*wrank mine"):
        find_pairs_file("/nowhere")
    parquet.write_table(pa.table({"a": [1]}), tmp_path / "pairs.parquet")
    with pytest.raises(WrankError, match="query_id"):
        gather(collection, tmp_path / "pairs.parquet")
    (tmp_path / "pairs.parquet").write_text("no")
    with pytest.raises(WrankError, match="query_id"):
        gather(collection, tmp_path / "pairs.parquet")


def test_nothing_judged_is_told(collection):
    with pytest.raises(WrankError, match="nothing is judged"):
        gather(collection.restricted_to([], "empty"), None)


def test_further_pairs_that_come_as_rows_follow_as_those_of_a_file_do(collection, tmp_path):
    wanted = [("q0", "p7"), ("q2", "p5"), ("q0", "p6")]
    rows = [
        np.array([table.row(id) for id in ids])
        for table, ids in zip((collection.queries, collection.passages), zip(*wanted, strict=True), strict=True)
    ]
    assert ids(gather(collection, None, tuple(rows))) == ids(gather(collection, further(tmp_path, wanted)))
