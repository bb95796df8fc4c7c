"""The checks for people, as a table that is read in ten seconds, and for programs, as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wrank import __version__
from wrank.doctor.base import State
from wrank.doctor.checkup import CHECKS, Checked

WIDTH = 120
"""Columns where standard output is no terminal."""
LEAST = 80
"""Columns at the least: a narrower terminal wraps lines, rather than words being lost."""
MOST = 140
"""Columns at the most: longer lines are hard to follow."""
_STYLE = {State.OK: "green", State.ABSENT: "dim", State.WARNING: "yellow", State.FAILURE: "bold red"}
_TITLE = {
    State.FAILURE: "TO PUT RIGHT",
    State.WARNING: "TO LOOK AT",
    State.ABSENT: "IF YOU WANT IT",
}


def as_json(checked: Sequence[Checked]) -> str:
    """The checks as one JSON object: ``ok`` (no failure), ``wrank``, ``checks``."""
    rows: list[dict[str, Any]] = [
        {
            "check": one.name,
            "state": one.finding.state.value,
            "found": one.finding.found,
            "advice": list(one.finding.advice),
            "seconds": one.seconds,
        }
        for one in checked
    ]
    return json.dumps({"ok": not failures(checked), "wrank": __version__, "checks": rows}, indent=1)


def failures(checked: Sequence[Checked]) -> list[str]:
    """The names of the checks that failed."""
    return [one.name for one in checked if one.finding.state == State.FAILURE]


def print_table(checked: Sequence[Checked], console: Console | None = None) -> None:
    """Prints the checks, then what to do, then the verdict; every word of it, whatever the width.

    Args:
        checked: the checks.
        console: where to; None: standard output.
    """
    out = console or _console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("check", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("found", overflow="fold")
    for one in checked:
        style = _STYLE[one.finding.state]
        word = one.finding.state.value
        label = Text(word.upper() if one.finding.state in _BAD else word, style)
        table.add_row(Text(one.name), label, Text(one.finding.found, style if style == "dim" else ""))
    out.print(table)
    for state, title in _TITLE.items():
        _print_advice(out, title, [one for one in checked if one.finding.state == state and one.finding.advice])
    out.print(Text(verdict(checked), _STYLE[_worst(checked)]), soft_wrap=False)


def verdict(checked: Sequence[Checked]) -> str:
    """One sentence for all."""
    counts = {state: sum(one.finding.state == state for one in checked) for state in State}
    words = [f"{counts[State.OK]} ok"]
    words += [f"{counts[State.ABSENT]} not here"] if counts[State.ABSENT] else []
    words += [f"{counts[state]} {state.value}{'s' if counts[state] > 1 else ''}" for state in _BAD if counts[state]]
    if counts[State.FAILURE]:
        return f"{', '.join(words)}: put the failures right first ({', '.join(failures(checked))})"
    if len(checked) < len(CHECKS):
        return f"{', '.join(words)}: nothing failed, but not every check was made"
    return f"{', '.join(words)}: wrank can run here"


_BAD = (State.WARNING, State.FAILURE)


def _worst(checked: Sequence[Checked]) -> State:
    found = {one.finding.state for one in checked}
    return next((state for state in (State.FAILURE, State.WARNING) if state in found), State.OK)


def _print_advice(out: Console, title: str, checked: Sequence[Checked]) -> None:
    if not checked:
        return
    out.print(Text(title, "bold"))
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for one in checked:
        for place, advice in enumerate(one.finding.advice):
            rows.add_row(Text("" if place else f"  {one.name}"), Text(advice))
    out.print(rows)
    out.print()


def _console() -> Console:
    console = Console(highlight=False)
    wide = console.width if console.is_terminal else WIDTH
    return Console(highlight=False, width=max(LEAST, min(wide, MOST)))
