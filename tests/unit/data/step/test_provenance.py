"""Pairs by how their passages were written, as a generation's own file tells it."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from wrank.data.step.base import Pairs
from wrank.data.step.provenance import Provenance
from wrank.data.table import TextTable
from wrank.errors import WrankError
from wrank.generator.provenance import PROVENANCE, SCHEMA

STYLES = ["news article", "forum answer"]


def row(n):
    """Passage n: sentences 2, 3, 4 in turn, two styles in turn, label by its parity; no style for passage 5."""
    attributes = {"sentences": 2 + n % 3, "style": STYLES[n % 2]}
    if n == 5:
        del attributes["style"]
    same = {"query_id": "q", "kind": "passage", "recipe": "graded", "model": "m", "prompt": "x", "request": f"r{n}"}
    numbers = {"grade": n % 4, "prompt_tokens": 10, "output_tokens": n, "seconds": n / 2, "attempt": 0, "slot": 0}
    label = ["low", "high"][n % 2]
    return {"id": f"p{n}", "label": label, "attributes": json.dumps(attributes)} | same | numbers


@pytest.fixture
def pairs(tmp_path):
    """Passages p0 to p9 written, in two row groups and not in the table's order; p10 real; the file knows a p99 too."""
    rows = [row(n) for n in (7, 3, 99, 0, 1, 2, 4, 5, 6, 8, 9)]
    with parquet.ParquetWriter(tmp_path / PROVENANCE, SCHEMA) as writer:
        for part in (rows[:4], rows[4:]):
            writer.write_table(pa.Table.from_pylist(part, schema=SCHEMA))
    passages = TextTable.build(((f"p{n}", "text") for n in range(11)), tmp_path / "passages")
    query_rows = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], dtype=np.int32)
    passage_rows = np.array([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 9], dtype=np.int32)
    return Pairs(None, passages, query_rows, passage_rows, np.zeros(11), folder=str(tmp_path), place="data.mix.parts.x")


@pytest.mark.parametrize(
    ("where", "passages"),
    [
        ({"label": "low"}, [8, 6, 4, 2, 0]),
        ({"attributes.sentences": 3}, [7, 4, 1]),
        ({"attributes.sentences": [2, 3.0]}, [9, 7, 6, 4, 3, 1, 0, 9]),
        ({"attributes.sentences": {"min": 3}}, [8, 7, 5, 4, 2, 1]),
        ({"attributes.sentences": {"min": 3, "max": 3}}, [7, 4, 1]),
        ({"attributes.style": "news article"}, [8, 6, 4, 2, 0]),
        ({"attributes.style": "forum answer"}, [9, 7, 3, 1, 9]),  # 5 has none
        ({"output_tokens": {"min": 2, "max": 4}}, [4, 3, 2]),
        ({"seconds": {"max": 0.5}}, [1, 0]),
        ({"grade": [0, 3], "label": "high"}, [7, 3]),
        ({"id": ["p3", "p9"]}, [9, 3, 9]),
        ({"seconds": {"min": 1000}}, []),
    ],
)
def test_pairs_whose_passage_fits_are_kept_in_order(pairs, where, passages):
    step = Provenance(where)
    kept = step(pairs)
    assert kept.passage_rows.tolist() == passages
    assert step.counts == {"pairs_that_do_not_fit": 11 - len(passages)}
    assert (np.diff(kept.query_rows) <= 0).all()
    assert len(pairs) == 11


def test_a_nested_column_is_reached_as_well(pairs, tmp_path):
    rows = [{"id": f"p{n}", "how": {"size": {"words": n, "note": None}}, "long": n > 5} for n in range(11)]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / PROVENANCE)
    assert Provenance({"how.size.words": {"min": 8}})(pairs).passage_rows.tolist() == [9, 8, 9]
    assert Provenance({"long": True})(pairs).passage_rows.tolist() == [9, 8, 7, 6, 9]
    with pytest.raises(WrankError, match="no row holds 1"):
        Provenance({"long": 1})(pairs)


def test_only_the_columns_asked_for_are_read(pairs, monkeypatch):
    asked = []
    read = parquet.read_table

    def watched(path, columns):
        asked.append(columns)
        return read(path, columns=columns)

    monkeypatch.setattr(parquet, "read_table", watched)
    Provenance({"attributes.style": STYLES, "attributes.sentences": 2, "label": "low"})(pairs)
    assert asked == [["attributes", "id", "label"]]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (
            {"colour": "red"},
            "Provenance where: no column 'colour'; there are id, query_id, kind",
        ),
        ({"colour.deep": "red"}, "Provenance where: no column 'colour'; there are id"),
        ({"attributes.colour": "red"}, "where.attributes.colour: there is no 'colour', only sentences, style"),
        ({"label.x": 1}, "where.label.x: what is to hold 'x' is neither nested nor JSON text"),
        ({"output_tokens.x": 1}, "there is no 'x', only nothing of the kind"),
        ({"label": ["low", "hihg"]}, "where.label: no row holds 'hihg'; there are, e.g., 'high', 'low'"),
        ({"attributes.sentences": "3"}, "no row holds '3'; there are, e.g., 2, 3, 4"),
        ({"label": {"min": 1}}, "where.label has limits, but '(low|high)' is no number"),
    ],
)
def test_what_is_not_in_the_file_is_told_with_what_is(pairs, where, message):
    with pytest.raises(WrankError, match=message):
        Provenance(where)(pairs)


def test_a_passage_that_the_file_does_not_tell_of_is_named(pairs):
    real = dataclasses.replace(pairs.only(np.array([0, 6])), passage_rows=np.array([10, 3], dtype=np.int32))
    with pytest.raises(WrankError, match=r"but 1 have no row in .*provenance.parquet, e.g. 'p10'"):
        Provenance({"label": "high"})(real)


def test_a_file_without_rows_tells_of_no_passage(pairs, tmp_path):
    parquet.write_table(pa.Table.from_pylist([], schema=SCHEMA), tmp_path / PROVENANCE)
    with pytest.raises(WrankError, match=r"10 have no row in .*, e.g. 'p0', 'p1', 'p2':"):
        Provenance({"label": "low", "attributes.sentences": 2, "seconds": {"min": 1}})(pairs)


def test_a_file_without_ids_is_told(pairs, tmp_path):
    parquet.write_table(pa.table({"label": ["low"]}), tmp_path / PROVENANCE)
    with pytest.raises(WrankError, match="no column 'id'; there are label"):
        Provenance({"label": "low"})(pairs)


def test_a_source_without_the_file_is_told(pairs, tmp_path):
    (tmp_path / PROVENANCE).write_bytes(b"PAR1 or not")
    with pytest.raises(WrankError, match=r"provenance.parquet: cannot be read as a parquet file"):
        Provenance({"label": "low"})(pairs)
    (tmp_path / PROVENANCE).unlink()
    with pytest.raises(WrankError, match=r"data.mix.parts.x: Provenance needs provenance.parquet"):
        Provenance({"label": "low"})(pairs)
    with pytest.raises(WrankError, match="none in this kind of source"):
        Provenance({"label": "low"})(Pairs(None, None, *[pairs.query_rows] * 2, pairs.grades))


def test_nothing_stays_nothing(pairs):
    assert len(Provenance({"label": "low"})(pairs.only(np.zeros(11, dtype=bool)))) == 0
    assert not Provenance.pairwise


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (None, "Provenance where is None"),
        ({}, "Provenance where is {}"),
        ({"label": None}, "Provenance where.label is None"),
        ({"label": []}, "Provenance where.label is "),
        ({"label": {}}, "Provenance where.label is {}"),
        ({"label": {"low": 1}}, "Provenance where.label is {'low': 1}"),
        ({"label": [["a"]]}, "Provenance where.label is "),
        ({"seconds": {"min": "1"}}, "Provenance where.seconds.min is '1'"),
        ({"seconds": {"min": 2, "max": 1}}, "wanted .* min <= max"),
    ],
)
def test_conditions_that_are_none_are_refused(where, message):
    with pytest.raises(WrankError, match=message):
        Provenance(where)
