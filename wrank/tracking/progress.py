"""Progress bars for people: what is done, the rate, the time left."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from wrank.progress import report

console = Console(stderr=True)
"""Bars and notes go to standard error; tables and paths, which scripts read, to standard output."""


class _Rate(ProgressColumn):
    """Units a second."""

    def render(self, task: Task) -> Text:
        """The speed, once known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f}/s" if speed else "-/s")


@contextmanager
def progress_bar(label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Shows a bar while the block runs.

    Args:
        label: what is done.
        total: units to do.
        unit: what is counted: passages, queries.

    Yields:
        A function that adds to the units done.
    """
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=not console.is_terminal) as bars:
        task = bars.add_task(label, total=total)

        def advance(done: int) -> None:
            bars.advance(task, done)
            report(label, int(bars.tasks[0].completed), total, unit)

        report(label, 0, total, unit)
        yield advance


@contextmanager
def generation_bar(total: int) -> Iterator[Callable[[int, int], None]]:
    """Shows requests, tokens a second and the time left while the block runs.

    Args:
        total: requests to be settled (accepted, or given up).

    Yields:
        A function that is told (requests settled in all, tokens written in this run).
    """
    columns = (
        TextColumn("[bold]writing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("requests"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with Progress(*columns, console=console, transient=not console.is_terminal) as bars:
        task = bars.add_task("writing", total=total, rate="- tokens/s")

        def advance(settled: int, written: int) -> None:
            report("writing", settled, total, "requests")
            rate = written / max(time.monotonic() - started, 1e-9)
            bars.update(task, completed=settled, rate=f"{rate:,.0f} tokens/s")

        yield advance


def note(text: str) -> None:
    """One line for people, on standard error."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)
