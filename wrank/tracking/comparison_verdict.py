"""What a comparison says of each system, in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass

from wrank.evaluation.comparison_data import Cell, Comparison, SetRule
from wrank.tracking.comparison_plot import signed

_NAMED = 5  # sets that a sentence names


@dataclass(frozen=True)
class Verdict:
    """One system against the reference.

    Attributes:
        system: its name.
        state: ``good``, ``problem``, ``caution`` (better here, worse there) or ``note`` (nothing shown).
        chip: the state in a word or two.
        text: what was found, in sentences that do not name the system.
    """

    system: str
    state: str
    chip: str
    text: str


def verdicts(comparison: Comparison) -> list[Verdict]:
    """One verdict a system, the reference first."""
    return [Verdict(comparison.reference, "note", "Reference", _reference(comparison))] + [
        _verdict(comparison, system) for system in comparison.systems if system != comparison.reference
    ]


def p_words(value: float | None) -> str:
    """A p-value as in the tables."""
    if value is None:
        return "–"
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"


def _reference(comparison: Comparison) -> str:
    alone = "" if len(comparison.systems) > 1 else "The only system measured: there is nothing to compare it with. "
    row = comparison.cells[comparison.reference]
    if len(comparison.averaged) > 1 and comparison.reference in comparison.averages:
        main = _measure(comparison, comparison.averaged)
        value = comparison.averages[comparison.reference]
        return f"{alone}{main} {value:.4f} on average over {_sets(len(comparison.averaged))}."
    told = [f"{rule.main} {row[rule.name].mean:.4f} on {rule.name}" for rule in comparison.sets if rule.name in row]
    return f"{alone}{_and(told)}."


def _verdict(comparison: Comparison, system: str) -> Verdict:
    row = comparison.cells[system]
    tested = [(rule, cell) for rule in comparison.sets if (cell := row.get(rule.name)) is not None and cell.difference]
    missing = sum(rule.name not in row for rule in comparison.sets)
    told = [_marks(comparison.reference, tested), _size(comparison, system, tested)]
    if missing:
        told.append(f"Not scored on {_sets(missing)}.")
    marks = {cell.mark for _, cell in tested}
    state, chip = {
        (True, False): ("good", "Better"),
        (False, True): ("problem", "Worse"),
        (True, True): ("caution", "Mixed"),
        (False, False): ("note", "No proof"),
    }["+" in marks, "-" in marks]
    return Verdict(system, state, chip, " ".join(words for words in told if words))


def _marks(reference: str, tested: Sequence[tuple[SetRule, Cell]]) -> str:
    """Where it is better, worse, or neither."""
    if not tested:
        return f"Scored on no set that {reference} was scored on: nothing can be said."
    by_mark = {mark: [rule.name for rule, cell in tested if cell.mark == mark] for mark in "+-"}
    rest, all_of = len(tested) - sum(map(len, by_mark.values())), len(tested)
    if rest == all_of:
        where = tested[0][0].name if all_of == 1 else f"any of {_sets(all_of)}"
        return f"No proof of a difference to {reference} on {where}."
    parts: list[str] = []
    for mark, word in (("+", "better"), ("-", "worse")):
        names = by_mark[mark]
        if names:
            against = "" if parts else f" than {reference}"
            parts.append(f"{word}{against} on {_where(names, all_of)}")
    tail = f"; no proof of a difference on {'the other one' if rest == 1 else f'the other {rest}'}" if rest else ""
    sentence = f"{' and '.join(parts)}{tail}."
    return sentence[0].upper() + sentence[1:]


def _where(names: Sequence[str], all_of: int) -> str:
    if all_of == 1:
        return names[0]
    if len(names) == all_of:
        return f"all {all_of} sets"
    return f"{len(names)} of {_sets(all_of)} ({_and(names, _NAMED)})"


def _size(comparison: Comparison, system: str, tested: Sequence[tuple[SetRule, Cell]]) -> str:
    """How large the difference is."""
    if len(tested) == 1:
        rule, cell = tested[0]
        assert cell.difference is not None
        interval = f"95% interval {signed(cell.difference.low)} to {signed(cell.difference.high)}"
        p = p_words(cell.p_holm)
        p_is = f"p {p[0]} {p[1:]}" if p.startswith("<") else f"p = {p}"
        return f"{signed(cell.difference.mean)} {rule.main} ({interval}, {p_is})."
    if not tested:
        return ""
    if not comparison.averages:
        return f"No average: {_no_average(comparison)}."
    own, base = comparison.averages[system], comparison.averages[comparison.reference]
    over = _sets(len(comparison.averaged)) if len(comparison.averaged) > 1 else comparison.averaged[0]
    return (
        f"{signed(own - base)} {_measure(comparison, comparison.averaged)} on average over {over} "
        f"({own:.4f} against {base:.4f})."
    )


def _no_average(comparison: Comparison) -> str:
    """Why there is none."""
    if not any(rule.averaged for rule in comparison.sets):
        return "none is known for these sets"
    if len({rule.main for rule in comparison.sets}) > 1:
        return "the sets have different main measures"
    return "no set was scored for all systems"


def _measure(comparison: Comparison, names: Sequence[str]) -> str:
    return next(rule.main for rule in comparison.sets if rule.name in names)


def _sets(number: int) -> str:
    return f"{number} set{'' if number == 1 else 's'}"


def _and(names: Sequence[str], most: int = 8) -> str:
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
