"""How often queries were asked: from a file, or made up."""

import numpy as np
import pytest

from wrank.data.frequencies import Frequencies
from wrank.data.table import TextTable
from wrank.errors import WrankError


@pytest.fixture
def queries(tmp_path):
    return TextTable.build([(id, "text") for id in ("q1", "llm:q1", "q2", "q3")], tmp_path / "queries")


def test_a_file_says_it_and_a_query_that_is_not_in_it_was_never_asked(queries, tmp_path):
    (tmp_path / "asked.tsv").write_text("q1\t7\nq3\t0.5\nq9\t1\n")
    asked = Frequencies(str(tmp_path / "asked.tsv"), "key")
    rows = np.array([3, 0, 1, 2])
    assert asked.of(queries, rows).tolist() == [0.5, 7, 0, 0]
    assert asked.of(queries, rows, ["llm:"]).tolist() == [0.5, 7, 7, 0]
    assert asked.unknown(queries) == ["q9"]


def test_made_up_ones_follow_the_id_alone(queries):
    zipf = Frequencies("zipf", "key")
    found = zipf.of(queries, np.arange(4), ["llm:"])
    assert found[0] == found[1]
    assert zipf.of(queries, np.array([2, 0])).tolist() == [found[2], found[0]]
    assert Frequencies("uniform", "key").of(queries, np.arange(4)).tolist() == [1, 1, 1, 1]
    assert (zipf.unknown(queries), zipf.identity()) == ([], "zipf")


def test_made_up_ones_have_a_head_and_a_long_tail(tmp_path):
    """Ranks are spread evenly over 1 to 1000: half of the frequencies are below 2, a tenth above 10."""
    table = TextTable.build([(f"q{n}", "x") for n in range(5000)], tmp_path / "many")
    found = Frequencies("zipf", "key").of(table, np.arange(5000))
    assert 1 <= found.min() <= found.max() <= 1000
    assert np.mean(found <= 2) == pytest.approx(0.5, abs=0.03)
    assert np.mean(found >= 10) == pytest.approx(0.1, abs=0.02)


def test_the_files_content_names_it(tmp_path):
    (tmp_path / "a").write_text("q1\t7\n")
    (tmp_path / "b").write_text("q1\t7\n")
    (tmp_path / "c").write_text("q1\t8\n")
    names = [Frequencies(str(tmp_path / name), "key").identity() for name in "abc"]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "empty; wanted"),
        ("q1\n", ":1: wanted query-id<TAB>count"),
        ("q1\t2\nq1\t2\n", ":2: query 'q1' comes twice"),
        ("q1\t-1\n", ":1: wanted"),
        ("q1\tmany\n", ":1: wanted"),
    ],
)
def test_lines_that_do_not_fit_are_refused(lines, message, tmp_path):
    (tmp_path / "asked.tsv").write_text(lines)
    with pytest.raises(WrankError, match=message):
        Frequencies(str(tmp_path / "asked.tsv"), "key")


@pytest.mark.parametrize("given", [None, 3, " "])
def test_no_word_and_no_file_is_refused(given):
    with pytest.raises(WrankError, match=r"data\.mix\.x is .*; wanted a file"):
        Frequencies(given, "data.mix.x")
