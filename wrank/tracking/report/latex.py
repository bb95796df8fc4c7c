"""The report's table for a paper: LaTeX with booktabs, best in bold, marks for significance."""

from collections.abc import Sequence

from wrank.evaluation.comparison_data import SetRule
from wrank.tracking.report.configuration import NONE
from wrank.tracking.report.gather import Gathered
from wrank.tracking.report.table import Line, TableCell, seeds_of, table

_ACROSS = 5  # sets beside each other
_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "▲": r"$\uparrow$",
    "▼": r"$\downarrow$",
    "−": "$-$",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def escaped(text: str) -> str:
    """Words that LaTeX prints as they are, on one line."""
    return "".join(_SIGNS.get(sign, sign) for sign in " ".join(text.split()))


def to_latex(gathered: Gathered, caption: str) -> str:
    """One table, or several where there are many sets; needs the packages booktabs and, for a wide one, graphicx.

    Below a mean stand its 95% intervals: over seeds, then over queries.
    """
    comparison = gathered.comparison
    lines, rules = table(gathered), comparison.sets
    parts = [rules[start : start + _ACROSS] for start in range(0, len(rules), _ACROSS)]
    found = ["% \\usepackage{booktabs}  (made by `wrank report`; do not edit: run it again)"]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        found.append(_one(gathered, lines, part, caption, number, average=last and len(comparison.averaged) > 1))
    return "\n\n".join(found) + "\n"


def _one(
    gathered: Gathered, lines: Sequence[Line], rules: Sequence[SetRule], caption: str, number: int, average: bool
) -> str:
    columns = "lr" + "r" * (len(rules) + average)
    heads = ["System", "Seeds", *(escaped(rule.name) for rule in rules), *(["Average"] if average else [])]
    mains = ["", "", *(escaped(rule.main) for rule in rules), *([""] if average else [])]
    body = []
    for line in lines:
        if line is not lines[0] and lines[0].row.name == gathered.comparison.reference and line is lines[1]:
            body.append(r"\midrule")
        cells = [line.cells.get(rule.name) for rule in rules]
        mean = [_mean(one) for one in cells] + ([_bold(line.average, line.best_average)] if average else [])
        body.append(" & ".join([escaped(line.row.name), seeds_of(line).replace("–", "--"), *mean]) + r" \\")
        for words in (_seeds(cells), _queries(cells)):
            if any(words):
                body.append(" & ".join(["", "", *words, *([""] if average else [])]) + r" \\")
    return "\n".join(
        [
            r"\begin{table}[t]",
            r"\centering",
            rf"\caption{{{escaped(caption)} {_legend(gathered)}}}",
            rf"\label{{tab:wrank{'' if number == 0 else f'-{number + 1}'}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(heads) + r" \\",
            " & ".join(mains) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _legend(gathered: Gathered) -> str:
    comparison = gathered.comparison
    several = any(one.interval for line in table(gathered) for one in line.cells.values())
    below = (
        "s: 95\\% $t$ interval over seeds, q: 95\\% bootstrap interval over queries"
        if several
        else ("q: 95\\% bootstrap interval over queries")
    )
    return (
        f"Best in bold; {below}. $+$ and $-$: significantly better and worse than {escaped(comparison.reference)} "
        f"(paired randomisation test, Holm-corrected $p < {comparison.alpha:g}$)."
    )


def _mean(one: TableCell | None) -> str:
    if one is None:
        return "--"
    mark = {"+": "$^{+}$", "-": "$^{-}$"}.get(one.cell.mark, "")
    return _bold(one.cell.mean, one.cell.best) + mark


def _bold(value: float | None, best: bool) -> str:
    shown = NONE if value is None else f"{value:.4f}"
    return escaped(shown) if not best else rf"\textbf{{{shown}}}"


def _seeds(cells: Sequence[TableCell | None]) -> list[str]:
    return ["" if one is None or one.interval is None else _small("s", *one.interval) for one in cells]


def _queries(cells: Sequence[TableCell | None]) -> list[str]:
    return ["" if one is None or one.cell.queries < 2 else _small("q", one.cell.low, one.cell.high) for one in cells]


def _small(word: str, low: float, high: float) -> str:
    shown = [f"{value:.3f}".replace("-", "$-$") for value in (low, high)]
    return rf"{{\scriptsize {word} [{shown[0]}, {shown[1]}]}}"
