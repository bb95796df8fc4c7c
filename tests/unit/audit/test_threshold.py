import pytest

from wrank.audit.report import audit
from wrank.audit.settings import AuditSettings
from wrank.audit.threshold import auc, failures, strength


@pytest.fixture(scope="module")
def figures(make):
    made = make()
    made.change(lambda row: made.text(90), lambda row: row.grade == 3)
    made.change(lambda row: "I'm sorry, but I cannot.", lambda row: row.query_id < "q006" and row.grade == 0)
    made.rows = made.rows[:-1]
    evaluation = {"set": ([("e", made.queries["q001"])], [])}
    similarity = lambda queries, passages: [made.random.random() for _ in queries]  # noqa: E731
    grader = lambda pairs: [made.random.randrange(4) for _ in pairs]  # noqa: E731
    data = made.input(evaluation=evaluation, similarity=similarity, grader=grader)
    return audit(data, AuditSettings(bootstrap=200)).figures


@pytest.mark.parametrize(
    ("name", "passes", "fails"),
    [
        ("min_queries", 60, 61),
        ("max_incomplete", 0.02, 0.01),
        ("max_duplicate_share", 0.03, 0.02),
        ("max_length_auc", 1.0, 0.9),
        ("max_surface_auc", 1.0, 0.8),
        ("min_judge_accuracy", 0.5, 0.7),
        ("max_contamination", 0.02, 0.0),
        ("max_refusal_share", 0.03, 0.02),
        ("min_kappa", 0.0, 0.4),
    ],
)
def test_each_threshold_passes_and_fails(figures, name, passes, fails):
    assert failures(figures, AuditSettings()) == []
    assert failures(figures, AuditSettings(**{name: passes})) == []
    told = failures(figures, AuditSettings(**{name: fails}))
    assert told
    assert all(line.startswith(f"{name} is {fails:g}: ") for line in told)


def test_chance_fails_no_run():
    """The AUC is above the threshold, but its interval is not."""
    told = {"value": 0.70, "low": 0.55, "high": 0.85}
    families = {"length": {"auc": told}, "list_length": None, "style": {"auc": told}, "words": None}
    surface = [{"low": 0, "high": 1, "families": families}]
    counts = {"queries": 9, "incomplete_share": 0}
    figures = {"surface": surface, "counts": counts, "duplicates": {"share": 0}, "wording": {"fault_share": 0}}
    figures |= {"judge": None, "grader": None, "contamination": None}
    assert failures(figures, AuditSettings(max_length_auc=0.6, max_surface_auc=0.6)) == []
    assert len(failures(figures, AuditSettings(max_length_auc=0.5, max_surface_auc=0.5))) == 2


def test_shorter_is_as_much_a_leak_as_longer_but_a_classifier_below_a_half_is_chance():
    told = {"value": 0.1, "low": 0.05, "high": 0.2}
    assert strength(told) == (0.9, 0.8)
    assert auc("length", told) == (0.9, 0.8)
    assert auc("words", told) == (0.5, 0.5)
