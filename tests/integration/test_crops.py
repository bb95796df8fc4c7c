"""A corpus without queries or judgements: described, trained on, and a folder's own test split evaluated."""

import json

import pytest

from tests.integration.conftest import ROOT

SAMPLE = ROOT / "wrank" / "data" / "sample"
CROPS = ("data=crops", "data/augment=crop", "data.augment.probability=1")
SMOKE = ("loss=infonce", "model=tiny", "trainer=cpu", "trainer.precision=32-true", "debug=smoke")


@pytest.fixture
def corpus(tmp_path):
    """The sample's passages, alone in a folder."""
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "corpus.jsonl").write_bytes((SAMPLE / "corpus.jsonl").read_bytes())
    return f"data.path={folder}"


def test_a_bare_corpus_is_trained_on(wrank, corpus):
    wrank("train", *CROPS, corpus, *SMOKE)
    (model,) = wrank.artifacts("model")
    manifest = json.loads((model / "manifest.json").read_text())
    assert manifest["result"]["steps"] == 2
    assert manifest["result"]["train_queries"] == 32
    dev = json.loads((model / "dev.json").read_text())
    assert 0 < dev["best"] < 1  # the held-out crops steer
    assert manifest["config"]["augment"]["_target_"] == "wrank.data.augment.crop.Crop"


def test_a_bare_corpus_is_described_and_verified(here, corpus):
    out, _ = here("data", "describe", *CROPS, corpus)
    assert "bare/crops" in out
    assert "queries have a list" in out
    assert here("data", "verify", *CROPS, corpus)[0].startswith("crops: as it should be  384 passages, ")


def test_crops_are_no_judgements_to_evaluate_a_test_split_by(here, corpus):
    _, err = here("evaluate", "data=crops", corpus, "model=tiny", code=2)
    assert "bare/qrels: no such folder; wanted qrels/SPLIT.tsv" in err
