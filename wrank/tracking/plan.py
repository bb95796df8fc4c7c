"""A sweep's jobs before any is queued (what each takes, what is wrong with it), and a search's trials."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.table import Table

from wrank.tracking.table import out


class Estimated(Protocol):
    """What is known of a job before it starts; `wrank.stage.estimate.JobEstimate`."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What would make it fail."""

    @property
    def rows(self) -> Mapping[str, str | float]:
        """Figures by name; a word where one cannot be told."""


Planned = tuple[str, Mapping[str, str], Estimated]
"""A job's name, what tells it apart from the others (key -> value), and its estimate."""

_COLUMNS = (
    ("steps", "steps", 0),
    ("hours", "hours", 2),
    ("gpu_hours", "GPU hours", 2),
    ("tokens", "tokens to write", 0),
    ("disk_gb", "disk, GB", 2),
    ("memory_gb", "memory a device, GB", 2),
)
_NO_SUM = ("memory_gb",)


def print_plan(jobs: Sequence[Planned]) -> None:
    """Prints one row a job, sums below, and in words: problems, what times are taken from, what is not known.

    Args:
        jobs: in their order.
    """
    console = out()
    keys = list(dict.fromkeys(key for _, apart, _ in jobs for key in apart)) if len(jobs) > 1 else []
    bad = [job for job in jobs if job[2].problems]
    title = f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}"
    table = Table(title=f"{title}, {len(bad)} of them would fail" if bad else title)
    for key in ("", "job", *keys):
        table.add_column(key, overflow="fold")
    for _, words, _ in _COLUMNS:
        table.add_column(words, justify="right")
    for name, apart, estimate in jobs:
        figures = [_told(estimate.rows.get(key), digits) for key, _, digits in _COLUMNS]
        table.add_row("!" if estimate.problems else "", name, *(apart.get(key, "") for key in keys), *figures)
    if len(jobs) > 1:
        table.add_section()
        sums = ["" if key in _NO_SUM else _sum(jobs, key, digits) for key, _, digits in _COLUMNS]
        table.add_row("", "all", *[""] * len(keys), *sums)
    console.print(table)
    for line in _words(jobs):
        console.print(line, soft_wrap=True, markup=False)


def _told(value: str | float | None, digits: int) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "?"
    if digits and 0 < value < 0.5 * 10**-digits:
        return f"< {10**-digits}"
    return f"{value:,.{digits}f}"


def _sum(jobs: Sequence[Planned], key: str, digits: int) -> str:
    """The sum of what is known; with + behind it where some is not."""
    values = [estimate.rows.get(key) for _, _, estimate in jobs]
    known = [value for value in values if isinstance(value, int | float)]
    if not known:
        return "?"
    return _told(sum(known), digits) + ("+" if len(known) < len(values) else "")


def _words(jobs: Sequence[Planned]) -> list[str]:
    lines = []
    problems: dict[str, list[str]] = {}
    for name, _, estimate in jobs:
        for problem in estimate.problems:
            problems.setdefault(problem, []).append(name)
    for problem, names in problems.items():
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        lines.append(f"! {', '.join(names[:4])}{more}: {problem}")
    bases = dict.fromkeys(str(estimate.rows.get("basis", "unknown")) for _, _, estimate in jobs)
    lines += [f"time taken from {basis}" for basis in bases if basis not in ("unknown", "")]
    if any(not isinstance(estimate.rows.get(key), int | float) for _, _, estimate in jobs for key, *_ in _COLUMNS):
        lines.append(
            "?: not known: no earlier training with this model (or generation by this recipe) in the store to take the "
            "time or tokens from, or the model's files are not here yet"
        )
    lines.append("Estimates: disk at the job's peak; memory for texts that fill their length limits.")
    return lines


class TrialFacts(Protocol):
    """A trial of a search; `wrank.stage.tuning.Trial`."""

    @property
    def number(self) -> int:
        """Its place in the search."""

    @property
    def values(self) -> Mapping[str, str]:
        """Key -> value."""

    @property
    def state(self) -> str:
        """What became of it."""

    @property
    def score(self) -> float | None:
        """Its dev score."""


def print_search(name: str, trials: Sequence[TrialFacts], best: TrialFacts | None) -> None:
    """Prints a search's trials, the best first.

    Args:
        name: the search's.
        trials: in any order.
        best: the one with the best dev score; None = none is complete.
    """
    table = Table(title=f"search {name}: {len(trials)} trials")
    keys = list(dict.fromkeys(key for trial in trials for key in trial.values))
    for key in ("trial", *keys, "state"):
        table.add_column(key, overflow="fold")
    table.add_column("dev score", justify="right")
    order = {"complete": 0, "pruned": 1}
    for trial in sorted(trials, key=lambda one: (order.get(one.state, 2), -(one.score or 0.0), one.number)):
        score = "" if trial.score is None else f"{trial.score:.4f}"
        style = "bold" if best is not None and trial.number == best.number else None
        table.add_row(str(trial.number), *(trial.values.get(key, "") for key in keys), trial.state, score, style=style)
    out().print(table)
    out().print(
        "dev score: of the held-out training queries; the best of many trials looks better than it is, so compare it "
        "on the test split, over several seeds",
        soft_wrap=True,
    )
