import gzip
import random

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.records import Judgement
from wrank.trec import read_pairs, read_qrels, read_run, write_run

WANTED = [Judgement("q 1", "p1", 2.0), Judgement("q 1", "pé", 0.0), Judgement("q2", "p1", 1.5)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "query-id\tcorpus-id\tscore\nq 1\tp1\t2\nq 1\tpé\t0\nq2\tp1\t1.5\n"),
        ("a.tsv", "q 1\tp1\t2\nq 1\tpé\t0\nq2\tp1\t1.5"),
        ("a.tsv", "\ufeffquery_id\tcorpus_id\tscore\r\nq 1\tp1\t2\r\n\r\nq 1\tpé\t0\r\nq2\tp1\t1.5e0\r\n"),
        (
            "a.jsonl",
            '{"qid": "q 1", "docid": ["p1", "pé"], "score": [2, 0]}\n{"qid": "q2", "docid": ["p1"], "score": [1.5]}',
        ),
    ],
)
def test_every_form_of_qrels_says_the_same(tmp_path, name, content):
    (tmp_path / name).write_bytes(content.encode())
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    assert read_qrels(tmp_path / name) == WANTED
    assert read_qrels(tmp_path / f"{name}.gz") == WANTED


@pytest.mark.parametrize("name", ["a.trec", "a.tsv", "qrels.txt"])
@pytest.mark.parametrize("separator", [" ", "\t", "  "])
def test_trec_columns_are_told_by_their_number(tmp_path, name, separator):
    rows = [("1", "0", "p1", "2"), ("1", "Q0", "p2", "0")]
    (tmp_path / name).write_text("\n".join(separator.join(row) for row in rows))
    assert read_qrels(tmp_path / name) == [Judgement("1", "p1", 2.0), Judgement("1", "p2", 0.0)]


def test_whole_number_ids_of_jsonl_are_strings(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"qid": 7, "docid": [8, 9], "score": [1, 0]}')
    assert read_qrels(tmp_path / "a.jsonl") == [Judgement("7", "8", 1.0), Judgement("7", "9", 0.0)]


def test_grades_below_zero_become_zero_only_when_asked(tmp_path):
    (tmp_path / "a.tsv").write_text("q\tp\t-2\n")
    with pytest.raises(WrankError, match=r"a.tsv:1: grade -2 is below 0"):
        read_qrels(tmp_path / "a.tsv")
    assert read_qrels(tmp_path / "a.tsv", "zero") == [Judgement("q", "p", 0.0)]


@pytest.mark.parametrize("grade", ["1_0", "１", "0x1", "", "one", "inf", "true"])
def test_what_python_takes_for_a_number_is_not_always_a_grade(tmp_path, grade):
    (tmp_path / "a.tsv").write_text(f"q\tp\t1\nq\tp2\t{grade}\n", encoding="utf-8")
    with pytest.raises(WrankError, match=r"a.tsv:2: "):
        read_qrels(tmp_path / "a.tsv")


def test_pairs_keep_their_lines_with_and_without_a_header(tmp_path):
    (tmp_path / "a.tsv").write_text("query-id\tcorpus-id\nq 1\tp\n\nq2\tp\n")
    (tmp_path / "b.tsv").write_text("q 1\tp\n")
    assert read_pairs(tmp_path / "a.tsv") == [(2, "q 1", "p"), (4, "q2", "p")]
    assert read_pairs(tmp_path / "b.tsv") == [(1, "q 1", "p")]


def test_a_run_reads_back_exactly(tmp_path):
    generator = random.Random(0)
    rankings = {
        f"q{n}": sorted(((f"é{i}", float(np.float32(generator.gauss(0, 1)))) for i in range(5)), key=lambda x: -x[1])
        for n in range(20)
    }
    write_run(tmp_path / "run.trec", rankings)
    assert read_run(tmp_path / "run.trec") == rankings
    assert (tmp_path / "run.trec").read_text().split("\n")[0].split(" ")[1::2] == ["Q0", "1", "wrank"]


def test_a_run_is_ordered_by_score_and_ties_stay(tmp_path):
    (tmp_path / "run").write_text("q Q0 a 1 0.5 x\nq Q0 b 2 0.5 x\nq Q0 c 3 0.75 x\n")
    assert read_run(tmp_path / "run") == {"q": [("c", 0.75), ("a", 0.5), ("b", 0.5)]}


@pytest.mark.parametrize("wrong", ["p 1", "p\u00a01", "", " p", "p\t1"])
def test_an_id_with_white_space_cannot_be_written_and_nothing_is_left(tmp_path, wrong):
    for rankings in ({"q": [(wrong, 1.0)]}, {wrong: [("p", 1.0)]}):
        with pytest.raises(WrankError, match="white space"):
            write_run(tmp_path / "run", rankings)
    assert list(tmp_path.iterdir()) == []


def test_a_score_that_is_not_finite_is_refused(tmp_path):
    with pytest.raises(WrankError, match="the score of 'p' for 'q' is nan"):
        write_run(tmp_path / "run", {"q": [("p", float("nan"))]})
    (tmp_path / "run").write_text("q Q0 p 1 inf x\n")
    with pytest.raises(WrankError, match="run:1: score 'inf' is not a finite number"):
        read_run(tmp_path / "run")


@pytest.mark.parametrize("score", ["1e300", "-1e300", "3.5e38"])
def test_a_score_that_float32_cannot_hold_is_refused_with_its_line(tmp_path, score):
    (tmp_path / "run").write_text(f"q Q0 p 1 3.4028234663852886e38 x\nq Q0 r 2 {score} x\n")
    with pytest.raises(WrankError, match=rf"run:2: score {score} does not fit into float32"):
        read_run(tmp_path / "run")


def test_a_passage_twice_in_a_ranking_is_refused(tmp_path):
    (tmp_path / "run").write_text("q Q0 p 1 2 x\nq2 Q0 p 1 2 x\nq Q0 p 2 1 x\n")
    with pytest.raises(WrankError, match="run:3: passage 'p' comes twice for query 'q'"):
        read_run(tmp_path / "run")


def test_an_empty_run_is_refused(tmp_path):
    (tmp_path / "run").write_text("\n")
    with pytest.raises(WrankError, match="run: empty"):
        read_run(tmp_path / "run")
