"""``wrank mine`` as a user sees it: pairs on disk, found again, gone on with, and told what is wrong."""

import json
import os
import signal
import sys
import time
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.integration.conftest import Here
from wrank.data.source.sample import SampleSource
from wrank.mining.bm25 import Bm25Miner
from wrank.mining.dense import DenseMiner

BM25 = ("mine", "data=sample", "miner=bm25")
DENSE = ("mine", "data=sample", "miner=dense", "model=tiny")


class SlowBm25(Bm25Miner):
    """Takes its time where SLOW_MINER says so, so that it can be killed."""

    def rank(self, collection, query_rows, depth):
        time.sleep(float(os.environ.get("SLOW_MINER", "0")))
        return super().rank(collection, query_rows, depth)


class SlowDense(DenseMiner):
    """Likewise."""

    def rank(self, collection, query_rows, depth):
        time.sleep(float(os.environ.get("SLOW_MINER", "0")))
        return super().rank(collection, query_rows, depth)


class NegativeBm25(Bm25Miner):
    """Scores below 0, as a dense model may give."""

    def rank(self, collection, query_rows, depth):
        for ranking in super().rank(collection, query_rows, depth):
            yield ranking._replace(scores=ranking.scores - np.float32(100))

    def score_pairs(self, collection, query_rows, passage_rows):
        return super().score_pairs(collection, query_rows, passage_rows) - np.float32(100)


def mined(here):
    return here.artifacts("mined")


def rows(folder):
    return pq.read_table(folder / "pairs.parquet").to_pylist()


def result(folder):
    return json.loads((folder / "manifest.json").read_text())["result"]


@pytest.fixture
def sample(tmp_path):
    return SampleSource().load("train", tmp_path / "own-tables")


@pytest.mark.parametrize("words", [BM25, DENSE])
def test_pairs_are_sorted_negatives_of_the_training_queries_and_are_found_the_second_time(here, sample, words):
    out, _ = here(*words, "filter.window=[1,20]")
    assert "queries with pairs" in out
    assert "known positives" in out
    assert "examples" in out
    (folder,) = mined(here)
    assert {path.name for path in folder.iterdir()} == {"pairs.parquet", "manifest.json"}
    pairs = rows(folder)
    order = {query_id: place for place, query_id in enumerate(sample.qrels)}
    places = [(order[pair["query_id"]], pair["rank"]) for pair in pairs]
    assert places == sorted(set(places))
    for query_id in sample.qrels:
        own = [pair for pair in pairs if pair["query_id"] == query_id]
        assert len(own) <= 20
        scores = [pair["score"] for pair in own]
        assert scores == sorted(scores, reverse=True)
        keys = {int(sample.passages.keys[sample.passages.row(pair["passage_id"])]) for pair in own}
        assert len(keys) == len(own)
        assert not keys & set(sample.known_keys(query_id))
        assert not {pair["passage_id"] for pair in own} & set(sample.qrels[query_id])
    counts = result(folder)
    assert counts["ranked"] == counts["pairs"] + sum(counts["left_out"].values())
    out, err = here(*words, "filter.window=[1,20]")
    assert "mined: found" in err
    assert "queries with pairs" in out


def test_minilm_finds_the_positives_of_the_sample_first(here):
    here("mine", "data=sample", "miner=dense", "model=minilm", "filter=consistent")
    (folder,) = mined(here)
    kept = (folder / "queries.txt").read_text().split()
    assert len(kept) == 64 - result(folder)["inconsistent"]
    assert len(kept) > 50
    assert {pair["query_id"] for pair in rows(folder)} <= set(kept)


def test_another_filter_is_another_artifact_of_the_same_ranking(here):
    here(*BM25)
    _, err = here(*BM25, "filter=top_perc_pos")
    assert "ranking: found" in err
    drawing = (*BM25, "filter.choice=random", "filter.per_query=5")
    here(*drawing)
    here(*drawing, "seed=1")
    assert len(mined(here)) == 4
    assert len(here.artifacts("ranking")) == 1
    here(*BM25, "seed=1")  # nothing is drawn, so it is the first one
    assert len(mined(here)) == 4
    here(*BM25, "miner.b=0.75")
    here(*BM25, "miner.chunk=7")  # cannot change a ranking
    assert len(here.artifacts("ranking")) == 2
    manifests = {folder: json.loads((folder / "manifest.json").read_text()) for folder in mined(here)}
    drawn = [rows(folder) for folder, manifest in manifests.items() if manifest["seeds"]]
    assert len(drawn) == 2
    assert drawn[0] != drawn[1]
    for pairs in drawn:
        assert max(Counter(pair["query_id"] for pair in pairs).values()) == 5


@pytest.mark.parametrize(
    ("slow", "words"), [("SlowBm25", BM25), pytest.param("SlowDense", DENSE, marks=pytest.mark.slow)]
)
def test_killed_between_chunks_goes_on_and_ends_with_the_same_bytes(tmp_path, monkeypatch, capsys, slow, words):
    """Killed for real in a process of its own; the rest is done in this one, in less time."""
    whole, broken = (Here(tmp_path / name, monkeypatch, capsys) for name in ("whole", "broken"))
    words = (*words, f"miner._target_=tests.integration.test_mine.{slow}", "miner.chunk=8")
    for one in (whole, broken):
        one.folder.mkdir()
    monkeypatch.setenv("SLOW_MINER", "0.2")
    process = broken.start(*words)
    monkeypatch.delenv("SLOW_MINER")
    for _ in range(3000):
        if process.poll() is not None or len(list(broken.store.glob("ranking/.partial-*/rankings-*.npz"))) >= 2:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    assert not broken.artifacts("ranking")
    before = {path.name: path.stat().st_mtime_ns for path in broken.store.glob("ranking/.partial-*/*.npz")}
    _, err = broken(*words)
    assert f"goes on after {8 * len(before)} of 64 queries" in err
    whole(*words)
    (made,) = broken.artifacts("ranking")
    assert {name: (made / name).stat().st_mtime_ns for name in before} == before
    (one,), (other,) = mined(broken), mined(whole)
    assert (one / "pairs.parquet").read_bytes() == (other / "pairs.parquet").read_bytes()


def test_full_disk_is_told_and_what_was_ranked_is_kept(here, monkeypatch):
    written, save = [], np.savez

    def full(file, **columns):
        if len(written) == 3:
            raise OSError(28, os.strerror(28))
        written.append(save(file, **columns))

    monkeypatch.setattr(np, "savez", full)
    _, err = here(*BM25, "miner.chunk=8", code=2)
    assert "No space left" in err
    monkeypatch.setattr(np, "savez", save)
    _, err = here(*BM25, "miner.chunk=8")
    assert "goes on after 24 of 64 queries" in err


def test_full_disk_while_the_index_is_written_is_told(here, monkeypatch):
    import bm25s

    def full(*_, **__):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(bm25s.BM25, "save", full)
    _, err = here(*BM25, code=2)
    assert "No space left" in err
    assert not list(here.store.glob("table/bm25/[!.]*"))


@pytest.mark.parametrize(("module", "package"), [("bm25s", "bm25s"), ("Stemmer", "PyStemmer")])
def test_missing_library_is_told(here, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    _, err = here(*BM25, code=2)
    assert f"pip install {package}" in err


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("depth=50",), "depth is 50, but filter.window ends at rank 100"),
        (("filter.window=[9,3]",), "filter.window is [9, 3]"),
        (("filter.per_query=0",), "filter.per_query is 0"),
        (("filter.consistency=0",), "filter.consistency is 0"),
        (("filter.choice=best",), "filter.choice=best: wanted top, random"),
        (("filter.margin.kind=relative",), "filter.margin.value is None"),
        (("filter.window=[190,200]", "filter.margin.kind=relative", "filter.margin.value=0.01"), "no pair is left"),
        (("miner.k1=-1",), "miner.k1 is -1"),
        (("miner=sparse",), "sparse"),
        (("+filter.windw=[1,2]",), "filter.window"),
        (("data=beir", "data.path=/nowhere"), "/nowhere"),
    ],
)
def test_wrong_values_are_told(here, words, wanted):
    _, err = here(*BM25, *words, code=2)
    assert wanted in err
    assert not mined(here)


def folder_of(tmp_path, corpus, queries, judged):
    folder = tmp_path / "own"
    (folder / "qrels").mkdir(parents=True)
    for name, texts in (("corpus", corpus), ("queries", queries)):
        lines = [json.dumps({"_id": id, "text": text}) for id, text in texts.items()]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in judged)]
    (folder / "qrels" / "train.tsv").write_text("\n".join(lines) + "\n")
    return "mine", "data=beir", f"data.path={folder}"


def test_relative_margin_of_a_negative_score_is_told(here):
    target = "miner._target_=tests.integration.test_mine.NegativeBm25"
    _, err = here(*BM25, target, "filter=top_perc_pos", code=2)
    assert "filter.margin.kind is relative, but the best positive of query" in err
    here(*BM25, target, "filter.margin.kind=absolute", "filter.margin.value=1")


def test_query_that_is_a_passage_does_not_find_itself_with_drop_self(here, tmp_path):
    texts = {"a": "red fox", "b": "red fox jumps", "c": "red dog", "d": "red cow"}
    words = folder_of(tmp_path, texts, {"a": "red fox", "d": "red cow"}, [("a", "b", 1), ("d", "d", 1)])
    here(*words, "miner=bm25", "evaluation.drop_self=true")
    (folder,) = mined(here)
    assert {pair["query_id"] for pair in rows(folder)} == {"a"}
    assert {pair["passage_id"] for pair in rows(folder)} == {"c", "d"}
    counts = result(folder)
    assert (counts["queries"], counts["queries_without_positive"], counts["left_out"]["excluded"]) == (1, 1, 1)


def test_queries_without_a_positive_are_an_error_when_there_are_no_others(here, tmp_path):
    words = folder_of(tmp_path, {"a": "red fox", "b": "dog"}, {"q": "red"}, [("q", "a", 0)])
    _, err = here(*words, "miner=bm25", code=2)
    assert "no query has a passage with a grade above 0" in err
