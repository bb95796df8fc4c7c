"""Costs come from manifests: seconds, hours by device, tokens that a language model wrote."""

import itertools
import json

import pytest

from wrank.manifest import MANIFEST
from wrank.store import Stage
from wrank.tracking.report.choose import Filter
from wrank.tracking.report.cost import cost_plot, costs, duration
from wrank.tracking.report.gather import gather


def change(artifact, **values):
    path = artifact.path / MANIFEST
    manifest = json.loads(path.read_text()) | values
    path.write_text(json.dumps(manifest))


def outcome(folder):
    (folder / "x").write_text("passages")
    return {"outcome": {"output_tokens": 500, "prompt_tokens": 90}}


@pytest.fixture
def gathered(made):
    """kl: 2 seeds of 100 s and 300 s on 4 GPUs, after 60 s of writing on a CPU; ws2: 36 s on a CPU alone."""
    made.evaluation([0.1, 0.2])
    written = made.store.run(Stage("generation", "passages", {"n": 1}, {}), outcome)
    change(written, seconds=60.0, hardware={"cores": 8, "machine": "x86_64"})
    for seed in (0, 1):
        training = made.training(seed=seed, trainer={"world_size": 4}, generation=written.path.name)
        change(training, seconds=100.0 + 200 * seed, hardware={"gpus": ["H100"] * 4, "cores": 8})
        made.evaluation([0.3, 0.4], training=training)
    other = made.training("ws2", 0)
    change(other, seconds=36.0, hardware={"cores": 2, "machine": "x86_64"})
    made.evaluation([0.2, 0.2], training=other)
    return gather(made.library, Filter())


def test_costs(gathered):
    kl, ws2 = costs(gathered)
    assert (kl.training, kl.before, kl.seconds) == (200.0, 60.0, 260.0)
    assert kl.gpu_hours == pytest.approx(4 * 200 / 3600)
    assert kl.cpu_hours == pytest.approx(60 / 3600)
    assert (kl.tokens, kl.prompt_tokens) == (500, 90)
    assert kl.quality == pytest.approx(0.35)
    assert kl.hardware == "4 x H100"
    assert (ws2.training, ws2.before, ws2.gpu_hours, ws2.tokens) == (36.0, 0.0, None, None)
    assert ws2.cpu_hours == pytest.approx(0.01)
    assert ws2.hardware == "2 CPU cores (x86_64)"


def test_the_plot_has_a_dot_a_system_and_the_baselines_line(gathered):
    plot = cost_plot(gathered, costs(gathered))
    kl, ws2 = plot.dots
    assert not plot.logarithmic
    assert kl.left > ws2.left > 0
    assert kl.top < ws2.top <= plot.base <= 100  # the better, the higher
    assert plot.across[0] == (0.0, "0 min")


def test_names_of_dots_that_are_close_do_not_lie_on_each_other(gathered):
    one = costs(gathered)[1]
    near = [type(one)(**{**vars(one), "quality": value}) for value in (0.3, 0.3, 0.301, 0.5)]
    labels = [dot.label for dot in cost_plot(gathered, near).dots]
    assert all(later - earlier >= 6 - 1e-9 for earlier, later in itertools.pairwise(labels))


def test_costs_far_apart_have_a_logarithmic_axis(gathered):
    kl, ws2 = costs(gathered)
    far = type(kl)(**{**vars(kl), "training": 1e5})
    assert cost_plot(gathered, [far, ws2]).logarithmic
    assert cost_plot(gathered, [kl]) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0.4 s"), (5, "5 s"), (119, "119 s"), (120, "2.0 min"), (9000, "2.5 h"), (2e5, "2.3 d")],
)
def test_seconds_for_people(seconds, words):
    assert duration(seconds) == words
