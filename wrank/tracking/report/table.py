"""The report's table: mean, interval over seeds and over queries, significance, best; as Markdown and CSV.

The interval over seeds is Student's: mean +- t(0.975, n - 1) * s / sqrt(n) over the n seeds' means, s their sample
standard deviation (Student 1908, "The probable error of a mean"). It speaks about other seeds on these queries; the
interval over queries, a bootstrap, speaks about other queries for this mean of seeds.
"""

import csv
import io
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wrank.errors import WrankError
from wrank.evaluation.comparison_data import Cell, SetRule
from wrank.tracking.comparison_plot import signed
from wrank.tracking.comparison_verdict import p_words
from wrank.tracking.report.configuration import NONE
from wrank.tracking.report.gather import Gathered
from wrank.tracking.report.rows import Row

LEVEL = 0.95


@dataclass(frozen=True)
class TableCell:
    """One system on one set.

    Attributes:
        cell: from the comparison; its ``low`` and ``high`` bound the interval over queries.
        seeds: the seeds' means.
        interval: over seeds; None with one seed.
    """

    cell: Cell
    seeds: tuple[float, ...]
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Line:
    """One system.

    Attributes:
        row: the system.
        cells: set's name -> cell; a set that it lacks is not there.
        average: over the comparison's averaged sets; None where there is none.
        best_average: the highest of all.
    """

    row: Row
    cells: dict[str, TableCell]
    average: float | None
    best_average: bool


def seed_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float] | None:
    """Student's interval of the mean over seeds; None with one seed.

    Args:
        values: one mean a seed, at least one.
        level: of confidence.

    Raises:
        WrankError: no value, or a level outside (0, 1).
    """
    if not values or not 0 < level < 1:
        raise WrankError(
            f"interval over seeds: {len(values)} values, level {level}; wanted 1 or more, and 0 < level < 1"
        )
    if len(values) == 1:
        return None
    from scipy.stats import t  # half a second to import

    mean = statistics.fmean(values)
    half = float(t.ppf((1 + level) / 2, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half


def table(gathered: Gathered) -> list[Line]:
    """One line a row, in the rows' order: the reference first, those without an evaluation last."""
    comparison = gathered.comparison
    several = len(comparison.averaged) > 1
    top = max(comparison.averages.values(), default=0.0)
    lines = []
    for row in gathered.rows:
        cells = {
            rule.name: _cell(row, rule, comparison.cells[row.name][rule.name])
            for rule in comparison.sets
            if rule.name in comparison.cells.get(row.name, {})
        }
        average = comparison.averages.get(row.name) if several else None
        lines.append(Line(row, cells, average, average is not None and average >= top - 1e-9))
    return lines


def _cell(row: Row, rule: SetRule, cell: Cell) -> TableCell:
    evaluations = [run.evaluations[rule.name].manifest for run in row.runs if rule.name in run.evaluations]
    means = tuple(float(one["result"]["measures"][rule.main]) for one in evaluations)
    return TableCell(cell, means, seed_interval(means))


def seeds_of(line: Line) -> str:
    """How many seeds; with their range over the sets where it is not the same on all."""
    if not line.row.trainings:
        return NONE
    counts = sorted({len(one.seeds) for one in line.cells.values()}) or [0]
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]}–{counts[-1]}"


def to_markdown(gathered: Gathered, headline: str, title: str) -> str:
    """Headline, table of means, table of differences, notes, and how to read them."""
    comparison = gathered.comparison
    lines, rules = table(gathered), comparison.sets
    several = len(comparison.averaged) > 1
    heads = ["System", "Seeds", *(f"{rule.name} ({rule.main})" for rule in rules), *(["Average"] if several else [])]
    rows = [
        [
            _md(line.row.name),
            seeds_of(line),
            *(_md_cell(line.cells.get(rule.name)) for rule in rules),
            *([_bold(line.average, line.best_average)] if several else []),
        ]
        for line in lines
    ]
    parts = [f"# {_md(title)}", f"**{_md(headline)}**", _md_table(heads, rows)]
    parts.append(
        "Mean over queries and seeds; bold is the best of its set. S: 95% interval over seeds (Student's t); "
        "Q: 95% interval over queries (bootstrap). ▲ ▼: significantly better or worse than "
        f"{_md(comparison.reference)} (paired randomisation test over queries, Holm-corrected "
        f"p < {comparison.alpha:g}). {NONE}: not measured."
        + (f" Average: over {_md(', '.join(comparison.averaged))}." if several else "")
    )
    if differences := _differences(gathered):
        heads = ["System", "Set", "Difference", "95% interval", "p", "p (Holm)", "d_z", "Better / worse / equal"]
        parts += [f"## Differences to {_md(comparison.reference)}", _md_table(heads, differences)]
    if gathered.notes:
        parts += ["## Notes", "\n".join(f"- {_md(note)}" for note in gathered.notes)]
    return "\n\n".join(parts) + "\n"


def _md_cell(one: TableCell | None) -> str:
    if one is None:
        return NONE
    words = [f"{_bold(one.cell.mean, one.cell.best)}{ {'+': ' ▲', '-': ' ▼'}.get(one.cell.mark, '') }"]
    if one.interval is not None:
        words.append(f"S [{one.interval[0]:.4f}, {one.interval[1]:.4f}]")
    if one.cell.queries > 1:
        words.append(f"Q [{one.cell.low:.4f}, {one.cell.high:.4f}]")
    return "<br>".join(words)


def _bold(value: float | None, best: bool) -> str:
    return NONE if value is None else f"**{value:.4f}**" if best else f"{value:.4f}"


def _differences(gathered: Gathered) -> list[list[str]]:
    comparison = gathered.comparison
    found = []
    for system in comparison.systems:
        for rule in comparison.sets:
            cell = comparison.cells[system].get(rule.name)
            if cell is None or (difference := cell.difference) is None:
                continue
            found.append(
                [
                    *(_md(system), _md(rule.name), signed(difference.mean)),
                    f"{signed(difference.low)} to {signed(difference.high)}",
                    *(p_words(cell.p_randomisation), p_words(cell.p_holm)),
                    NONE if cell.effect is None else signed(cell.effect, 2),
                    f"{difference.better} / {difference.worse} / {difference.equal}",
                ]
            )
    return found


def _md(text: str) -> str:
    """Words that Markdown takes as they are."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in " ".join(text.split()))


def _md_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first = "| " + " | ".join(heads) + " |"
    sides = "|" + "|".join("---" if place == 0 else "---:" for place in range(len(heads))) + "|"
    return "\n".join([first, sides, *("| " + " | ".join(row) + " |" for row in rows)])


COLUMNS = (
    "system", "set", "measure", "mean", "seeds", "seed_values", "seeds_low", "seeds_high", "std", "queries",
    "queries_low", "queries_high", "reference", "difference", "difference_low", "difference_high", "p_randomisation",
    "p_t", "p_holm", "effect", "mark", "best", "shift_percent", "evaluations",
)  # fmt: skip


def to_csv(gathered: Gathered) -> str:
    """One row a system and set, in the set's main measure; what is not known is empty.

    ``seed_values`` and ``evaluations`` (content keys) hold one word a seed; a system without an evaluation has one row
    with its name alone.
    """
    out = io.StringIO()
    rows = csv.DictWriter(out, COLUMNS, lineterminator="\n", restval="")
    rows.writeheader()
    comparison = gathered.comparison
    for line in table(gathered):
        if not line.cells:
            rows.writerow({"system": line.row.name})
        for rule in comparison.sets:
            if (one := line.cells.get(rule.name)) is not None:
                rows.writerow(_csv_row(gathered, line, rule, one))
    return out.getvalue()


def _csv_row(gathered: Gathered, line: Line, rule: SetRule, one: TableCell) -> dict[str, Any]:
    cell = one.cell
    keys = [run.evaluations[rule.name].content_key for run in line.row.runs if rule.name in run.evaluations]
    found: dict[str, Any] = {"system": line.row.name, "set": rule.name, "measure": rule.main, "mean": cell.mean}
    found |= {"seeds": cell.seeds, "seed_values": " ".join(map(repr, one.seeds)), "queries": cell.queries}
    found |= {"queries_low": cell.low, "queries_high": cell.high, "reference": gathered.comparison.reference}
    if one.interval is not None:
        found |= {"seeds_low": one.interval[0], "seeds_high": one.interval[1]}
    if cell.difference is not None:
        found |= {"difference": cell.difference.mean}
        found |= {"difference_low": cell.difference.low, "difference_high": cell.difference.high}
    found |= {name: getattr(cell, name) for name in ("std", "p_randomisation", "p_t", "p_holm", "effect", "mark")}
    found |= {"best": int(cell.best), "evaluations": " ".join(keys)}
    found["shift_percent"] = gathered.comparison.shift.get(line.row.name, {}).get(rule.name)
    return found
