"""The report in a sentence or two: which system is best, and whether that is more than luck."""

from wrank.evaluation.comparison_data import Cell, Comparison, SetRule
from wrank.tracking.comparison_plot import signed
from wrank.tracking.comparison_verdict import p_words

_NAMED = 4


def headline(comparison: Comparison) -> str:
    """Finding and figure in one."""
    return " ".join(sentence for sentence in (finding(comparison), figure(comparison)) if sentence)


def finding(comparison: Comparison) -> str:
    """Says what the marks say, no more: a difference without a mark could be chance."""
    base = comparison.reference
    others = [system for system in comparison.systems if system != base]
    if not others:
        return f"{base} alone was evaluated: there is nothing to compare it with."
    marks = {system: _marks(comparison, system) for system in others}
    better = [system for system in others if "+" in marks[system] and "-" not in marks[system]]
    worse = [system for system in others if "-" in marks[system] and "+" not in marks[system]]
    mixed = [system for system in others if {"+", "-"} <= marks[system]]
    said = []
    if not better and not mixed and not worse:
        said.append(f"No system is shown to differ from {base}: every difference could be chance.")
    elif not better and not mixed:
        said.append(f"No system is shown to be better than {base}.")
    if better:
        said.append(f"{_list(better)} {'beats' if len(better) == 1 else 'beat'} {base}.")
    if mixed:
        said.append(f"{_list(mixed)}: better than {base} on some sets, worse on others.")
    if worse:
        said.append(f"{_list(worse)} {'is' if len(worse) == 1 else 'are'} worse than {base}.")
    return " ".join(said)


def figure(comparison: Comparison) -> str:
    """The highest mean, and how far it is from the baseline's; empty where there is nothing to compare."""
    base = comparison.reference
    others = [system for system in comparison.systems if system != base]
    if not others:
        return ""
    best = max(others, key=lambda system: _quality(comparison, system))
    if _quality(comparison, best) <= _quality(comparison, base):
        return f"{base} itself has the highest mean, {_value(comparison, base)}."
    told = f"Highest: {best}, {_value(comparison, best)}"
    single = _single(comparison)
    if single is None:
        own, other = comparison.averages.get(best), comparison.averages.get(base)
        return f"{told}, {signed(own - other)} to {base}." if own is not None and other is not None else f"{told}."
    cell = comparison.cells[best].get(single.name)
    if cell is None or cell.difference is None:
        return f"{told}."
    found = cell.difference
    return (
        f"{told}, {signed(found.mean)} to {base} (95% interval {signed(found.low)} to {signed(found.high)}, "
        f"{_p(cell)}{_seeds(cell)})."
    )


def _p(cell: Cell) -> str:
    words = p_words(cell.p_holm)
    return f"Holm's p {words[0]} {words[1:]}" if words.startswith("<") else f"Holm's p = {words}"


def _seeds(cell: Cell) -> str:
    return "; one seed" if cell.seeds == 1 else f"; mean of {cell.seeds} seeds"


def _marks(comparison: Comparison, system: str) -> set[str]:
    return {cell.mark for cell in comparison.cells[system].values() if cell.mark}


def _single(comparison: Comparison) -> SetRule | None:
    """The set that speaks for a system, where no average does."""
    if len(comparison.averaged) > 1:
        return None
    if comparison.averaged:
        return next(rule for rule in comparison.sets if rule.name == comparison.averaged[0])
    return comparison.sets[0]


def _quality(comparison: Comparison, system: str) -> float:
    single = _single(comparison)
    if single is None:
        return comparison.averages.get(system, float("-inf"))
    cell = comparison.cells[system].get(single.name)
    return float("-inf") if cell is None else cell.mean


def _value(comparison: Comparison, system: str) -> str:
    single = _single(comparison)
    if single is None:
        main = next(rule.main for rule in comparison.sets if rule.name in comparison.averaged)
        return f"{comparison.averages[system]:.4f} {main} on average over {len(comparison.averaged)} sets"
    cell = comparison.cells[system].get(single.name)
    return "not evaluated" if cell is None else f"{cell.mean:.4f} {single.main} on {single.name}"


def _list(names: list[str]) -> str:
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
