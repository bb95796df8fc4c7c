"""A comparison of systems as tables for people, on standard output: whole at 140 columns, in less room with less."""

import textwrap
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wrank.evaluation.comparison_data import Cell, Comparison
from wrank.tracking.table import out

_ACROSS = 6  # columns of values at most
_COLUMN = 19  # characters of a column with mean, spread, interval and mark
_NAMES = 26  # characters for names and averages beside these columns
_NAME = 14  # characters of a folded name at least
_LEAVING = ("p t", "seeds", "d_z", "p rand.")  # columns that go first where there is no room
_FRAME = 3  # characters around a column's words
_AVERAGE = ""  # in the place of a set's name
_MEASURE = "\t"  # before a measure's, likewise


def print_comparison_table(comparison: Comparison) -> None:
    """Means with intervals and marks, differences to the reference with their tests, the shift table, and a legend.

    One row a system and one column a set; with more sets than fit (6 at 140 columns), sets are the rows. The table of
    differences gives up columns where it does not fit, and becomes lines of words where that does not help. The shift
    table is there when at least one set is in-domain and another is not.
    """
    console = out()
    for table in _mean_tables(comparison, console.width):
        console.print(table)
    if comparison.comparisons:
        _print_differences(comparison, console)
    if len({rule.in_domain for rule in comparison.sets}) == 2 and len(comparison.systems) > 1:
        for table in _shift_tables(comparison, console.width):
            console.print(table)
    for line in _legend(comparison, console.is_terminal):
        console.print(Text(line))


def print_comparison_line(comparison: Comparison, system: str | None = None) -> None:
    """One line for one system: its mean (its average over several sets), and the difference to the reference.

    Args:
        comparison: where it stands.
        system: which; None: the first that is not the reference, or the reference when it is alone.
    """
    own = system or comparison.systems[min(1, len(comparison.systems) - 1)]
    out().print(Text(f"{own}: {_line(comparison, own)}"), soft_wrap=True)


def _line(comparison: Comparison, system: str) -> str:
    base = comparison.reference
    row = [(rule, cell) for rule in comparison.sets if (cell := comparison.cells[system].get(rule.name)) is not None]
    if len(comparison.averaged) > 1:
        own, other = comparison.averages[system], comparison.averages[base]
        marks = [cell.mark for _, cell in row]
        told = f"{_main(comparison)} {own:.4f} on average over {len(comparison.averaged)} sets"
        if system == base:
            return told
        return f"{told}, {own - other:+.4f} to {base} (better on {marks.count('+')}, worse on {marks.count('-')})"
    rule, cell = next(((rule, cell) for rule, cell in row if rule.name in comparison.averaged), row[0])
    told = f"{rule.main} {cell.mean:.4f} on {rule.name}"
    if cell.difference is not None:
        found = {"+": "better", "-": "worse", "": "no proof of a difference"}[cell.mark]
        told += f", {cell.difference.mean:+.4f} to {base} ({found}, p Holm {_p(cell.p_holm)})"
    return told + (f"; and {len(row) - 1} more sets" if len(row) > 1 else "")


def _main(comparison: Comparison) -> str:
    return next(rule.main for rule in comparison.sets if rule.name in comparison.averaged)


def _across(width: int) -> int:
    return max(1, min(_ACROSS, (width - _NAMES) // _COLUMN))


def _mean_tables(comparison: Comparison, width: int) -> Iterator[Table]:
    titles = {rule.name: f"{rule.name}\n{rule.main}" for rule in comparison.sets}
    if len(comparison.averaged) > 1:
        titles[_AVERAGE] = f"average\n{len(comparison.averaged)} sets"
    others = _other_measures(comparison, _across(width))
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

    yield from _grid("systems on the test sets", comparison.systems, titles, shown, width)


def _other_measures(comparison: Comparison, across: int) -> list[str]:
    """Of a single set, the measures beside the main one, as many as fit."""
    if len(comparison.sets) > 1:
        return []
    rule = comparison.sets[0]
    names = dict.fromkeys(name for row in comparison.measures.values() for name in row.get(rule.name, {}))
    return [name for name in names if name != rule.main][: across - 1]


def _shift_tables(comparison: Comparison, width: int) -> Iterator[Table]:
    rules = sorted(comparison.sets, key=lambda rule: not rule.in_domain)
    titles = {rule.name: f"{rule.name}\n{'in-domain' if rule.in_domain else 'out-of-domain'}" for rule in rules}

    def shown(system: str, name: str) -> Text:
        value = comparison.shift[system].get(name)
        return Text("–" if value is None else f"{value:+.1f}%")

    title = f"distribution shift: change relative to {comparison.reference}"
    yield from _grid(title, comparison.systems[1:], titles, shown, width)


def _grid(
    title: str, systems: Sequence[str], sets: dict[str, str], shown: Callable[[str, str], Text], width: int
) -> Iterator[Table]:
    """Systems by sets; turned over when there are many sets, and then in parts when there are many systems, too."""
    across = _across(width)
    if sum(name != _AVERAGE for name in sets) <= across:
        rows = [(Text(system), [shown(system, name) for name in sets]) for system in systems]
        yield _table(title, "system", rows, list(sets.values()), width)
        return
    for start in range(0, len(systems), across):
        part = systems[start : start + across]
        rows = [
            (Text(words.replace("\n", ", ")), [shown(system, name) for system in part]) for name, words in sets.items()
        ]
        yield _table(title, "test set", rows, part, width)


def _table(
    title: str, corner: str, rows: Sequence[tuple[Text, list[Text]]], columns: Sequence[str], room: int
) -> Table:
    table = Table(title=Text(title))
    table.add_column(corner, overflow="fold")
    for place, column in enumerate(columns):  # a value is never broken: long names are folded
        values = max(len(line) for _, cells in rows for line in cells[place].plain.split("\n"))
        width = max(values, (room - _NAMES) // len(columns) - _FRAME)
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


def _print_differences(comparison: Comparison, console: Console) -> None:
    """The table of differences, as much of it as fits, or its lines as words."""
    rows = [
        (rule.name, system, cell)
        for rule in comparison.sets
        for system in comparison.systems[1:]
        if (cell := comparison.cells[system].get(rule.name)) is not None and cell.difference is not None
    ]
    where = f" on {comparison.sets[0].name}" if len(comparison.sets) == 1 else ""
    title = f"difference to {comparison.reference}{where}"
    columns = _columns(rows)
    apart = {"test set": [row[0] for row in rows], "system": [row[1] for row in rows]}
    together = {"system": [system if where else f"{system}\n{name}" for name, system, _ in rows]}
    choices = [(apart, leaving) for leaving in range(len(_LEAVING) + 1) if not where]
    choices += [(together, leaving) for leaving in range(len(_LEAVING) + 1) if where or leaving == len(_LEAVING)]
    for names, leaving in choices:
        kept = {name: values for name, values in columns.items() if name not in _LEAVING[:leaving]}
        if sum(map(_least, names.values())) + sum(_width(name, own) for name, own in kept.items()) < console.width:
            console.print(_difference_table(title, names, kept, [row[0] for row in rows]))
            if leaving:
                console.print(Text(f"No room for {', '.join(_LEAVING[:leaving])}: table.csv has them."))
            return
    console.print(Text(title, style="italic"))
    for place, (name, system, _) in enumerate(rows):
        console.print(Text(system if where else f"{system} on {name}", style="bold"))
        told = [f"{words.replace(chr(10), ' ')} {values[place]}" for words, values in columns.items()]
        console.print(Text(f"  {', '.join(told)}"))


def _width(head: str, values: Sequence[str]) -> int:
    return max(len(part) for words in (head, *values) for part in words.split("\n")) + _FRAME


def _least(names: Sequence[str]) -> int:
    """Characters of a column of names, which may be folded."""
    return min(_width("", names), _NAME + _FRAME)


def _columns(rows: Sequence[tuple[str, str, Cell]]) -> dict[str, list[str]]:
    """Head -> what stands below it, a row each."""
    names = ("seeds", "difference", "95% interval", "p rand.", "p t", "p Holm", "d_z", "better /\nworse / equal")
    values = zip(*[_difference_row(cell) for _, _, cell in rows], strict=True)
    return {name: list(own) for name, own in zip(names, values, strict=True)}


def _difference_table(
    title: str, names: dict[str, list[str]], columns: dict[str, list[str]], sets: Sequence[str]
) -> Table:
    table = Table(title=Text(title))
    for name in names:
        table.add_column(name, overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for place, name in enumerate(sets):
        words = [Text(own[place]) for own in names.values()]
        values = [own[place] for own in columns.values()]
        table.add_row(*words, *values, end_section=sets[place + 1 : place + 2] != [name])
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


def _legend(comparison: Comparison, terminal: bool) -> Iterator[str]:
    yield (
        f"{'Bold: best of its set. ' if terminal else ''}[low, high]: 95% bootstrap interval of the mean over queries. "
        "±: standard deviation of the set's mean over seeds. –: not measured, or not defined."
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
        least = comparison.comparisons / (comparison.samples + 1)
        if least >= comparison.alpha:  # the flips are bounded, see `compare_systems`
            yield (
                f"With {comparison.samples:,} flips p Holm starts at about {least:.1g}: nothing can be marked at alpha "
                f"{comparison.alpha:g}; choose a larger one."
            )
    if len(comparison.averaged) > 1:
        yield from _average_legend(comparison)


def _average_legend(comparison: Comparison) -> Iterator[str]:
    """What the average does not count once, or at all; nothing where it counts every set once."""
    groups = [rule.group for rule in comparison.sets if rule.name in comparison.averaged]
    grouped = "sets of one group are averaged first and count once" if len(set(groups)) < len(groups) else ""
    left = [rule.name for rule in comparison.sets if rule.name not in comparison.averaged]
    why = "in-domain, not scored for all systems, or without a published average"
    out_of = f"left out ({why}): {', '.join(left)}" if left else ""
    if told := "; ".join(words for words in (grouped, out_of) if words):
        yield f"average: {told}."
