import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from wrank.audit.separation import separation
from wrank.audit.settings import AuditSettings

SETTINGS = AuditSettings(bootstrap=300)


def rows(queries, gap, seed=0, spread=0.0):
    """One passage of each level a query; a query shifts both its passages by `spread`."""
    rng = np.random.default_rng(seed)
    higher = np.tile([True, False], queries)
    ids = np.repeat([f"q{n}" for n in range(queries)], 2)
    shift = np.repeat(rng.normal(0, spread, queries), 2) if spread else 0.0
    return (rng.normal(0, 1, 2 * queries) + gap * higher + shift)[:, None], higher, ids.tolist()


def test_without_a_classifier_it_is_the_area_under_the_curve():
    features, higher, ids = rows(50, 0.5)
    told = separation(features, higher, ids, None, SETTINGS)
    assert told.auc.value == pytest.approx(roc_auc_score(higher, features[:, 0]))
    assert told.within.value == np.mean(features[::2, 0] > features[1::2, 0])
    assert told.auc.low < told.auc.value < told.auc.high


def test_ties_are_half():
    features, higher, ids = rows(20, 0.0)
    assert separation(np.zeros_like(features), higher, ids, None, SETTINGS).auc.value == 0.5


def test_noise_gives_a_half_and_the_interval_says_so():
    held, above = 0, 0
    for seed in range(30):
        features, higher, ids = rows(60, 0.0, seed)
        features = np.random.default_rng(seed).normal(size=(120, 5))
        told = separation(features, higher, ids, LogisticRegression, SETTINGS).auc
        held += told.low <= 0.5 <= told.high
        above += told.low > 0.5
    assert held >= 26
    assert above <= 2


def test_a_difference_is_found_in_queries_never_trained_on():
    features, higher, ids = rows(60, 3.0)
    told = separation(features, higher, ids, LogisticRegression, SETTINGS)
    assert told.auc.low > 0.9
    assert not np.isnan(told.scores).any()


def test_a_query_that_is_on_both_sides_would_be_learnt_by_heart():
    """Each query has its own feature; only folds that hold whole queries see that nothing is shared."""
    higher = np.tile([True, True, False, False], 20)
    ids = np.repeat([f"q{n}" for n in range(20)], 4)
    features = np.zeros((80, 20))
    features[np.arange(80), np.repeat(np.arange(20), 4)] = np.where(higher, 1.0, -1.0)
    told = separation(features, higher, ids.tolist(), LogisticRegression, SETTINGS)
    assert told.auc.value == pytest.approx(0.5, abs=0.05)


def test_within_a_query_sees_what_lies_under_differences_between_queries():
    features, higher, ids = rows(100, 3.0, spread=30.0)
    told = separation(features, higher, ids, None, SETTINGS)
    assert told.within.value > 0.95
    assert told.auc.value < 0.7


def test_too_few_queries_say_nothing():
    features, higher, ids = rows(7, 5.0)
    assert separation(features, higher, ids, None, SETTINGS) is None


def test_the_same_every_time():
    features, higher, ids = rows(30, 0.3)
    first, second = (separation(features, higher, ids, LogisticRegression, SETTINGS) for _ in range(2))
    assert first.auc == second.auc
