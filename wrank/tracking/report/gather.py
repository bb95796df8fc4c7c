"""What a report is made from: rows, test sets, the comparison over them, and what a reader must know."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from wrank.errors import WrankError
from wrank.evaluation.comparison import compare_systems
from wrank.evaluation.comparison_data import Comparison
from wrank.evaluation.scored import Scored, read_scored
from wrank.store import Artifact
from wrank.tracking.report.choose import Filter, nothing_found
from wrank.tracking.report.configuration import differing, shown
from wrank.tracking.report.library import Library
from wrank.tracking.report.rows import Row, build_rows
from wrank.tracking.report.sets import Sets, find_sets

_SEARCH = ("index", "depth", "storage", "drop_self")  # keys of an evaluation that systems of one table should share


@dataclass(frozen=True)
class Gathered:
    """Everything a report tells of.

    Attributes:
        library: the store.
        rows: the systems, the reference first; those without any evaluation last.
        comparison: of the rows that were evaluated.
        notes: what is missing or unequal.
        told: the filter as typed.
    """

    library: Library
    rows: tuple[Row, ...]
    comparison: Comparison
    notes: tuple[str, ...]
    told: str

    @property
    def scored_rows(self) -> list[Row]:
        """Rows that stand in the comparison."""
        return [row for row in self.rows if row.name in self.comparison.cells]

    def row(self, name: str) -> Row:
        """A row by its name."""
        return next(row for row in self.rows if row.name == name)


def gather(
    library: Library,
    chosen: Filter,
    *,
    reference: str | None = None,
    sets: Sequence[str] = (),
    measure: str | None = None,
    alpha: float = 0.05,
) -> Gathered:
    """Reads what a filter takes, and compares it.

    Args:
        library: the store.
        chosen: what is wanted.
        reference: the baseline, a row's name or a glob of it; it need not fit the filter. None: what the trainings
            started from.
        sets: globs of test sets; none = all.
        measure: compared in the place of the sets' own main measures.
        alpha: level of significance over the whole table.

    Raises:
        WrankError: nothing fits, nothing that fits was evaluated, no such baseline, seeds or systems that were scored
            on other queries of a set.
    """
    trainings, evaluations = _chosen(library, chosen)
    if not trainings and not evaluations:
        raise nothing_found(library, chosen)
    if not evaluations:
        raise WrankError(
            f"report: {len(trainings)} trainings fit {chosen.told()}, but none of them was evaluated: "
            "`wrank evaluate model=path model.path=...` does it, as `wrank run` does"
        )
    found = find_sets(library, evaluations, trainings, sets, measure)
    rows, notes = build_rows(library, evaluations, trainings, found)
    if not any(run.evaluations for row in rows for run in row.runs):
        raise WrankError(f"report: what fits {chosen.told()} was not evaluated on {', '.join(found.names.values())}")
    rows, base = _with_reference(library, rows, found, reference)
    scored = {row.name: _scored(row) for row in rows if any(run.evaluations for run in row.runs)}
    rules = [rule for rule in found.rules if any(rule.name in one for one in scored.values())]
    comparison = compare_systems(scored, rules, base, alpha=alpha)
    ordered = sorted(rows, key=lambda row: (row.name not in scored, row.name != base))
    notes = [*found.notes, *notes, *_gaps(ordered, [rule.name for rule in rules]), *_unequal(ordered)]
    return Gathered(library, tuple(ordered), comparison, tuple(notes), chosen.told())


def _chosen(library: Library, chosen: Filter) -> tuple[list[Artifact], list[Artifact]]:
    """Trainings and evaluations that fit; an evaluation fits with its training."""
    studies = library.studies()
    every = library.of_kind("evaluation")
    trainings = {one.path: one for one in library.of_kind("model") if chosen.takes_training(one)}
    library.weights.learn(list(trainings.values()))
    found: list[Artifact] = []
    for one in every:
        own = studies.get(one.content_key, set())
        if (training := _training(library, one)) is None and chosen.may_take(one, own):
            training = _found_again(library, one)
            if training is not None and chosen.takes_training(training, own):
                trainings.setdefault(training.path, training)
        if training.path in trainings if training else chosen.takes_untrained(one, own):
            found.append(one)
    return list(trainings.values()), found


def _training(library: Library, evaluation: Artifact) -> Artifact | None:
    weights = library.maker(evaluation)
    return None if weights is None else weights.training


def _found_again(library: Library, evaluation: Artifact) -> Artifact | None:
    """The training of an evaluation that another study has trained first, and this one found."""
    name = evaluation.manifest["details"].get("model")
    library.weights.learn([one for one in library.of_kind("model") if one.manifest["name"] == name])
    return _training(library, evaluation)


def _with_reference(library: Library, rows: list[Row], sets: Sets, asked: str | None) -> tuple[list[Row], str]:
    """The rows with the baseline among them, and its name."""
    own = [row for row in rows if any(run.evaluations for run in row.runs)]
    if asked is None:
        return _default_reference(library, rows, own, sets)
    named = _called(asked, own)
    if not named:  # it need not fit the filter
        beside = [row for row in _others(library, rows, sets) if row.name == asked or fnmatchcase(row.name, asked)]
        rows, named = [*rows, *beside[:1]] if len(beside) == 1 else rows, beside
    if len(named) == 1:
        return rows, named[0].name
    known = ", ".join(row.name for row in named or own)
    if named:
        raise WrankError(f"reference={asked}: {len(named)} systems are called so: {known}; name one of them")
    raise WrankError(
        f"reference={asked}: no such system was evaluated on {', '.join(sets.names.values())}; this report has {known}"
    )


def _called(asked: str, rows: Sequence[Row]) -> list[Row]:
    """Rows by their name; else by a glob; else by a part of the name that no other has."""
    for fits in (
        lambda row: row.name == asked,
        lambda row: fnmatchcase(row.name, asked),
        lambda row: asked in row.name.replace("[", " ").split(),
    ):
        if found := [row for row in rows if fits(row)]:
            return found
    return []


def _others(library: Library, rows: Sequence[Row], sets: Sets) -> list[Row]:
    """Rows of the store, beside those chosen, that were evaluated on the sets."""
    had = {str(one.path) for row in rows for run in row.runs for one in run.evaluations.values()}
    left = [one for one in library.of_kind("evaluation") if sets.of(one) is not None and str(one.path) not in had]
    unknown = [one for one in left if library.maker(one) is None]
    names = {str(one.manifest["details"].get("model")) for one in unknown}
    library.weights.learn([one for one in library.of_kind("model") if one.manifest["name"] in names])
    return build_rows(library, left, [], sets)[0]


def _default_reference(library: Library, rows: list[Row], own: Sequence[Row], sets: Sets) -> tuple[list[Row], str]:
    """What the trainings started from; else what comparisons of the same evaluations took; else the only row."""
    bases = {str(one.manifest["inputs"].get("model")) for row in own for one in row.trainings}
    for place in [own, []] if not bases else [own, _others(library, rows, sets)]:
        found = [row for row in place if not row.trainings and _weights(row) & bases]
        if len(found) == 1:
            return (rows if place is own else [*rows, *found]), found[0].name
        if found:
            break
    keys = {one.content_key for row in own for run in row.runs for one in run.evaluations.values()}
    taken = {
        str(one.manifest["config"].get("reference"))
        for one in library.of_kind("comparison")
        if keys & set(one.manifest["details"].get("evaluations", {}).values())
    }
    named = [row.name for row in own if row.name in taken]
    if len(named) == 1 or len(own) == 1:
        return rows, (named or [own[0].name])[0]
    raise WrankError(
        "report: no baseline: what the trainings started from was not evaluated on these sets, or there are several; "
        f"say reference=... with one of {', '.join(row.name for row in own)}"
    )


def _weights(row: Row) -> set[str]:
    return {str(one.manifest["inputs"].get("model")) for run in row.runs for one in run.evaluations.values()}


def _scored(row: Row) -> dict[str, list[Scored]]:
    found: dict[str, list[Scored]] = {}
    for run in row.runs:
        for name, one in run.evaluations.items():
            found.setdefault(name, []).append(read_scored(one.path, row.name))
    return found


def _gaps(rows: Sequence[Row], sets: Sequence[str]) -> list[str]:
    """Runs and rows that lack an evaluation; rows of one seed beside rows of several."""
    notes = []
    for row in rows:
        lacking: dict[str, list[str]] = {}
        for run in row.runs:
            if missing := [name for name in sets if name not in run.evaluations]:
                where = "any set" if len(missing) == len(sets) else ", ".join(missing)
                lacking.setdefault(where, []).append("" if run.seed is None else str(run.seed))
        for where, seeds in lacking.items():
            told = "" if len(seeds) == len(row.runs) else f" with seed {', '.join(seeds)}"
            notes.append(f"{row.name} was not evaluated on {where}{told}")
    counts = {row.name: len(row.runs) for row in rows if row.trainings}
    if counts and max(counts.values()) == 1:
        notes.append("one seed a system: there is no interval over seeds, and another seed may give another order")
    elif len(set(counts.values())) > 1:
        usual = Counter(counts.values()).most_common(1)[0][0]
        odd = ", ".join(f"{name} {n}" for name, n in counts.items() if n != usual)
        notes.append(f"not all systems have as many seeds: {usual}, but {odd}")
    return notes


def _unequal(rows: Sequence[Row]) -> list[str]:
    """Evaluations of one set that were not searched alike."""
    by_set: dict[str, list[Artifact]] = {}
    for row in rows:
        for run in row.runs:
            for name, one in run.evaluations.items():
                by_set.setdefault(name, []).append(one)
    notes = []
    for name, own in by_set.items():
        trees = [{key: one.manifest["config"].get(key) for key in _SEARCH} for one in own]
        for key in differing(trees):
            values = ", ".join(dict.fromkeys(shown(tree, key) for tree in trees))
            notes.append(f"systems were not searched alike on {name}: {key} is {values}")
    return notes
