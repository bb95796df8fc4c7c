"""``wrank evaluate`` as a user sees it: one collection, a suite, baselines, an index, ranks, a kill, bad input."""

import json
import signal
import subprocess
import sys
import time

import ir_measures
import numpy as np
import pytest

from tests.integration.conftest import Wrank

TINY = ("model=tiny", "logger=none")
LAUNCH = (
    "import os, runpy, sys; os.environ['RANK'] = sys.argv.pop(1); runpy.run_module('wrank.cli', run_name='__main__')"
)


@pytest.fixture
def collections(tmp_path):
    """A folder of two collections of 12 and 30 passages; the grades are those of the number of words in common."""
    root = tmp_path / "collections"
    for name, count in (("small", 12), ("large", 30)):
        folder = root / name
        (folder / "qrels").mkdir(parents=True)
        words = ["wing", "flutter", "heat", "slab", "layer", "lift", "drag"]
        texts = [" ".join(words[(row + step) % 7] for step in range(1 + row % 4)) for row in range(count)]
        corpus = [json.dumps({"_id": f"d{row}", "text": f"{text} {row}"}) for row, text in enumerate(texts)]
        (folder / "corpus.jsonl").write_text("\n".join(corpus) + "\n")
        queries = [json.dumps({"_id": f"q{row}", "text": f"{words[row]} {words[row + 1]}"}) for row in range(6)]
        (folder / "queries.jsonl").write_text("\n".join(queries) + "\n")
        lines = []
        for query in range(6):
            for row, text in enumerate(texts):
                common = len({words[query], words[query + 1]} & set(text.split()))
                if common or row % 3 == 0:
                    lines.append(f"q{query}\td{row}\t{common}")
        (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines) + "\n")
    (root / "notes").mkdir()
    return root


def measures_of(folder):
    return json.loads((folder / "measures.json").read_text())


def result_of(folder):
    return json.loads((folder / "manifest.json").read_text())["result"]


def test_a_suite_with_baselines_gives_a_table_runs_and_a_page(here, collections):
    words = ("evaluation=local", f"evaluation.suite.path={collections}", *TINY, "baselines=[bm25]")
    out, err = here("evaluate", *words)
    assert "difference to bm25" in out
    assert "notes" in err  # a sub-folder that is no collection is named
    evaluations = here.artifacts("evaluation")
    assert len(evaluations) == 4
    for folder in evaluations:
        details = json.loads((folder / "manifest.json").read_text())["details"]
        qrels = list(ir_measures.read_trec_qrels(str(as_trec(collections / details["collection"], here.folder))))
        run = list(ir_measures.read_trec_run(str(folder / "run.trec")))
        mine = measures_of(folder)
        others = ir_measures.calc_aggregate([ir_measures.parse_measure(name) for name in mine], qrels, run)
        assert {str(measure): value for measure, value in others.items()} == pytest.approx(mine)
    (comparison,) = here.artifacts("comparison")
    page = (comparison / "comparison.html").read_text()
    assert "bm25" in page
    assert "flutter" in page
    rows = (comparison / "table.csv").read_text().strip().split("\n")
    assert len(rows) == 1 + 2 * 2 * 4
    assert set(json.loads((comparison / "comparison.json").read_text())["systems"]) == {"bm25", "tiny"}
    before = {path: path.stat().st_mtime_ns for path in here.store.rglob("manifest.json")}
    again, _ = here("evaluate", *words)
    assert again.count("difference to bm25") == 1
    assert {path: path.stat().st_mtime_ns for path in here.store.rglob("manifest.json")} == before


def as_trec(folder, place):
    path = place / f"{folder.name}.trec"
    lines = (folder / "qrels" / "test.tsv").read_text().strip().split("\n")[1:]
    cells = [line.split("\t") for line in lines]
    path.write_text("".join(f"{query} 0 {passage} {grade}\n" for query, passage, grade in cells))
    return path


@pytest.mark.parametrize("index", ["flat", "hnsw", "ivf"])
def test_an_index_is_held_against_exact_search(here, index):
    pytest.importorskip("faiss", reason="faiss is not installed: pip install 'wrank[faiss]'")
    here("evaluate", "data=sample", *TINY)
    (exact,) = here.artifacts("evaluation")
    out, _ = here("evaluate", "data=sample", *TINY, f"evaluation/index={index}")
    assert f"index {index} against exact search on 32 queries" in out
    (other,) = set(here.artifacts("evaluation")) - {exact}
    facts = result_of(other)["index"]
    assert 0 < facts["recall@10"] <= 1
    if index == "flat":
        assert facts["recall@10"] == facts["recall@1000"] == 1
        assert measures_of(other) == pytest.approx(measures_of(exact), abs=0.001)  # scores differ in the last digit


def test_stored_formats_score_alike(here):
    found = []
    for storage in ("float32", "float16", "bfloat16"):
        here("evaluate", "data=sample", *TINY, f"evaluation.storage={storage}")
        (new,) = set(here.artifacts("evaluation")) - {folder for folder, _ in found}
        found.append((new, measures_of(new)["nDCG@10"]))
    sizes = sorted(sum(file.stat().st_size for file in one.glob("vectors-*.npy")) for one in here.artifacts("vectors"))
    assert sizes[0] == sizes[1] < 0.6 * sizes[2]
    assert [value for _, value in found] == pytest.approx([found[0][1]] * 3, abs=0.02)


def test_candidates_are_reranked_and_both_stand_in_the_table(here):
    words = ("evaluation/reranker=cross_encoder", "evaluation.reranker.scorer.model=random:tiny")
    out, _ = here("evaluate", "data=sample", *TINY, *words, "evaluation.reranker.depth=5")
    assert "difference to tiny" in out or "tiny+random-tiny" in out
    assert "160 pairs reranked" in out
    (run,) = [one / "run.trec" for one in here.artifacts("evaluation") if "random" in one.name]
    (first,) = [one / "run.trec" for one in here.artifacts("evaluation") if "random" not in one.name]
    tops = [{line.split()[2] for line in path.read_text().split("\n")[:5]} for path in (run, first)]
    assert tops[0] == tops[1]
    given, _ = here("evaluate", "data=sample", *TINY, *words, f"evaluation.reranker.candidates={first}")
    assert "3,200 pairs reranked" in given


def test_feedback_is_measured_on_what_is_left(here):
    words = ("evaluation/feedback=rocchio", "evaluation.feedback.nonrelevant=judged_then_ranked")
    out, _ = here("evaluate", "data=sample", *TINY, *words, "evaluation.feedback.ks=[1,2]")
    assert "residual collection" in out
    (folder,) = here.artifacts("feedback")
    figures = json.loads((folder / "feedback.json").read_text())
    assert figures["ks"]["1"]["counts"]["queries_scored"] == 32
    assert set(figures["ks"]["1"]["first_stage"]) == {"nDCG@10", "RR@10", "R@100", "AP"}


def test_slices_calibration_and_coherence_are_kept(here, collections, tmp_path):
    (tmp_path / "wordings.tsv").write_text("q0\tone\nq1\tone\nq2\ttwo\nq3\ttwo\n")
    (tmp_path / "asked.tsv").write_text("".join(f"q{row}\t{row * 10}\n" for row in range(6)))
    files = (f"evaluation.paraphrases={tmp_path}/wordings.tsv", f"evaluation.frequencies={tmp_path}/asked.tsv")
    out, _ = here("evaluate", "data=beir", f"data.path={collections}/small", *TINY, *files)
    assert "2 pairs of wordings of one question: overlap@10" in out
    (folder,) = here.artifacts("evaluation")
    diagnosis = json.loads((folder / "diagnosis.json").read_text())
    assert set(diagnosis) == {"slices", "calibration", "coherence"}
    assert "frequency" in diagnosis["slices"]
    rows = [json.loads(line) for line in (folder / "queries.jsonl").read_text().strip().split("\n")]
    assert rows[0]["query_id"] == "q0"
    assert rows[0]["words"] == 2


def launch(wrank, ranks, *words):
    """The same command on several ranks, as torchrun or srun start it."""
    environment = wrank.environment | {"WORLD_SIZE": str(ranks)}
    command = [sys.executable, "-c", LAUNCH]
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen(
            [*command, str(rank), *words], cwd=wrank.folder, env=environment, stdout=pipe, stderr=pipe, text=True
        )
        for rank in range(ranks)
    ]
    return [(process.communicate(timeout=300), process.returncode) for process in started]


def test_two_ranks_give_the_files_of_one(tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one, two = map(Wrank, folders)
    one("evaluate", "data=sample", *TINY)
    for (_, err), code in launch(two, 2, "evaluate", "data=sample", *TINY):
        assert code == 0, err
    (alone,), (shared,) = one.artifacts("evaluation"), two.artifacts("evaluation")
    for name in ("run.trec", "measures.json", "per_query.jsonl", "diagnosis.json"):
        assert (alone / name).read_bytes() == (shared / name).read_bytes()
    (vectors,), (others,) = one.artifacts("vectors"), two.artifacts("vectors")
    assert (vectors / "vectors-00000.npy").read_bytes() == (others / "vectors-00000.npy").read_bytes()


def test_only_the_first_rank_tells_and_tracks(tmp_path):
    wrank = Wrank(tmp_path)
    outcomes = launch(wrank, 2, "evaluate", "data=sample", "model=tiny", "logger=csv")
    assert all(code == 0 for _, code in outcomes), outcomes
    told = ["nDCG@10" in out for (out, _), _ in outcomes]
    assert told == [True, False]


@pytest.mark.slow
def test_a_killed_encoding_goes_on_and_gives_the_files_of_an_unbroken_one(tmp_path):
    """10,000 passages are three shards; the kill comes when the first is whole."""
    folder = tmp_path / "large"
    (folder / "qrels").mkdir(parents=True)
    corpus = (json.dumps({"_id": f"d{row}", "text": f"passage number {row} of many"}) for row in range(10_000))
    (folder / "corpus.jsonl").write_text("\n".join(corpus) + "\n")
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "number 7"}) + "\n")
    (folder / "qrels" / "test.tsv").write_text("q\td7\t1\n")
    words = ("evaluate", "data=beir", f"data.path={folder}", *TINY)
    folders = [tmp_path / "whole", tmp_path / "broken"]
    for one in folders:
        one.mkdir()
    whole, broken = map(Wrank, folders)
    whole(*words)
    process = broken.start(*words)
    for _ in range(4000):
        if list(broken.store.glob("vectors/.partial-*/shard-*.json")) or process.poll() is not None:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    _, err = broken(*words)
    assert "of 3 parts are there already" in err
    (alone,), (again,) = whole.artifacts("vectors"), broken.artifacts("vectors")
    for shard in range(3):
        name = f"vectors-{shard:05d}.npy"
        assert (alone / name).read_bytes() == (again / name).read_bytes()
    assert measures_of(whole.artifacts("evaluation")[0]) == measures_of(broken.artifacts("evaluation")[0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("data=sample", "baselines=[bm52]"), "baselines: 'bm52' is neither bm25"),
        (("data=sample", "baselines=[tiny]"), "two systems are called 'tiny'"),
        (("data=sample", "baselines=[missing.trec]"), "no such run file"),
        (("data=sample", "reference=bm25"), "reference=bm25: no such system"),
        (("data=sample", "evaluation.alpha=1"), "evaluation.alpha is 1"),
        (("data=sample", "evaluation.storage=float8"), "evaluation.storage=float8: wanted float32"),
        (("data=sample", "evaluation.processes=0"), "evaluation.processes is 0"),
        (("data=sample", "evaluation.paraphrases=nothing.tsv"), "nothing.tsv"),
        (("data=sample", "evaluation.measures=[]"), "at least one"),
        (("evaluation=local",), "evaluation.suite.path"),
        (("evaluation=local", "evaluation.suite.path=."), "no collection"),
        (("evaluation=beir",), "wrank data pull"),
        (("evaluation=beir", "evaluation.suite.subset=[scifcat]"), "scifact"),
        (("evaluation=nano_beir",), "wrank data pull"),
        (("evaluation=bright",), "wrank data pull"),
        (("data=sample", "evaluation/reranker=cross_encoder", "evaluation.reranker.depth=0"), "reranker.depth is 0"),
        (("data=sample", "evaluation/reranker=cross_encoder", "evaluation.reranker.scorer.model=no/such"), "no/such"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_encoded(here, words, message):
    _, err = here("evaluate", *TINY, *words, code=2)
    assert message in err
    assert not here.artifacts("vectors")


def test_a_run_over_another_collection_is_told(here, tmp_path):
    (tmp_path / "other.trec").write_text("q1 Q0 d1 1 2.0 x\n")
    _, err = here("evaluate", "data=sample", *TINY, f"baselines=[{tmp_path}/other.trec]", code=2)
    assert "none of the 32 judged queries of sample/test is in it" in err


def test_vectors_of_another_size_than_the_model_are_told(here):
    here("evaluate", "data=sample", *TINY)
    (vectors,) = here.artifacts("vectors")
    np.save(vectors / "vectors-00000.npy", np.ones((384, 5), np.float32))
    _, err = here("evaluate", "data=sample", *TINY, "evaluation.depth=100", code=2)
    assert "remove" in err
    assert str(vectors) in err


def test_a_changed_weight_is_encoded_again(here):
    here("evaluate", "data=sample", *TINY)
    here("evaluate", "data=sample", *TINY, "model.query_length=32")
    assert len(here.artifacts("vectors")) == 1  # passages are read as before
    here("evaluate", "data=sample", *TINY, "model.seed=1")
    here("evaluate", "data=sample", *TINY, "model.passage_prompt='x '")
    assert len(here.artifacts("vectors")) == 3
    assert len(here.artifacts("evaluation")) == 4


def test_a_full_disk_is_told_and_the_next_try_goes_on(wrank):
    """A real limit on the size of files, as of a quota."""
    command = f"ulimit -f 20; exec {sys.executable} -m wrank.cli evaluate data=sample model=tiny logger=none"
    done = subprocess.run(
        ["bash", "-c", command], cwd=wrank.folder, env=wrank.environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode != 0
    assert not wrank.artifacts("evaluation")
    wrank("evaluate", "data=sample", *TINY)
    assert len(wrank.artifacts("evaluation")) == 1
