"""`wrank report`, `wrank diff` and `wrank trace` over a store that `wrank run` made."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.integration.conftest import SMOKE, Wrank


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two losses, two seeds each, on the sample."""
    wrank = Wrank(tmp_path_factory.mktemp("report"))
    wrank("run", "-m", *SMOKE, "loss=infonce,kl", "seed=0,1", "study=demo", "logger=none")
    return wrank


def table(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_report_diff_and_trace(sweep):
    out, err = sweep("report", "demo", "out=out")
    assert "tiny-minilm-infonce" in out
    assert "Traceback" not in err
    made = {path.name for path in (sweep.folder / "out").iterdir()}
    assert made == {"report.html", "report.md", "report.tex", "report.csv", "report.json"}
    rows = table(sweep.folder / "out" / "report.csv")
    assert [(row["system"], row["seeds"]) for row in rows] == [
        ("tiny-minilm", "1"),
        ("tiny-minilm-infonce", "2"),
        ("tiny-minilm-kl", "2"),
    ]
    for row in rows[1:]:  # the figures are those of the evaluations
        for value, key in zip(row["seed_values"].split(), row["evaluations"].split(), strict=True):
            manifests = [json.loads((path / "manifest.json").read_text()) for path in sweep.artifacts("evaluation")]
            (own,) = [one for one in manifests if one["content_key"] == key]
            assert float(value) == own["result"]["measures"]["nDCG@10"]
    html = (sweep.folder / "out" / "report.html").read_text()
    assert "://" not in html
    assert html.count('class="seed"') == 8  # loss and dev measure, two systems, two seeds

    out, _ = sweep("trace", "out/report.html")
    assert "model tiny-minilm-kl-s1" in out
    assert "collection: sample" in out

    out, _ = sweep("diff", "tiny-minilm-infonce-s0", "tiny-minilm-infonce-s1")
    assert "seed" in out
    assert "difference to A" in out


def test_only_some_and_another_baseline(sweep):
    out, _ = sweep("report", "loss=kl", "reference=tiny-minilm-infonce", "measure=RR@10", "formats=csv")
    files = [line for line in out.split("\n") if line.endswith("report.csv")]
    rows = table(Path(files[0]))
    assert {row["reference"] for row in rows} == {"tiny-minilm-infonce"}
    assert {row["measure"] for row in rows} == {"RR@10"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["report", "nope"], "studies: demo"),
        (["report", "reference=nope"], "no such system"),
        (["report", "formats=[pdf]"], "formats=pdf"),
        (["report", "paths.store=gone"], "no store here"),
        (["diff", "tiny-minilm-kl-s0"], "wanted two runs"),
        (["trace", "0.98765"], "has a figure that rounds to this"),
        (["trace"], "wanted one thing"),
    ],
)
def test_what_cannot_be_is_told_without_a_traceback(sweep, words, told):
    _, err = sweep(*words, code=2)
    assert told in err
    assert not (sweep.folder / "gone").exists()


def test_a_study_holds_what_another_study_has_trained_before(wrank, here):
    wrank("run", *SMOKE, "loss=kl", "study=first")
    here("run", *SMOKE, "loss=kl", "study=second")
    for study in ("first", "second"):
        out, _ = here("report", study, f"out={here.folder / study}")
        assert "tiny-minilm-kl" in out, study
