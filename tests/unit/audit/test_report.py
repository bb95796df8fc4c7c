import json

import pytest

from wrank.audit.report import audit, write_audit
from wrank.audit.settings import AuditSettings
from wrank.errors import WrankError

SETTINGS = AuditSettings(bootstrap=100)


def everything(made):
    return made.input(
        evaluation={"set": (list(made.queries.items())[:3], [(row.passage_id, row.text) for row in made.rows[:9]])},
        similarity=lambda queries, passages: [len(text) for text in passages],
        grader=lambda pairs: [len(text) % 4 for _, text in pairs],
        rejects={"cut": 3},
        counts={"replies": 7},
    )


def test_the_same_data_gives_the_same_report(make):
    first, second = (json.dumps(audit(everything(make()), SETTINGS).to_json()) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("queries", [1, 2, 3, 9, 20])
@pytest.mark.parametrize("levels", [1, 2, 4])
def test_small_data_breaks_nothing(make, tmp_path, queries, levels):
    report = audit(everything(make(queries=queries, levels=levels)), SETTINGS)
    write_audit(tmp_path, report)
    read = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert read == report.to_json()
    assert read["counts"]["queries"] == queries
    assert (tmp_path / "audit.html").stat().st_size > 5000


def test_odd_texts_break_nothing(make, tmp_path):
    odd = ["", "   ", "\u0085\u2028", "\ud800 half", "漢字かな交じり文。" * 9, "🙂" * 40, "a" * 30_000, "\x00", "<b>"]
    made = make(queries=20)
    made.change(lambda row: f"{odd[made.random.randrange(len(odd))]} {made.random.randrange(9)}")
    made.queries["q000"] = ""
    write_audit(tmp_path, audit(everything(made), SETTINGS))
    json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))


def test_only_the_sample_goes_to_the_judges(make):
    asked = []
    made = make(queries=50)
    data = made.input(similarity=lambda queries, passages: asked.extend(queries) or [0.5] * len(queries))
    figures = audit(data, AuditSettings(sample=10, bootstrap=100)).figures
    assert len(set(asked)) == 10
    assert figures["sample"] == {"queries": 10, "rows": 40, "of": 50}
    assert figures["counts"]["queries"] == 50


def test_failures_are_those_of_the_settings_or_of_others(make):
    report = audit(make().input(), AuditSettings(bootstrap=100, min_queries=100))
    assert report.failures() == report.to_json()["failures"] == ["min_queries is 100: there are 60"]
    assert report.failures(AuditSettings()) == []


def test_steps_are_told(make):
    steps = []
    audit(everything(make(queries=9)), SETTINGS, steps.append)
    assert len(steps) == 5


def test_a_folder_that_is_not_there_is_an_error_in_words(make, tmp_path):
    with pytest.raises(WrankError, match="cannot be written"):
        write_audit(tmp_path / "none", audit(make(queries=1).input(), SETTINGS))
