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


def test_several_values_without_m():
    assert "wrank run -m" in hint("run", ["seed=0,1"], "mismatched input ','")
    assert hint("run", ["-m", "seed=0,1"], "something else") == ""
    assert hint("run", ["data.lists.window=[5,60]"], "something else") == ""
