"""The table holds every word at every width; JSON holds the same."""

import io
import json
import re

import pytest
from rich.console import Console

from wrank.doctor.base import Finding, State
from wrank.doctor.checkup import CHECKS, Checked
from wrank.doctor.view import as_json, failures, print_table, verdict

LONG = " ".join(f"word{number}" for number in range(60))
PATH = "/a/very/long/path/" + "x" * 120
ALL = [
    Checked("python", Finding(State.OK, "CPython 3.11 [bold]not markup[/bold]"), 0.1),
    Checked("torch", Finding(State.FAILURE, f"driver too old {LONG}", (f"Update it {LONG}",)), 1.0),
    Checked("disk", Finding(State.WARNING, PATH, ("Free some space", f"Or move {PATH}")), 0.2),
    Checked("slurm", Finding(State.ABSENT, "no sbatch", ("module load slurm",)), 0.0),
]


def shown(checked, width, **words):
    out = io.StringIO()
    print_table(checked, Console(file=out, width=width, highlight=False, **words))
    return out.getvalue()


def plain(text):
    """Letters and digits alone, as wrapping changes the rest."""
    return re.sub(r"[^A-Za-z0-9]", "", text)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_word_is_lost_at_any_width(width):
    text = shown(ALL, width)
    assert max(len(line) for line in text.split("\n")) <= width
    assert "…" not in text
    for one in ALL:
        for advice in one.finding.advice:
            assert all(plain(word) in plain(text) for word in advice.split())
    last_words = [word for word in LONG.split() if text.count(word) < 2]
    assert not last_words, "the finding and the advice hold each word"


def test_brackets_are_no_markup():
    assert "[bold]not markup[/bold]" in shown(ALL, 120)


def test_failures_come_first_in_what_to_do():
    text = shown(ALL, 100)
    places = [text.index(title) for title in ("TO PUT RIGHT", "TO LOOK AT", "IF YOU WANT IT")]
    assert places == sorted(places)
    assert "FAILURE" in text
    assert "WARNING" in text


def test_nothing_to_do_is_not_announced():
    assert "TO PUT RIGHT" not in shown(ALL[:1], 100)


def test_colours_only_on_a_terminal():
    assert "\x1b[" not in shown(ALL, 100)
    assert "\x1b[" in shown(ALL, 100, force_terminal=True, color_system="standard")


def test_standard_output_that_is_no_terminal_is_wide_enough(capsys):
    print_table(ALL)
    lines = capsys.readouterr().out.split("\n")
    assert 80 < max(map(len, lines)) <= 120


def test_verdict_counts_and_names_the_failures():
    assert verdict(ALL) == "1 ok, 1 not here, 1 warning, 1 failure: put the failures right first (torch)"
    assert verdict(ALL[:1]).startswith("1 ok: nothing failed, but not every check was made")
    well = [Checked(name, Finding(State.OK, "well"), 0.0) for name in CHECKS]
    assert verdict(well) == f"{len(CHECKS)} ok: wrank can run here"
    assert failures(ALL) == ["torch"]


def test_json_holds_what_the_table_holds():
    said = json.loads(as_json(ALL))
    assert said["ok"] is False
    assert [check["check"] for check in said["checks"]] == ["python", "torch", "disk", "slurm"]
    assert said["checks"][2]["advice"] == ["Free some space", f"Or move {PATH}"]
    assert {check["state"] for check in said["checks"]} == {"ok", "failure", "warning", "not here"}
    assert json.loads(as_json(ALL[:1]))["ok"] is True
