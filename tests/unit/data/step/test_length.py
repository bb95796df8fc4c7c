"""Pairs by the length of a text, which is read once however many pairs it is in."""

import numpy as np
import pytest

from wrank.data.step import length
from wrank.data.step.base import Pairs
from wrank.data.step.length import Length
from wrank.data.table import TextTable
from wrank.errors import WrankError

QUERIES = ["what", "what is it", ""]
PASSAGES = ["a b c", "", "ä𝄞", " one\ttwo\n", "never in a pair"]


class Watched:
    """A table that notes the rows it was asked for."""

    def __init__(self, table):
        self.table, self.asked = table, []

    def __len__(self):
        return len(self.table)

    def texts(self, rows):
        rows = list(rows)
        self.asked += rows
        return self.table.texts(rows)


@pytest.fixture
def pairs(tmp_path):
    tables = [
        Watched(TextTable.build(((f"{n}", text) for n, text in enumerate(texts)), tmp_path / name))
        for name, texts in (("queries", QUERIES), ("passages", PASSAGES))
    ]
    query_rows = np.array([2, 2, 0, 0, 0, 0, 1], dtype=np.int32)
    return Pairs(*tables, query_rows, np.array([3, 0, 3, 2, 1, 0, 2], dtype=np.int32), np.arange(7.0))


@pytest.mark.parametrize(
    ("settings", "places", "counts"),
    [
        ({"unit": "characters", "min": 2, "max": 5}, [1, 3, 5, 6], (1, 2)),
        ({"unit": "characters", "max": 2}, [3, 4, 6], (0, 4)),
        ({"unit": "characters", "min": 9}, [0, 2], (5, 0)),
        ({"unit": "words", "min": 1, "max": 2}, [0, 2, 3, 6], (1, 2)),
        ({"unit": "words", "min": 3, "max": 3}, [1, 5], (5, 0)),
        ({"unit": "words", "max": 0}, [4], (0, 6)),
    ],
)
def test_both_limits_are_kept(pairs, settings, places, counts):
    step = Length("passage", **settings)
    kept = step(pairs)
    assert kept.grades.tolist() == places
    assert kept.query_rows.tolist() == pairs.query_rows[places].tolist()
    assert (step.counts["too_short"], step.counts["too_long"]) == counts
    assert len(pairs) == 7


def test_of_queries(pairs):
    assert Length("query", "words", min=1, max=1)(pairs).grades.tolist() == [2, 3, 4, 5]
    assert Length("query", "characters", min=10)(pairs).grades.tolist() == [6]
    assert pairs.passages.asked == []


@pytest.mark.parametrize("texts", [1, 2, 100])
def test_each_text_is_read_once_in_the_order_of_the_table(pairs, texts, monkeypatch):
    monkeypatch.setattr(length, "_TEXTS", texts)
    Length("passage", "words", min=1)(pairs)
    assert pairs.passages.asked == [0, 1, 2, 3]
    assert pairs.queries.asked == []


def test_it_agrees_with_a_loop(tmp_path):
    generator = np.random.default_rng(0)
    texts = [" ".join(["word"] * n) for n in generator.integers(0, 9, 50)]
    table = TextTable.build(((f"{n}", text) for n, text in enumerate(texts)), tmp_path / "t")
    rows = generator.integers(0, 50, 800).astype(np.int32)
    pairs = Pairs(table, table, np.repeat(np.arange(40, dtype=np.int32), 20), rows, np.arange(800.0))
    wanted = [place for place, row in enumerate(rows.tolist()) if 2 <= len(texts[row].split()) <= 5]
    assert Length("passage", "words", min=2, max=5)(pairs).grades.tolist() == wanted


def test_nothing_stays_nothing_and_reads_nothing(pairs):
    assert len(Length("passage", "words", min=1)(pairs.only(np.zeros(7, dtype=bool)))) == 0
    assert pairs.passages.asked == []
    assert not Length.pairwise


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("title", "words", 1), "Length of is 'title'; wanted one of passage, query"),
        (("query", "tokens", 1), "Length unit is 'tokens'; wanted one of characters, words"),
        (("query", "words"), "wanted at least one limit"),
        (("query", "words", -1), "Length min is -1; wanted a whole number from 0 up"),
        (("query", "words", None, 2.5), "Length max is 2.5"),
        (("query", "words", True), "Length min is True"),
        (("query", "words", 3, 2), "Length min is 3, above Length max, which is 2"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(WrankError, match=message):
        Length(*settings)
