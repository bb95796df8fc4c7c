import json
import logging

import pytest

from wrank.data import ranks
from wrank.data.source.beir import BeirSource
from wrank.data.source.pairs import PairsFile

PASSAGES = {f"p{place}": f"text {place}" for place in range(12)}


@pytest.fixture
def warned(write_folder, tmp_path, caplog):
    """Whether the grades of queries, in a file of some form, are taken for ranks; read twice, told once."""

    def read(scores, form="tsv", rows=None):
        folder = write_folder(PASSAGES, {f"q{q}": f"query {q}" for q in range(len(scores))}, {})
        rows = rows or [(f"q{q}", f"p{p}", grade) for q, grades in enumerate(scores) for p, grade in enumerate(grades)]
        path = folder / "qrels" / f"train.{form}"
        if form == "jsonl":
            lines = [{"qid": f"q{q}", "docid": list(PASSAGES)[: len(g)], "score": g} for q, g in enumerate(scores)]
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        else:
            zero = "0 " if form == "trec" else ""
            tab = " " if form == "trec" else "\t"
            path.write_text("".join(f"{q}{tab}{zero}{p}{tab}{grade}\n" for q, p, grade in rows))
        source = BeirSource(str(folder))
        with caplog.at_level(logging.WARNING):
            collection, _ = (source.load("train", tmp_path / "cache") for _ in range(2))
            graded = len(caplog.records)
            ranks._warned.clear()
            for _ in range(2):
                PairsFile(str(path)).load(collection.queries, collection.passages, tmp_path / "cache")
        assert all(str(path) in one.message and "look like ranks" in one.message for one in caplog.records)
        assert len(caplog.records) == 2 * graded
        return graded == 1

    ranks._warned.clear()
    return read


@pytest.mark.parametrize("form", ["tsv", "trec", "jsonl"])
@pytest.mark.parametrize(
    ("scores", "wanted"),
    [
        ([[1, 2, 3], [1, 2, 3, 4]], True),
        ([[0, 1, 2], [0, 1, 2, 3]], True),
        ([[1, 2, 3], [1], [2, 1], [0, 1, 2, 3]], True),  # short queries tell nothing
        ([[1, 2, 3]] * 19 + [[3, 2, 1]], True),  # nearly all
        ([[1, 2, 3]] * 18 + [[3, 2, 1]] * 2, False),
        ([[3, 2, 1], [3, 2, 1, 0]], False),
        ([[1, 2], [1, 2], [1]], False),
        ([[1, 2, 2], [1, 1, 1]], False),
        ([[2, 3, 4], [5, 6, 7]], False),
        ([[1, 2, 3, 5]], False),
        ([[2, 3, 1], [1, 3, 2]], False),
    ],
)
def test_ranks_in_the_place_of_grades_are_told_once(warned, form, scores, wanted):
    assert warned(scores, form) == wanted


def test_the_order_is_that_of_the_file_though_queries_alternate(warned):
    rows = [(f"q{q}", f"p{rank}", rank) for rank in (1, 2, 3) for q in (0, 1)]
    assert warned([[], []], rows=rows)


def test_the_beginning_of_a_long_file_tells(warned, monkeypatch):
    monkeypatch.setattr(ranks, "_QUERIES", 3)
    assert warned([[1, 2, 3]] * 3 + [[3, 1, 2]] * 9)
