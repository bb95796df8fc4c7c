"""A wrong word on the command line is answered with the right one."""

import pytest

from wrank.command.hints import hint
from wrank.config import register


@pytest.fixture(autouse=True)
def schemas():
    register()


@pytest.mark.parametrize(
    ("words", "wrong", "wanted"),
    [
        (["trainer.learningrate=1"], "trainer.learningrate", "trainer.learning_rate"),
        (["loss=ws2", "loss.temprature=1"], "loss.temprature", "did you mean loss.temperature?"),
        (["sede=1"], "sede", "did you mean seed?"),
        (["trainer.zzzzzz=1"], "trainer.zzzzzz", "the keys of trainer are"),
        (["qqqqqqqq=1"], "qqqqqqqq", "--help"),
        (["loss=nonsense", "trainer.learningrate=1"], "trainer.learningrate", "trainer.learning_rate"),
    ],
)
def test_nearest_key_is_named(words, wrong, wanted):
    assert wanted in hint("run", words, f"Could not override '{wrong}'.\nTo append to your config use +{wrong}=1")


@pytest.mark.parametrize(
    ("words", "message", "wanted"),
    [
        (["data=sampel"], "Could not find 'data/sampel'", "did you mean data=sample?"),
        (["loss=ws3"], "In 'run': Could not find 'loss/ws3'", "did you mean loss=ws2?"),
        (["evaluation/index=hnws"], "Could not find 'evaluation/index/hnws'", "did you mean evaluation/index=hnsw?"),
        (["baselines=bm25"], "Error merging override baselines=bm25", "'baselines=[bm25]'"),
        (["baselines=[bm25,", "minilm]"], "no viable alternative at input '[bm25,'", "need quotes"),
        (
            ["evaluation.feedback=rocchio"],
            "Could not override 'evaluation.feedback'.",
            "evaluation.feedback is a group of options (knn, rocchio, rrf): evaluation/feedback=rocchio",
        ),
    ],
)
def test_what_was_meant_is_said(words, message, wanted):
    assert wanted in hint("evaluate", words, message)


def test_several_values_without_m():
    assert "wrank run -m" in hint("run", ["seed=0,1"], "mismatched input ','")
    assert hint("run", ["-m", "seed=0,1"], "something else") == ""
    assert hint("run", ["data.lists.window=[5,60]"], "something else") == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["hydra/launcher=local", "hydra.launcher.corse=2"], "did you mean hydra.launcher.cores?"),
        (["hydra.launcher.partition=x"], "that is a key of hydra/launcher=slurm, and hydra/launcher=here is chosen"),
        (["hydra/launcher=ray", "hydra.launcher.xyz=1"], "`wrank run --help hydra/launcher=ray` lists its keys"),
    ],
)
def test_launchers_keys_are_known(words, told):
    key = words[-1].partition("=")[0]
    assert hint("run", words, f"Could not override '{key}'.") == told
