"""A comparison of systems as tables for people, on standard output, readable at 140 columns."""

import textwrap
from collections.abc import Callable, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from wrank.evaluation.comparison_data import Cell, Comparison
from wrank.tracking.table import out

_ACROSS = 6  # more columns of values than this do not fit beside the names
_WIDTH = 100  # characters for all columns of values together
_AVERAGE = ""  # in the place of a set's name
_MEASURE = "\t"  # before a measure's, likewise


def print_comparison_table(comparison: Comparison) -> None:
    """Means with intervals and marks, differences to the reference with their tests, the shift table, and a legend.

    One row a system and one column a set; with more than 6 sets, sets are the rows. The shift table is there when at
    least one set is in-domain and another is not.
    """
    console = out()
    for table in _mean_tables(comparison):
        console.print(table)
    if comparison.comparisons:
        console.print(_difference_table(comparison))
    if len({rule.in_domain for rule in comparison.sets}) == 2 and len(comparison.systems) > 1:
        for table in _shift_tables(comparison):
            console.print(table)
    for line in _legend(comparison):
        console.print(Text(line))


def _mean_tables(comparison: Comparison) -> Iterator[Table]:
    titles = {rule.name: f"{rule.name}\n{rule.main}" for rule in comparison.sets}
    if len(comparison.averaged) > 1:
        titles[_AVERAGE] = f"average\n{len(comparison.averaged)} sets"
    others = _other_measures(comparison)
    titles |= {_MEASURE + name: name for name in others}
    best = max(comparison.averages.values(), default=0.0)

    def shown(system: str, name: str) -> Text:
        if name.startswith(_MEASURE):
            value = comparison.measures[system].get(comparison.sets[0].name, {}).get(name.removeprefix(_MEASURE))
            return Text("–" if value is None else f"{value:.4f}")
        if name == _AVERAGE:
            value = comparison.averages[system]
            return Text(f"{value:.4f}", style="bold" if value >= best else "")
        return _mean_cell(comparison.cells[system].get(name))

    yield from _grid("systems on the test sets", comparison.systems, titles, shown)


def _other_measures(comparison: Comparison) -> list[str]:
    """Of a single set, the measures beside the main one, as many as fit."""
    if len(comparison.sets) > 1:
        return []
    rule = comparison.sets[0]
    names = dict.fromkeys(name for row in comparison.measures.values() for name in row.get(rule.name, {}))
    return [name for name in names if name != rule.main][: _ACROSS - 1]


def _shift_tables(comparison: Comparison) -> Iterator[Table]:
    rules = sorted(comparison.sets, key=lambda rule: not rule.in_domain)
    titles = {rule.name: f"{rule.name}\n{'in-domain' if rule.in_domain else 'out-of-domain'}" for rule in rules}

    def shown(system: str, name: str) -> Text:
        value = comparison.shift[system].get(name)
        return Text("–" if value is None else f"{value:+.1f}%")

    title = f"distribution shift: change relative to {comparison.reference}"
    yield from _grid(title, comparison.systems[1:], titles, shown)


def _grid(
    title: str, systems: Sequence[str], sets: dict[str, str], shown: Callable[[str, str], Text]
) -> Iterator[Table]:
    """Systems by sets; turned over when there are many sets, and then in parts when there are many systems, too."""
    if sum(name != _AVERAGE for name in sets) <= _ACROSS:
        yield _table(
            title,
            "system",
            [(Text(system), [shown(system, name) for name in sets]) for system in systems],
            list(sets.values()),
        )
        return
    for start in range(0, len(systems), _ACROSS):
        part = systems[start : start + _ACROSS]
        rows = [
            (Text(words.replace("\n", ", ")), [shown(system, name) for system in part]) for name, words in sets.items()
        ]
        yield _table(title, "test set", rows, part)


def _table(title: str, corner: str, rows: Sequence[tuple[Text, list[Text]]], columns: Sequence[str]) -> Table:
    table = Table(title=Text(title))
    table.add_column(corner, overflow="fold")
    for place, column in enumerate(columns):  # a value is never broken: long names are folded
        values = max(len(line) for _, cells in rows for line in cells[place].plain.split("\n"))
        width = max(values, _WIDTH // len(columns))
        folded = "\n".join(part for line in column.split("\n") for part in textwrap.wrap(line, width))
        table.add_column(Text(folded), justify="right", no_wrap=True)
    for name, cells in rows:
        table.add_row(name, *cells)
    return table


def _mean_cell(cell: Cell | None) -> Text:
    """Mean and spread over seeds; below the interval and the mark."""
    if cell is None:
        return Text("–")
    spread = "" if cell.std is None else f" ± {cell.std:.4f}"
    interval = f"[{cell.low:.3f}, {cell.high:.3f}]" if cell.queries > 1 else "one query"
    mark = f" {cell.mark}" if cell.mark else ""
    return Text.assemble((f"{cell.mean:.4f}", "bold" if cell.best else ""), f"{spread}\n{interval}{mark}")


def _difference_table(comparison: Comparison) -> Table:
    table = Table(title=Text(f"difference to {comparison.reference}"))
    for column in ("test set", "system"):
        table.add_column(column, overflow="fold")
    columns = ("seeds", "difference", "95% interval", "p rand.", "p t", "p Holm", "d_z", "better /\nworse / equal")
    for column in columns:
        table.add_column(column, justify="right")
    for rule in comparison.sets:
        for system in comparison.systems[1:]:
            cell = comparison.cells[system].get(rule.name)
            if cell is not None and cell.difference is not None:
                table.add_row(Text(rule.name), Text(system), *_difference_row(cell))
        table.add_section()
    return table


def _difference_row(cell: Cell) -> list[str]:
    difference = cell.difference
    assert difference is not None
    return [
        str(cell.seeds),
        f"{difference.mean:+.4f}{' ' + cell.mark if cell.mark else ''}",
        f"{difference.low:+.4f} .. {difference.high:+.4f}" if difference.queries > 1 else "one query",
        _p(cell.p_randomisation),
        _p(cell.p_t),
        _p(cell.p_holm),
        "–" if cell.effect is None else f"{cell.effect:+.2f}",
        f"{difference.better} / {difference.worse} / {difference.equal}",
    ]


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"


def _legend(comparison: Comparison) -> Iterator[str]:
    yield (
        "Bold: best of its set. [low, high]: 95% bootstrap interval of the mean over queries. ±: standard deviation "
        "of the set's mean over seeds. –: not measured, or not defined."
    )
    if comparison.comparisons:
        yield (
            f"+ and -: significantly better and worse than {comparison.reference} (p Holm < {comparison.alpha:g}). "
            "Tests are two-sided and paired by query, each query with its mean over seeds: they tell of other queries, "
            "not of other seeds."
        )
        yield (
            f"p rand.: randomisation test ({comparison.samples:,} sign flips, or all where there are fewer). "
            f"p t: t-test. p Holm: p rand. corrected for the {comparison.comparisons} comparisons of this table. "
            "d_z: mean / standard deviation of the differences."
        )
    if len(comparison.averaged) > 1:
        out_of = [rule.name for rule in comparison.sets if rule.name not in comparison.averaged]
        left = f"; left out (in-domain, or not scored for all systems): {', '.join(out_of)}" if out_of else ""
        yield f"average: sets of one group are averaged first and count once{left}."
