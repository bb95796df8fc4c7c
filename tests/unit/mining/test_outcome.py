"""Rankings to pairs: the file, its order, the counts and that they add up."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from wrank.errors import WrankError
from wrank.mining import pairs as pairs_module
from wrank.mining.base import Ranking
from wrank.mining.files import Ranked
from wrank.mining.outcome import Mining
from wrank.mining.settings import FilterSettings

PASSAGES = {"d0": "good", "d1": "good", "d2": "other", "d3": "", "d4": "more", "d5": "more", "d6": "last"}


@pytest.fixture
def collection(make_collection):
    """The judgements name q2 first."""
    return make_collection(PASSAGES, {"q1": "x", "q2": "y"}, {"q2": {"d2": 1}, "q1": {"d0": 2, "d6": 0}})


def ranked(query_row, rows, best):
    scores = np.linspace(1, 0.4, len(rows), dtype=np.float32)
    return Ranked(Ranking(query_row, np.array(rows), scores), np.array([best], dtype=np.float32))


RANKED = [ranked(1, [4, 2, 5, 0, 1, 3, 6], 0.9), ranked(0, [0, 1, 2, 3, 4, 5, 6], 1.0)]


def written(collection, folder, rankings=RANKED, **settings):
    told = []
    mining = Mining(collection, FilterSettings(**settings), 0, drop_self=False)
    return mining.write(rankings, folder, told.append), told


def test_pairs_are_in_the_order_of_the_judgements_and_best_first(tmp_path, collection):
    result, told = written(collection, tmp_path)
    table = pq.read_table(tmp_path / "pairs.parquet")
    assert [str(field.type) for field in table.schema] == ["string", "string", "double", "int32"]
    rows = [(row["query_id"], row["passage_id"], row["rank"]) for row in table.to_pylist()]
    assert rows == [("q2", "d4", 1), ("q2", "d0", 4), ("q2", "d6", 7), ("q1", "d2", 3), ("q1", "d4", 5)]
    assert table["score"].to_pylist()[:2] == pytest.approx([1.0, 0.7])
    assert sum(told) == 2
    assert not (tmp_path / "queries.txt").exists()
    assert result["left_out"] == {
        "excluded": 0,
        "known_positive": 3,
        "judged": 1,
        "empty": 2,
        "repeated_text": 3,
        "inconsistent_query": 0,
        "margin": 0,
        "outside_window": 0,
        "not_drawn": 0,
    }
    assert result["examples"][0] == {
        "query": "q2",
        "positive": "d2",
        "positive_score": pytest.approx(0.9),
        "negative": "d4",
        "score": pytest.approx(1.0),
        "rank": 1,
    }


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"window": [2, 2]},
        {"per_query": 1, "choice": "random"},
        {"consistency": 1},
        {"skip_judged": False, "margin": {"kind": "relative", "value": 0.7}},
    ],
)
def test_every_ranked_passage_is_a_pair_or_left_out_for_one_reason(tmp_path, collection, settings):
    result, _ = written(collection, tmp_path, **settings)
    assert result["ranked"] == 14 == result["pairs"] + sum(result["left_out"].values())
    assert pq.read_metadata(tmp_path / "pairs.parquet").num_rows == result["pairs"]


def test_consistent_queries_are_named_with_or_without_candidates(tmp_path, collection):
    """q2's positive ranks second; q1's, which has one passage left after its positive, first."""
    result, _ = written(collection, tmp_path, consistency=1, window=[2, 5])
    assert (tmp_path / "queries.txt").read_text() == "q1\n"
    assert (result["inconsistent"], result["without_candidates"]) == (1, 0)
    result, _ = written(collection, tmp_path, consistency=2, window=[3, 5])
    assert (tmp_path / "queries.txt").read_text() == "q2\nq1\n"
    assert (result["inconsistent"], result["without_candidates"]) == (0, 1)


def test_nothing_left_is_an_error_with_the_counts(tmp_path, collection):
    with pytest.raises(WrankError, match=r"no pair is left; 2 queries.*outside_window"):
        written(collection, tmp_path, window=[50, 60])
    assert {path.name for path in tmp_path.iterdir()} == {"small"}  # the collection's own


def test_row_groups_end_with_a_query_and_not_with_a_chunk(tmp_path, collection, monkeypatch):
    monkeypatch.setattr(pairs_module, "ROW_GROUP", 2)
    written(collection, tmp_path)
    meta = pq.read_metadata(tmp_path / "pairs.parquet")
    assert [meta.row_group(n).num_rows for n in range(meta.num_row_groups)] == [3, 2]


def test_full_disk_is_told_and_leaves_no_file(tmp_path, collection, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pairs_module.pq.ParquetWriter, "write_table", full)
    with pytest.raises(WrankError, match="No space left"):
        written(collection, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"small"}  # the collection's own
