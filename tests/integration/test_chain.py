"""What a loss needs is made in the run itself and reaches it: teacher scores, preferences, paraphrases."""

import json
import math

import pytest
from pyarrow import parquet

from tests.integration.conftest import SMOKE, fault_engine
from wrank.data.source.sample import SampleSource

RUN = ("run", *SMOKE)
TRAIN = ("train", *SMOKE)
COHERENCE = "+loss.parts.coherence={weight:0.1,loss:{_target_:wrank.loss.coherence.Coherence}}"


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def logged(folder):
    """Column -> values of a training's CSV."""
    head, *rows = [line.split(",") for line in (folder / "metrics.csv").read_text().strip().split("\n")]
    columns = zip(head, zip(*rows, strict=True), strict=True)
    return {name: [float(value) for value in column if value] for name, column in columns}


def test_a_run_asks_its_teacher_and_finds_all_of_it_again(here):
    words = (*RUN, "loss=margin_mse", "teacher=bi_encoder")
    _, err = here(*words)
    assert "scores: made" in err
    (model,), (scores,) = here.artifacts("model"), here.artifacts("scores")
    assert manifest(model)["inputs"]["teacher"] == manifest(scores)["content_key"]
    pairs = parquet.read_table(scores / "pairs.parquet").to_pylist()
    assert len(pairs) == 32 * 4  # the training queries' judged passages alone
    tested = {line.split("\t")[0] for line in (SampleSource().path / "qrels" / "test.tsv").read_text().split("\n")}
    assert not {row["query_id"] for row in pairs} & tested
    assert (scores / "preferences.parquet").is_file()  # so that another loss need not ask again
    figures = logged(model)
    assert all(value > 0 for value in figures["train/loss"])
    assert any(value != 0 for value in figures["train/teacher_correlation"])
    _, err = here(*words)
    assert ": made" not in err
    _, err = here(*TRAIN, "loss=pair_kl", "teacher=bi_encoder")
    assert "scores: found" in err
    _, err = here(*TRAIN, "loss=teacher_kl", "teacher=bi_encoder", "seed=1", "max_queries=null", "trainer.max_steps=1")
    assert "scores: made" in err  # of more queries


def test_preferences_of_a_teacher_reach_the_loss(here):
    here(*TRAIN, "loss=pair_kl", "teacher=cross_encoder", "preferences.pairs=all", "trainer.workers=1")
    (model,) = here.artifacts("model")
    assert logged(model)["train/pairs"] == [6.0, 6.0]  # every pair of a list of four
    here(*TRAIN, "loss=pair_kl", "teacher=cross_encoder", "preferences.pairs=adjacent")
    assert {round(value) for one in here.artifacts("model") for value in logged(one)["train/pairs"]} == {3, 6}


def test_paraphrases_of_the_sample_reach_the_loss(here):
    _, err = here(*TRAIN, "loss=sum", COHERENCE)
    assert "paraphrases: 192 of 96 queries" in err
    (model,) = here.artifacts("model")
    figures = logged(model)
    assert figures["train/coherence/paraphrases"] == [2.0, 2.0]
    assert all(value > 0 for value in figures["train/coherence/distance"])
    here(*TRAIN, "loss=sum", COHERENCE, "data.lists.paraphrases=1")
    both = here.artifacts("model")
    assert sorted(logged(one)["train/coherence/paraphrases"][0] for one in both) == [1.0, 2.0]


def test_paraphrases_that_the_run_itself_writes_reach_the_loss(here):
    """By a generator; those of the sample's file are not looked at."""
    words = (
        *TRAIN,
        "loss=coherence",
        "generator=paraphrase",
        "generator.recipe.count=1",
        "judge=none",
        *fault_engine(),
    )
    _, err = here(*words)
    (generation,) = here.artifacts("generation")
    written = [json.loads(line)["text"] for line in (generation / "queries.jsonl").read_text().strip().split("\n")]
    assert f"paraphrases: {len(written):,} of" in err
    (model,) = here.artifacts("model")
    assert logged(model)["train/paraphrases"] == [1.0, 1.0]
    _, err = here(*TRAIN, "loss=coherence", f"data.paraphrases={generation.name}")
    assert f"paraphrases: {len(written):,} of" in err


@pytest.mark.parametrize("negatives", ["random", "dense"])
def test_negatives_have_teacher_scores(here, negatives):
    lists = (
        f"data.lists.negatives={negatives}",
        "data.lists.size=8",
        "data.lists.judged=2",
        "data.lists.window=[2,40]",
    )
    here(*TRAIN, "loss=margin_mse", "teacher=bi_encoder", "teacher_negatives=9", *lists)
    (scores,), (model,) = here.artifacts("scores"), here.artifacts("model")
    pairs = parquet.read_table(scores / "pairs.parquet").to_pylist()
    assert len(pairs) == 32 * (4 + 9)
    assert manifest(model)["config"]["lists"]["fixed_negatives"] == 9
    here(*TRAIN, "loss=margin_mse", "teacher=bi_encoder", "teacher_negatives=0", *lists)
    assert sorted(len(parquet.read_table(one / "pairs.parquet")) for one in here.artifacts("scores")) == [128, 416]


def test_what_wrank_score_made_is_taken_by_name(here):
    tiny = ("teacher=bi_encoder", "teacher.source=random:tiny")
    here("score", "data=sample", *tiny, "preferences.pairs=all", "name=mine")
    for key, loss in (("scores", "teacher_kl"), ("preferences", "pair_kl")):
        here(*TRAIN, f"loss={loss}", f"data.{key}=mine")
    assert len(here.artifacts("model")) == 2
    out, err = here(*TRAIN, "loss=teacher_kl", "data.scores=nobody", code=2)
    assert "data.scores=nobody" in out + err
    assert "mine" in out + err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("loss=margin_mse",), ("loss=margin_mse needs teacher", "teacher=bi_encoder", "wrank score")),
        (("loss=pair_kl",), ("loss=pair_kl needs pairs", "data.preferences=NAME")),
        (("loss=pair_kl", "teacher=bi_encoder", "preferences.pairs=null"), ("needs pairs", "preferences.pairs")),
        (("loss=pair_kl", "data.preferences=none"), ("data.preferences=none", "wrank score")),
        (("loss=coherence", "data.paraphrases=none"), ("data.paraphrases=none", "wrank generate generator=paraphrase")),
        (("teacher_negatives=-1",), ("teacher_negatives=-1",)),
        (
            ("loss=margin_mse", "teacher=bi_encoder", "data.lists.negatives=random", "teacher_negatives=2"),
            ("teacher_negatives=2", "data.lists.size=4", "at least"),
        ),
    ],
)
def test_what_cannot_be_is_told_by_name(here, words, told):
    out, err = here(*TRAIN, *words, code=2)
    for word in told:
        assert word in " ".join((out + err).split())
    assert not here.artifacts("model")


def test_a_collection_without_paraphrases_says_how_to_get_them(here):
    folder = here.folder / "mine"
    (folder / "qrels").mkdir(parents=True)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv", "qrels/test.tsv"):
        (folder / name).write_bytes((SampleSource().path / name).read_bytes())
    words = (*TRAIN, "data=beir", f"data.path={folder}", "data.lists.negatives=none", "loss=coherence")
    out, err = here(*words, code=2)
    assert "loss=coherence needs paraphrases, which mine has none of" in out + err
    (folder / "paraphrases.tsv").write_text("q01\tseasoning a pan\nq02\tdoor that sticks\n")
    _, err = here(*words)
    assert "paraphrases: 2 of 2 queries" in err


def test_a_loss_that_needs_nothing_is_trained_as_before(here):
    """The key of a training knows of a teacher only where the loss asks it."""
    here(*TRAIN)
    _, err = here(*TRAIN, "teacher=cross_encoder", "data.lists.paraphrases=1")
    assert "teacher=cross_encoder is not asked: loss=infonce" in err
    (model,) = here.artifacts("model")
    assert not here.artifacts("scores")
    found = manifest(model)
    assert set(found["inputs"]) == {"collection", "model"}
    assert not {"paraphrases", "fixed_negatives"} & set(found["config"]["lists"])


def test_the_supplement_is_the_same_whatever_the_number_of_workers(here):
    """Drawn by position, not in the order in which processes ask."""
    weights = []
    for workers in (0, 2):
        words = ("loss=sum", COHERENCE, f"trainer.workers={workers}", f"name=w{workers}", f"study=w{workers}")
        here(*TRAIN, *words, f"paths.store={here.folder}/store{workers}")
        (model,) = (here.folder / f"store{workers}" / "model").glob("[!.]*")
        weights.append(logged(model)["train/coherence/distance"])
    assert weights[0] == pytest.approx(weights[1], rel=1e-6)
    assert all(math.isfinite(value) for value in weights[0])
