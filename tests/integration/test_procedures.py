"""Ways of making training data that were published elsewhere, each from the command line to a compared model."""

import json

import pytest
from omegaconf import OmegaConf

from tests.integration.conftest import ROOT, fault_engine

SAMPLE = ROOT / "wrank" / "data" / "sample"
SMOKE = ("model=tiny", "debug=smoke", "trainer=cpu", "trainer.precision=32-true", "logger=none")


def manifest(artifact):
    return json.loads((artifact / "manifest.json").read_text())


def trained(wrank):
    (model,) = wrank.artifacts("model")
    found = manifest(model)
    assert found["result"]["steps"] == 2
    return found


@pytest.fixture
def labels(tmp_path):
    """For the sample's training queries: labels as of a model, utilities with tasks, and frequencies."""
    rows = [line.split("\t") for line in (SAMPLE / "qrels" / "train.tsv").read_text().strip().split("\n")[1:]]
    queries = list(dict.fromkeys(query for query, _, _ in rows))
    written = "".join(f"{query}\t{passage}\t{3 - int(grade)}\n" for query, passage, grade in rows)
    (tmp_path / "labels.tsv").write_text(written)
    utilities = [
        {"query_id": query, "passage_id": passage, "utility": int(grade) ** 2 - 4.5, "task": ("ir", "qa")[query < "q2"]}
        for query, passage, grade in rows
    ]
    (tmp_path / "utilities.jsonl").write_text("".join(json.dumps(row) + "\n" for row in utilities))
    (tmp_path / "asked.tsv").write_text("".join(f"{query}\t{10 * n}\n" for n, query in enumerate(queries)))
    return tmp_path


def test_clicks_and_labels_of_a_model_are_two_losses_weighed_by_frequency(here, labels):
    words = (
        "data/mix=click_and_llm",
        f"data.mix.parts.llm.pairs.path={labels}/labels.tsv",
        f"data.mix.parts.click.steps.0.frequencies={labels}/asked.tsv",
    )
    here("run", "data=sample", *words, *SMOKE, "max_queries=null", "loss=kl")
    found = trained(here)
    assert found["result"]["train_queries"] == 2 * 58  # each query has a list of either kind; the dev queries none
    assert len(here.artifacts("comparison")) == 1


def test_utilities_of_a_file_are_clustered_and_instructed_by_task(here, labels):
    of = f"{{_target_:wrank.data.source.beir.BeirSource,path:{SAMPLE}}}"
    words = (
        *("data=instructed", f"data.source.of={of}", f"data.source.tasks={labels}/utilities.jsonl"),
        *("+data.source.instructions.qa=Find what answers.", "+data.source.instructions.ir=Find what is about it."),
        *("data.source.default=ir", "data/mix=utility", "data.lists.negatives=random"),
        f"data.mix.parts.utility.pairs.path={labels}/utilities.jsonl",
    )
    here("run", *words, *SMOKE)
    trained(here)
    out, _ = here("data", "describe", *words)
    assert "Find what is about it. " in out


ARTIFICIAL = "data.mix.parts.artificial.source.count=50"


@pytest.mark.parametrize(
    ("mix", "more"),
    [
        ("utility_graded", ["loss=listnet"]),
        ("click_then_llm", []),
        ("crops", ["data/augment=crop", "data.augment.probability=1", "loss=relevance_weighted_infonce"]),
        ("artificial", [ARTIFICIAL]),
    ],
)
def test_every_mix_runs_on_a_collection_as_it_is(here, mix, more):
    here("train", "data=sample", f"data/mix={mix}", *SMOKE, *more)
    trained(here)


def test_lists_with_variants_of_relevant_passages_are_trained_on(here):
    here("train", "data=sample", "data/augment=balance", "data.augment.share=0.8", *SMOKE)
    found = trained(here)
    assert found["config"]["augment"]["_target_"] == "wrank.data.augment.balance.Balance"


def test_reasoning_queries_and_their_negatives_are_written_and_trained_on(here, tmp_path):
    here(
        *("run", "data=reasoning", f"data.path={SAMPLE}", *SMOKE, "generator=reasoning", "generator.limit=20"),
        *("judge=none", *fault_engine(words=30)),
    )
    trained(here)
    (made,) = here.artifacts("generation")
    rows = [line.split("\t") for line in (made / "qrels" / "train.tsv").read_text().strip().split("\n")[1:]]
    assert len(rows) == 20 * 2 * 2
    for query, passage, grade in rows:
        of, style = query.split(":")[1:]
        assert style in ("hard", "problem")
        assert (passage, grade) in {(of, "3"), (f"{query}:negative0", "0")}


def test_a_tiny_encoder_learns_made_up_sequences_and_is_carried_over(here):
    made = ("data=artificial", "data.source.count=64", "data.source.test_count=20", *SMOKE)
    here("run", *made, "data.source.traits.structure=flat", "data.source.ask=half")
    trained(here)
    (model,) = here.artifacts("model")
    few = ("trainer=cpu", "trainer.precision=32-true", "logger=none", "trainer.max_steps=2", "trainer.batch_size=4")
    out, _ = here("run", "data=sample", "model=path", f"model.path={model}/last", *few, "max_queries=32")
    assert len(here.artifacts("model")) == 2
    assert model.name in out


def test_mix_options_may_be_chosen_with_every_verb_that_makes_lists():
    for verb in ("run", "train", "data", "score"):
        defaults = OmegaConf.load(ROOT / "conf" / f"{verb}.yaml").defaults
        assert {"data/mix": None} in [dict(entry) for entry in defaults if OmegaConf.is_dict(entry)]
