"""Shipped options build; values out of range are refused."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate

from wrank.config import conf_folder
from wrank.errors import WrankError
from wrank.evaluation.feedback.knn import KNN
from wrank.evaluation.feedback.rocchio import Rocchio
from wrank.evaluation.feedback.rrf import RRF
from wrank.evaluation.feedback.settings import FeedbackSettings

CONF = conf_folder() / "evaluation" / "feedback"


@pytest.mark.parametrize(("option", "method"), [("knn", KNN()), ("rocchio", Rocchio()), ("rrf", RRF(KNN()))])
def test_every_option_holds_the_defaults_of_its_class(option, method):
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        settings = instantiate(compose(option), _convert_="all")
    assert type(settings.method).name == option
    assert settings.identity() == FeedbackSettings(method).identity()


def test_every_shipped_option_is_tested():
    assert sorted(path.stem for path in CONF.glob("*.yaml")) == ["knn", "rocchio", "rrf"]


def test_ks_are_put_in_order():
    assert FeedbackSettings(KNN(), ks=[8, 2]).ks == (2, 8)


def test_the_test_set_says_what_is_relevant_unless_that_is_set():
    assert FeedbackSettings(KNN()).least_relevant == 1
    assert FeedbackSettings(KNN()).for_set(2).least_relevant == 2
    assert FeedbackSettings(KNN(), relevant=1).for_set(2).least_relevant == 1
    assert FeedbackSettings(KNN()).for_set(2).identity()["relevant"] == 2
    assert FeedbackSettings(KNN()).identity()["relevant"] == 1


def test_where_nothing_is_drawn_one_seed_stands_for_all():
    assert FeedbackSettings(KNN(), seeds=[3, 4]).draws == (3, 4)
    assert FeedbackSettings(KNN(), seeds=[3, 4], choice="top").draws == (3,)


def test_the_largest_k_leaves_at_every_k_where_asked():
    assert [FeedbackSettings(KNN(), residual=residual).removed(2) for residual in ("own", "largest")] == [2, 8]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ks": []}, r"evaluation.feedback.ks is \[\]"),
        ({"ks": "2"}, "evaluation.feedback.ks is '2'; wanted a list"),
        ({"ks": [0, 2]}, "evaluation.feedback.ks: 0 came; wanted a whole number from 1 up"),
        ({"ks": [2, 2]}, r"evaluation.feedback.ks is \[2, 2\]; a number comes twice"),
        ({"seeds": [-1]}, "evaluation.feedback.seeds: -1 came; wanted a whole number from 0 up"),
        ({"seeds": [True]}, "evaluation.feedback.seeds: True came"),
        ({"depth": 0}, "evaluation.feedback.depth: 0 came"),
        ({"relevant": 0.5}, "evaluation.feedback.relevant: 0.5 came"),
        (
            {"nonrelevant": "ranked"},
            "feedback.nonrelevant is 'ranked'; wanted one of judged, judged_then_ranked",
        ),
        ({"choice": "best"}, "evaluation.feedback.choice is 'best'; wanted one of random, top"),
        ({"residual": "all"}, "evaluation.feedback.residual is 'all'; wanted one of own, largest"),
        ({"method": "knn"}, "evaluation.feedback.method is 'knn'; wanted a node"),
    ],
)
def test_values_out_of_range_are_refused(values, message):
    with pytest.raises(WrankError, match=message):
        FeedbackSettings(**{"method": KNN()} | values)
