"""Curves are what metrics.csv holds; means are over the steps that all seeds have."""

import pytest

from wrank.tracking.report.choose import Filter
from wrank.tracking.report.curves import figures, mean_curve, read_curves, thinned
from wrank.tracking.report.gather import gather

CURVES = "step,train/loss,val/news/nDCG@10\n0,,0.1\n0,2.0,\n1,1.0,\n2,nan,\n2,,0.{}\n"


def test_columns_are_read_and_gaps_left_out(made):
    found = read_curves(made.training(curves=CURVES.format(3)))
    assert found == {"train/loss": ((0, 2.0), (1, 1.0)), "val/news/nDCG@10": ((0, 0.1), (2, 0.3))}
    assert read_curves(made.training(seed=1)) == {}


def test_the_mean_is_over_common_steps():
    assert mean_curve([((0, 1.0), (1, 3.0), (2, 9.0)), ((0, 2.0), (1, 5.0))]) == ((0, 1.5), (1, 4.0))
    assert mean_curve([((0, 1.0),), ((1, 1.0),)]) == ()
    assert mean_curve([]) == ()


def test_a_long_curve_is_thinned_to_means_of_neighbours():
    assert thinned(((0, 1.0), (1, 3.0), (2, 5.0), (3, 9.0)), 2) == ((0.5, 2.0), (2.5, 7.0))
    assert thinned(((0, 1.0),), 2) == ((0, 1.0),)


def test_losses_of_several_kinds_have_scales_of_their_own_and_dev_measures_share_one(made):
    made.evaluation([0.1, 0.2])
    for loss in ("kl", "ws2"):
        for seed in (0, 1):
            training = made.training(loss, seed, curves=CURVES.format(seed + 2))
            made.evaluation([0.1, 0.3], training=training)
    loss, dev = figures(gather(made.library, Filter()))
    assert (loss.name, loss.shared, dev.name, dev.shared) == ("train/loss", False, "val/news/nDCG@10", True)
    assert [panel.system for panel in dev.panels] == ["m-kl", "m-ws2"]
    panel = dev.panels[0]
    assert len(panel.seeds) == 2
    assert len(panel.others) == 1
    assert loss.panels[0].others == ()
    assert panel.last == pytest.approx(0.25)
    assert panel.mean.startswith("M0.0 ")


def test_without_curves_there_is_no_figure(study):
    assert figures(gather(study.library, Filter())) == []
