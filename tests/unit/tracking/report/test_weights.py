"""Weights are known by their fingerprint, whatever runs are called."""

import json
from pathlib import Path

import pytest

from tests.unit.tracking.report.made import fingerprint
from wrank.model.bi_encoder import BiEncoder
from wrank.store import Stage
from wrank.tracking.report.choose import Filter
from wrank.tracking.report.diff import diff
from wrank.tracking.report.gather import gather
from wrank.tracking.report.weights import CACHE, KnownWeights


def rows(gathered):
    return [row.name for row in gathered.rows]


@pytest.mark.parametrize("result", [{"best_step": 0}, {"best_step": 2}])
def test_best_weights_that_are_the_base_make_no_training_of_it(made, result):
    made.evaluation([0.1, 0.2])
    made.evaluation([0.2, 0.3], training=made.training(best=fingerprint("base"), result=result))
    assert rows(gather(made.library, Filter())) == ["base", "m-kl"]


def test_the_base_of_a_cross_encoder_has_another_fingerprint_than_its_best_weights(made):
    """It is known by its scorer alone: only the step tells that the best weights are the base's."""
    made.evaluation([0.1, 0.2])
    scorer = fingerprint("untrained scorer")
    made.evaluation([0.2, 0.3], name="untrained", fp=scorer)
    made.evaluation([0.3, 0.3], training=made.training(best=scorer, result={"best_step": 0}))
    found = gather(made.library, Filter(), reference="base")
    assert rows(found) == ["base", "untrained", "m-kl"]
    assert found.row("untrained").trainings == []


def test_best_and_last_are_two_rows_and_diff_takes_the_last(made):
    made.evaluation([0.1, 0.2])
    training = made.training(best=fingerprint("better"), result={"best_step": 2})
    made.evaluation([0.4, 0.4], training=training)
    made.evaluation([0.6, 0.6], training=training, best=fingerprint("better"))
    other = made.training("ws2", 0)
    made.evaluation([0.5, 0.5], training=other)
    assert set(rows(gather(made.library, Filter()))) == {"base", "m-kl [last]", "m-kl [best]", "m-ws2"}
    found = diff(made.library, "m-kl-s0", "m-ws2-s0").comparison
    assert found.cells["A"]["news/test"].mean == pytest.approx(0.4)


@pytest.fixture
def trained(tmp_path, made):
    """A real, tiny model in a training's folder."""

    def work(folder: Path):
        BiEncoder("random:tiny").save(folder / "last")
        return {}

    stage = Stage("model", "m", {"model": {}, "seed": 0}, {"model": "b" * 64}, {}, {"study": "x"})
    return made.store.run(stage, work)


def test_fingerprints_are_those_of_the_model_and_are_kept(trained, made, monkeypatch):
    prompted = ("query: ", None)
    weights = KnownWeights(made.store.root, [prompted])
    weights.learn([trained])
    model = BiEncoder(path=str(trained.path / "last"))
    assert weights.found.keys() == {model.fingerprint(), model.with_prompts(*prompted).fingerprint()}
    assert len(json.loads((made.store.root / CACHE).read_text())) == 2
    monkeypatch.setattr("wrank.tracking.report.weights._fingerprints", None)  # nothing is read again
    again = KnownWeights(made.store.root, [prompted])
    again.learn([trained])
    assert again.found.keys() == weights.found.keys()


def test_weights_that_cannot_be_read_are_told_and_left_out(made, capsys):
    stage = Stage("model", "m", {"model": {}, "seed": 0}, {}, {}, {"study": "x"})

    def work(folder: Path):
        (folder / "last").mkdir()
        (folder / "last" / "config.json").write_text("broken")

    weights = KnownWeights(made.store.root, [])
    weights.learn([made.store.run(stage, work)])
    assert weights.found == {}
    assert "cannot be read" in capsys.readouterr().err
