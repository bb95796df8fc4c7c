"""Tables for people about collections and mixes."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from wrank.data.describe import Description, Lists, Verified
from wrank.records import RankedList
from wrank.tracking.table import out

_BAR = 30  # characters of the longest bar
_ROWS = 20  # of a table of grades; a teacher's scores have thousands
_TEXT = 160  # characters shown of a text


def print_description(described: Description) -> None:
    """Counts, grades, lengths, parts of a mix, the lists that would be drawn, and some of them."""
    console = out()
    table = Table(title=Text(described.name))
    table.add_column("")
    table.add_column("", justify="right")
    for word, value in described.counts.items():
        if not isinstance(value, Mapping):
            table.add_row(word.replace("_", " "), f"{value:,}")
    table.add_row("splits", Text(", ".join(described.splits) or "none"))
    console.print(table)
    console.print(_bars("judgements by grade", described.counts["judgements_per_grade"], "{:,}"))
    console.print(_lengths(described.lengths))
    if described.parts:
        console.print(_parts(described.parts))
    if described.remark:
        console.print(described.remark, soft_wrap=True, markup=False)
    if described.lists is not None:
        _print_lists(described.lists)


def print_verified(checked: Sequence[Verified]) -> None:
    """A line a split, and what is wrong with it."""
    console = out()
    for split in checked:
        counts = ", ".join(
            f"{split.counts[word]:,} {word.replace('_', ' ')}"
            for word in ("passages", "judged_queries", "judgements")
            if word in split.counts
        )
        console.print(f"{split.name}: {'as it should be' if not split.wrong else 'WRONG'}  {counts}", markup=False)
        for sentence in split.wrong:
            console.print(f"  {sentence}", soft_wrap=True, markup=False)


def _bars(title: str, counts: Mapping[str, float], form: str) -> Table:
    table = Table(title=title)
    for column in ("", "", ""):
        table.add_column(column, justify="right" if table.columns else "left")
    table.columns[2].justify = "left"
    most = max(counts.values(), default=0)
    shown = sorted(counts, key=lambda word: -counts[word])[:_ROWS]
    for word, count in counts.items():
        if word in shown:
            bar = "█" * round(_BAR * count / most) if most else ""
            table.add_row(Text(str(word)), form.format(count), bar or ("▏" if count else ""))
    if rest := [count for word, count in counts.items() if word not in shown]:
        table.add_row(f"{len(rest):,} more", form.format(sum(rest)), "")
    return table


def _lengths(lengths: Mapping[str, Mapping[str, int]]) -> Table:
    table = Table(title="words a text")
    table.add_column("")
    for point in ("10%", "50%", "90%", "longest"):
        table.add_column(point, justify="right")
    for word, points in lengths.items():
        if points:
            table.add_row(word, *[f"{points[point]:,}" for point in ("10%", "50%", "90%", "longest")])
    return table


def _parts(parts: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(title="parts of the mix, after all steps; the last wins")
    for title in ("part", "pairs", "queries", "pairs by grade"):
        table.add_column(title, justify="right" if title in ("pairs", "queries") else "left")
    for name, part in parts.items():
        grades = ", ".join(f"{grade}: {count:,}" for grade, count in list(part["grades"].items())[:_ROWS])
        grades += f", {len(part['grades']) - _ROWS:,} more grades" if len(part["grades"]) > _ROWS else ""
        table.add_row(Text(name), f"{part['pairs']:,}", f"{part['queries']:,}", grades or "none left")
    return table


def _print_lists(lists: Lists) -> None:
    console = out()
    console.print(
        f"{lists.queries:,} queries have a list"
        + (f"; {lists.skipped:,} judged queries have nothing relevant and are left out" if lists.skipped else "")
        + f"; below, {lists.drawn:,} lists of the first epoch",
        soft_wrap=True,
    )
    console.print(_bars("passages a list (number of lists)", {str(k): v for k, v in lists.sizes.items()}, "{:,}"))
    console.print(_bars("grades (passages a list, mean)", lists.grades, "{:.2f}"))
    console.print(_bars("sources (passages a list, mean)", lists.sources, "{:.2f}"))
    for item in lists.examples:
        console.print(_example(item))


def _example(item: RankedList) -> Table:
    table = Table(title=_shown(item.query), title_justify="left")
    table.add_column("grade", justify="right")
    table.add_column("from", overflow="fold", max_width=20)
    table.add_column("id", overflow="fold", max_width=20)
    table.add_column("passage", overflow="fold", min_width=24)
    rows = zip(item.grades, item.sources, item.passage_ids, item.passages, strict=True)
    for grade, source, id, text in rows:
        table.add_row(f"{grade:g}", Text(source), Text(id), _shown(text))
    return table


def _shown(text: str) -> Text:
    """A text's beginning on one line: no markup in it counts, and no control character reaches the terminal."""
    words = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return Text(words if len(words) <= _TEXT else f"{words[:_TEXT]}...")
