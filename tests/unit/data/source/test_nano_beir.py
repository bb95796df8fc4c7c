"""On Parquet files in the layout of NanoBEIR's data sets: no grades, no titles, one split called train."""

import pytest

from tests.fixtures.suites import write_nano
from wrank.data.source.nano_beir import NAMES, NanoBeirSource, check_name
from wrank.errors import WrankError


def test_a_set_is_read_with_grade_1_for_each_pair(tmp_path):
    write_nano(tmp_path / "nano_beir" / "NanoNQ")
    source = NanoBeirSource("NanoNQ", str(tmp_path))
    assert (source.name, source.splits()) == ("NanoNQ", ["test"])
    collection = source.load("test", tmp_path / "cache")
    assert collection.qrels == {"q1": {"p1": 1.0, "p2": 1.0}}
    assert list(collection.passages.all_texts) == ["tea", "coffee", ""]
    assert source.place("qrels/test").endswith("NanoNQ/qrels/*.parquet")
    with pytest.raises(WrankError, match="no split 'train'"):
        source.load("train", tmp_path / "cache")


def test_an_unknown_id_in_the_qrels_names_its_row(tmp_path):
    write_nano(tmp_path / "nano_beir" / "NanoNQ", qrels=[{"query-id": "q1", "corpus-id": "nosuch"}])
    with pytest.raises(WrankError, match=r"qrels/\*.parquet:1: .*passage 'nosuch'"):
        NanoBeirSource("NanoNQ", str(tmp_path)).load("test", tmp_path / "cache")


def test_what_was_not_fetched_names_the_command_and_the_place(tmp_path):
    with pytest.raises(WrankError) as told:
        NanoBeirSource("NanoNQ", str(tmp_path))
    assert "run `wrank data pull nano_beir/NanoNQ`" in str(told.value)
    assert "hf download zeta-alpha-ai/NanoNQ" in str(told.value)
    assert f"at {tmp_path}/nano_beir/NanoNQ" in str(told.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [("nanonq", "did you mean 'NanoNQ'"), ("arguana", "did you mean 'NanoArguAna'"), ("xyzzyx", "wanted one of Nano")],
)
def test_an_unknown_name_is_told(tmp_path, name, message):
    with pytest.raises(WrankError, match=message):
        NanoBeirSource(name, str(tmp_path))


def test_there_are_thirteen():
    assert len(set(NAMES)) == 13
    assert all(check_name(name) == name for name in NAMES)
