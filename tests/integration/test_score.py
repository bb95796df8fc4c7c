"""The verb as a user sees it, with a tiny cross-encoder and with an engine that fails on demand."""

import json
import math
import shutil
import signal
import time

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.integration.conftest import Here
from wrank.data.source.sample import SampleSource
from wrank.errors import WrankError
from wrank.generator.engine.vllm_interpreter import find_interpreter
from wrank.teacher.cross_encoder import CrossEncoderTeacher
from wrank.teacher.tiny import tiny_cross_encoder

TINY = ("score", "data=sample", "teacher.model=random:tiny", "teacher.max_length=96")


def fault_teacher(name, **faults):
    """Overrides for a language model as teacher, with the fault engine in its place."""
    given = "".join(f",{key}:{value}" for key, value in faults.items())
    engine = f"+teacher.engine={{_target_:tests.fixtures.fault_engine.FaultEngine{given}}}"
    return "score", "data=sample", f"teacher={name}", "~teacher.engine", engine


def result(folder):
    return json.loads((folder / "manifest.json").read_text())["result"]


def rows(folder, name="pairs"):
    return parquet.read_table(folder / f"{name}.parquet").to_pylist()


def judged():
    lines = (SampleSource().path / "qrels" / "train.tsv").read_text(encoding="utf-8").strip().split("\n")[1:]
    return [tuple(line.split("\t")[:2]) for line in lines]


def test_scores_are_those_of_the_model_in_the_collections_order_and_are_found_again(here):
    out, _ = here(*TINY)
    (folder,) = here.artifacts("scores")
    assert {path.name for path in folder.iterdir()} == {"pairs.parquet", "manifest.json"}
    table = parquet.read_table(folder / "pairs.parquet")
    assert [(field.name, str(field.type)) for field in table.schema] == [
        ("query_id", "string"),
        ("passage_id", "string"),
        ("score", "double"),
    ]
    found = table.to_pylist()
    assert sorted((row["query_id"], row["passage_id"]) for row in found) == sorted(judged())
    collection = SampleSource().load("train", here.folder / "tables")
    model, tokenizer = tiny_cross_encoder()
    for row in found[::50]:
        texts = (
            [collection.query_text(row["query_id"])],
            collection.passages.texts([collection.passages.row(row["passage_id"])]),
        )
        logits = model(**tokenizer(*texts, truncation=True, max_length=96, return_tensors="pt")).logits
        assert row["score"] == pytest.approx(logits[0, 0].item(), abs=1e-5)
    told = result(folder)
    assert (told["counts"]["pairs"], told["counts"]["queries"], told["counts"]["failed"]) == (256, 64, 0)
    assert [row["grade"] for row in told["by_grade"]] == [3, 2, 1, 0]
    assert told["agreement"]["pairs"] == 64 * 6
    assert len(told["examples"]) == 3
    for words in ("pairs scored", "agreement", "scores by grade", "three lists", str(folder)):
        assert words in out
    _, err = here(*TINY, "chunk=7", "teacher.batch_tokens=50", "device=cpu")
    assert "scores: found" in err


def test_preferences_are_the_sigmoid_of_differences(here):
    here(*TINY, "preferences.pairs=all", "preferences.temperature=0.5")
    (folder,) = here.artifacts("scores")
    scores = {(row["query_id"], row["passage_id"]): row["score"] for row in rows(folder)}
    found = rows(folder, "preferences")
    assert len(found) == 64 * 6 == result(folder)["counts"]["preferences"]
    for row in found:
        one, other = (scores[row["query_id"], row[side]] for side in ("first_id", "second_id"))
        assert row["p"] == pytest.approx(1 / (1 + math.exp(-(one - other) / 0.5)))
    here(*TINY, "preferences.pairs=adjacent")
    here(*TINY, "preferences.pairs=2")
    counts = sorted(result(folder)["counts"]["preferences"] for folder in here.artifacts("scores"))
    assert counts == [64 * 2, 64 * 3, 64 * 6]


def test_further_pairs_are_scored_beside_the_judged_ones(here, tmp_path):
    (query, passage), other = judged()[0], judged()[-1][1]
    (tmp_path / "mined").mkdir()
    columns = {"query_id": [query, query], "passage_id": [passage, other], "score": [1.0, 2.0], "rank": [1, 2]}
    parquet.write_table(pa.table(columns), tmp_path / "mined" / "pairs.parquet")
    here(*TINY)
    here(*TINY, f"pairs={tmp_path / 'mined'}")
    small, large = sorted(here.artifacts("scores"), key=lambda folder: result(folder)["counts"]["pairs"])
    counts = result(large)["counts"]
    assert (counts["pairs"], counts["unjudged_pairs"], counts["repeated"]) == (257, 1, 1)
    assert [(row["query_id"], row["passage_id"]) for row in rows(large)][4] == (query, other)
    known = {(row["query_id"], row["passage_id"]): row["score"] for row in rows(small)}
    assert all(
        row["score"] == pytest.approx(known.get((row["query_id"], row["passage_id"]), row["score"]), abs=1e-5)
        for row in rows(large)
    )


def test_killed_scoring_goes_on_and_ends_like_an_unbroken_one(tmp_path, monkeypatch, capsys):
    """Killed for real in a process of its own; the rest is done in this one, in less time."""
    whole, broken = (Here(tmp_path / name, monkeypatch, capsys) for name in ("whole", "broken"))
    for one in (whole, broken):
        one.folder.mkdir()
    words = ("chunk=20", "preferences.pairs=3")
    process = broken.start(*fault_teacher("llm", refusal=0.1, delay=0.03), *words)
    for _ in range(1200):
        chunks = list(broken.store.glob("scores/.partial-*/.chunks/*.parquet"))
        if process.poll() is not None or len(chunks) >= 2:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    for one in (broken, whole):
        one(*fault_teacher("llm", refusal=0.1), *words)
    (one,), (other,) = broken.artifacts("scores"), whole.artifacts("scores")
    for name in ("pairs.parquet", "preferences.parquet"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert 40 <= result(one)["counts"]["found"] < 256
    assert result(other)["counts"]["found"] == 0
    assert result(one)["failures"] == result(other)["failures"]


def test_broken_cross_encoder_run_ends_like_an_unbroken_one(tmp_path, monkeypatch, capsys):
    whole, broken = (Here(tmp_path / name, monkeypatch, capsys) for name in ("whole", "broken"))
    for one in (whole, broken):
        one.folder.mkdir()
    words = (*TINY, "chunk=50", "teacher.batch_tokens=700", "preferences.pairs=all")
    right, calls = CrossEncoderTeacher._block, []

    def dies(self, block, progress):
        calls.append(block)
        if len(calls) == 3:
            raise WrankError("no more memory")
        return right(self, block, progress)

    with monkeypatch.context() as patched:
        patched.setattr(CrossEncoderTeacher, "_block", dies)
        _, err = broken(*words, code=2)
    assert "no more memory" in err
    _, err = broken(*words, "chunk=9", "teacher.batch_tokens=700")
    assert "went on after 100 of 256 pairs" in err
    whole(*words)
    (one,), (other,) = broken.artifacts("scores"), whole.artifacts("scores")
    for name in ("pairs.parquet", "preferences.parquet"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_a_language_models_expected_grades_and_lists_left_out(here):
    out, _ = here(*fault_teacher("llm", refusal=0.1))
    (folder,) = here.artifacts("scores")
    told, found = result(folder), rows(folder)
    assert all(0 < row["score"] < 3 for row in found)
    counts = told["counts"]
    assert counts["failed"] > 0
    assert counts["queries"] + counts["queries_left_out"] == 64
    assert counts["pairs"] + counts["pairs_left_out"] == 256
    assert len({row["query_id"] for row in found}) == counts["queries"]
    assert told["failures"]["reasons"] == {"low_mass": counts["failed"]}
    assert told["mass"]["p50"] == pytest.approx(0.9)
    assert "queries left out" in out
    assert "low_mass" in out


def test_comparisons_in_both_orders_give_preferences_and_scores(here):
    out, _ = here(*fault_teacher("llm_pairwise"), "preferences.pairs=all")
    (folder,) = here.artifacts("scores")
    preferences = rows(folder, "preferences")
    assert len(preferences) == 64 * 6
    first = [row for row in preferences if row["query_id"] == preferences[0]["query_id"]]
    wanted = {}
    for row in first:
        wanted.setdefault(row["first_id"], []).append(row["p"])
        wanted.setdefault(row["second_id"], []).append(1 - row["p"])
    scores = {row["passage_id"]: row["score"] for row in rows(folder)[:4]}
    assert scores == pytest.approx({id: np.mean(values) for id, values in wanted.items()})
    assert "shown first" in out


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((*TINY, "chunk=0"), "chunk=0"),
        ((*TINY, "pairs=/nowhere"), "pairs=/nowhere"),
        ((*TINY, "split=nowhere"), "nowhere"),
        ((*TINY, "preferences.pairs=0"), "preferences.pairs"),
        ((*TINY, "preferences.temperature=0"), "preferences.temperature"),
        ((*TINY, "teacher.max_length=2"), "teacher.max_length"),
        ((*TINY, "teacher.batch_tokns=2"), "batch_tokns"),
        ((*TINY, "teacher.label=1"), "teacher.label"),
        ((*TINY, "seed=1"), "seed"),
        (("score", "teacher.model=/nowhere"), "/nowhere"),
        (fault_teacher("llm_pairwise"), "preferences.pairs=all"),
        ((*fault_teacher("llm"), "teacher.min_mass=1"), "teacher.min_mass"),
        ((*fault_teacher("llm"), "teacher.logprobs=3"), "from 4 to 20"),
        ((*fault_teacher("llm"), "teacher.expectation=most"), "teacher.expectation"),
        (fault_teacher("llm", refusal=1.0), "low_mass (256)"),
        (fault_teacher("llm", error=1.0), "engine_error"),
        (fault_teacher("llm", refusal=0.95), "every list has a pair without a score"),
        (fault_teacher("llm", die_after=5), "died"),
    ],
)
def test_what_is_wrong_is_told(here, words, wanted):
    _, err = here(*words, code=2)
    assert wanted in err
    assert not here.artifacts("scores")


def test_lists_of_one_passage_cannot_be_compared(here, tmp_path):
    folder = shutil.copytree(SampleSource().path, tmp_path / "single")
    lines = (folder / "qrels" / "train.tsv").read_text(encoding="utf-8").split("\n")
    (folder / "qrels" / "train.tsv").write_text("\n".join(lines[:2]) + "\n", encoding="utf-8")
    words = (*fault_teacher("llm_pairwise"), "data=beir", f"data.path={folder}", "preferences.pairs=all")
    _, err = here(*words, code=2)
    assert "two passages" in err


@pytest.mark.vllm
@pytest.mark.timeout(1200)
def test_smollm2_by_vllm_gives_expected_grades(wrank, tmp_path):
    try:
        find_interpreter(None)
    except WrankError as error:
        pytest.skip(str(error))
    folder = shutil.copytree(SampleSource().path, tmp_path / "few")
    lines = (folder / "qrels" / "train.tsv").read_text(encoding="utf-8").split("\n")
    (folder / "qrels" / "train.tsv").write_text("\n".join(lines[:9]) + "\n", encoding="utf-8")
    process = wrank.start("score", "data=beir", f"data.path={folder}", "teacher=llm")
    out, err = process.communicate(timeout=1000)
    assert process.returncode == 0, out + err
    (made,) = wrank.artifacts("scores")
    assert len(rows(made)) == 8
    assert all(0 < row["score"] < 3 for row in rows(made))
    assert result(made)["mass"]["mean"] > 0.5


def test_of_a_mix_all_its_passages_are_scored(here):
    """Also those that come from pairs, and none that a step left out (grade 0 by MinScore)."""
    path = SampleSource().path
    queries = [json.loads(line)["_id"] for line in (path / "queries.jsonl").read_text().split("\n")[:-1]]
    query = next(id for id, _ in judged() if id in queries)
    known = {passage for id, passage in judged() if id == query}
    mined = next(passage for _, passage in judged() if passage not in known)
    (here.folder / "mined.tsv").write_text(f"{query}\t{mined}\t1\n")
    words = ("data=real_binary", f"data.path={path}", f"data.mined={here.folder}/mined.tsv")
    here("score", *words, *TINY[2:])
    (folder,) = here.artifacts("scores")
    found = {(row["query_id"], row["passage_id"]) for row in rows(folder)}
    lines = (path / "qrels" / "train.tsv").read_text(encoding="utf-8").strip().split("\n")[1:]
    relevant = {tuple(line.split("\t")[:2]) for line in lines if float(line.split("\t")[2]) >= 1}
    assert found == relevant | {(query, mined)}
    _, err = here("score", *words, *TINY[2:], "split=train", code=2)
    assert "leave split out" in err
