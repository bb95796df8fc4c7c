"""Every kind of model through the command line, tiny: decoder, LoRA, Matryoshka, cross-encoder."""

import csv
import json

import pytest
import torch
from safetensors.torch import load_file

from wrank.model.bi_encoder import BiEncoder
from wrank.model.cross_encoder import CrossEncoder

SMOKE = ("data=sample", "debug=smoke", "trainer=cpu", "trainer.precision=32-true", "logger=none")
CROSS = ("model=cross_encoder", "trainer.in_batch=none", "model.dev_depth=3", "model.depth=10")


def model_of(here):
    (folder,) = here.artifacts("model")
    return folder


def test_a_decoder_is_trained_with_its_end_token_and_its_instruction(here):
    out, _ = here("run", *SMOKE, "model=tiny_decoder")
    assert "tiny_decoder-infonce-s0" in out
    model = BiEncoder(path=str(model_of(here) / "last"))
    assert model.settings.pooling == "last"
    assert model.tokenize(["a"], "query")[0][-1] == model.encoder.tokenizer.eos_token_id


def test_an_adapter_is_merged_and_its_base_is_the_one_without_it(here):
    here("run", *SMOKE, "model=tiny", "model/lora=standard", "model.lora.rank=2", "name=adapted")
    (base,) = here.store.glob("evaluation/*-tiny-*")
    here("evaluate", "data=sample", "model=tiny", "logger=none")
    assert list(here.store.glob("evaluation/*-tiny-*")) == [base], "the base of an adapted model is its base"
    last = load_file(model_of(here) / "last" / "model.safetensors")
    start = BiEncoder("random:tiny").encoder.transformer.state_dict()
    assert last.keys() == start.keys()
    changed = {name for name in last if not torch.equal(last[name], start[name])}
    assert changed
    assert all(name.endswith(("query.weight", "key.weight", "value.weight", "dense.weight")) for name in changed)
    here("run", *SMOKE, "model=tiny", "name=adapted")
    assert len(here.artifacts("model")) == 2, "with and without LoRA are two trainings"


def test_sizes_are_logged_and_a_trained_model_is_evaluated_cut(here):
    here("train", *SMOKE, "model=tiny", "model/matryoshka=halves")
    folder = model_of(here)
    with (folder / "metrics.csv").open() as lines:
        assert {"train/loss_32", "train/loss_16", "train/loss_8"} <= set(next(csv.reader(lines)))
    path = ("model=path", f"model.path={folder}/last", "logger=none")
    for size in ("null", "8"):
        here("evaluate", "data=sample", *path, f"model.dimensions={size}")
    vectors = [json.loads((one / "manifest.json").read_text())["result"] for one in here.artifacts("vectors")]
    assert sorted(one["dimension"] for one in vectors) == [8, 32]
    _, err = here("train", *SMOKE, "model=tiny", "model.matryoshka=[64]", "tiny=false", code=2)
    assert "from 1 to 32" in err


def test_a_reranker_is_trained_evaluated_over_its_first_stage_and_used_again(here):
    out, _ = here("run", *SMOKE, *CROSS, "loss=lce", "name=reranker")
    assert "difference to bm25" in " ".join(out.split())
    assert "reranker" in out
    folder = model_of(here)
    dev = json.loads((folder / "dev.json").read_text())
    assert set(dev["history"][0]) == {"step", "nDCG@10", "RR@10"}
    measures = {
        path.name.partition("sample-test-")[2].rpartition("-")[0]: json.loads((path / "measures.json").read_text())
        for path in here.artifacts("evaluation")
    }
    assert measures["bm25"]["R@100"] == measures["reranker"]["R@100"], "the same candidates in another order"
    assert measures["bm25"]["nDCG@10"] != measures["reranker"]["nDCG@10"]
    before = len(here.artifacts("evaluation"))
    _, err = here("run", *SMOKE, *CROSS, "loss=lce", "name=reranker")
    assert "made in" not in err
    assert len(here.artifacts("evaluation")) == before
    last = f"{folder}/last"
    out, _ = here(
        *("evaluate", "data=sample", "model=tiny", "evaluation/reranker=cross_encoder", "logger=none"),
        *(f"evaluation.reranker.scorer.model={last}", "evaluation.reranker.depth=5"),
    )
    assert "tiny+" in out
    here("score", "data=sample", "teacher=cross_encoder", f"teacher.model={last}")
    assert CrossEncoder(path=last).max_length == 128


def test_a_reranker_is_a_system_of_a_table(here):
    here("train", *SMOKE, *CROSS, "loss=ranknet")
    last = f"{model_of(here)}/last"
    out, _ = here(
        *("evaluate", "data=sample", "model=cross_encoder", "model.source=null", f"model.path={last}", "model.depth=5"),
        *("logger=none", "model.first_stage=tiny", "baselines=[bm25]"),
    )
    assert "tiny+cross_encoder" in out
    assert "bm25" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("loss=lce",), "set trainer.in_batch=none"),
        (("loss=ws2", "trainer.in_batch=none"), "in_batch=none"),
        (("loss=coherence", "trainer.in_batch=none"), "embeddings"),
    ],
)
def test_what_a_reranker_cannot_learn_from_is_told_before_any_work(words, told, here):
    _, err = here("train", *SMOKE, "model=cross_encoder", *words, code=2)
    assert told in err
    assert not here.store.exists() or not here.artifacts("candidates")


def test_negatives_of_a_reranker_come_from_its_first_stage(here):
    here("train", *SMOKE, *CROSS, "loss=lce", "data.lists.negatives=dense", "data.lists.size=6")
    names = [path.name for path in here.artifacts("candidates")]
    assert len(names) == 2, "for the negatives, and for the dev queries"
    assert all("bm25" in name for name in names)
    assert not (here.store / "vectors").exists()


def test_four_bits_without_a_gpu_are_refused(here):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    _, err = here("train", "data=sample", "model=smollm2", "model.quantize=nf4", "logger=none", code=2)
    assert "needs a CUDA GPU" in err
