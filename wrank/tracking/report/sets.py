"""The test sets of a report: which evaluations are on the same one, what it is called, and how it counts."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from wrank.errors import WrankError
from wrank.evaluation.comparison_data import SetRule
from wrank.store import Artifact
from wrank.tracking.report.library import Library

Place = tuple[str, str]
"""A collection's fingerprint and a split."""


@dataclass(frozen=True)
class Sets:
    """The test sets.

    Attributes:
        rules: in the order in which they were first evaluated.
        names: place -> the set's name.
        notes: what a reader must know.
    """

    rules: tuple[SetRule, ...]
    names: Mapping[Place, str]
    notes: tuple[str, ...]

    def of(self, evaluation: Artifact) -> str | None:
        """The name of an evaluation's set; None: it was not asked for."""
        return self.names.get(place_of(evaluation))


def place_of(evaluation: Artifact) -> Place:
    """Where an evaluation was made: equal for evaluations of the same queries, passages and judgements."""
    manifest = evaluation.manifest
    return str(manifest["inputs"].get("collection", "")), str(manifest["details"].get("split", ""))


def find_sets(
    library: Library,
    evaluations: Sequence[Artifact],
    trainings: Sequence[Artifact],
    wanted: Sequence[str] = (),
    measure: str | None = None,
) -> Sets:
    """The sets of evaluations.

    A set has the name and the rule that comparisons of the store gave it; else ``collection/split``, and the first
    measure of its evaluations counts. It is in-domain where its rule says so, or where all trainings were trained on
    its collection while there are other sets.

    Args:
        library: the store.
        evaluations: at least one.
        trainings: of the report.
        wanted: globs of names; none = all sets.
        measure: counts in the place of the sets' own.

    Raises:
        WrankError: no set fits.
    """
    told = _told_rules(library)
    by_place: dict[Place, list[Artifact]] = defaultdict(list)
    for one in evaluations:
        by_place[place_of(one)].append(one)
    names, notes = _names(by_place, told)
    rules, kept = [], {}
    for place, own in by_place.items():
        if wanted and not any(fnmatchcase(names[place], glob) for glob in wanted):
            continue
        kept[place] = names[place]
        rules.append(_rule(names[place], own, told, measure))
    if not rules:
        raise WrankError(f"sets={','.join(wanted)}: no such test set; there are {', '.join(sorted(names.values()))}")
    return Sets(_with_domains(rules, kept, by_place, trainings), kept, tuple(notes))


def _told_rules(library: Library) -> dict[str, SetRule]:
    """Content key of an evaluation -> the rule of its set, by the newest comparison that has it."""
    found: dict[str, SetRule] = {}
    for one in library.of_kind("comparison"):
        rules = [SetRule(**rule) for rule in one.manifest["config"].get("sets", [])]
        for words, key in one.manifest["details"].get("evaluations", {}).items():
            where = words.rpartition("/")[0]
            fitting = [rule for rule in rules if where.endswith(f"/{rule.name}")]
            if fitting:
                found[key] = max(fitting, key=lambda rule: len(rule.name))
    return found


def _names(
    by_place: Mapping[Place, Sequence[Artifact]], told: Mapping[str, SetRule]
) -> tuple[dict[Place, str], list[str]]:
    names: dict[Place, str] = {}
    for place, own in by_place.items():
        details = own[0].manifest["details"]
        given = Counter(told[one.content_key].name for one in own if one.content_key in told)
        names[place] = given.most_common(1)[0][0] if given else f"{details.get('collection')}/{place[1]}"
    notes = []
    for name, count in Counter(names.values()).items():
        if count > 1:
            places = [place for place, own in names.items() if own == name]
            for place in places:
                names[place] = f"{name}#{place[0][:6]}"
            notes.append(
                f"{name} was evaluated with {count} different contents (other passages, queries or judgements): they "
                f"are {count} sets here, {', '.join(names[place] for place in places)}, and are not compared"
            )
    return names, notes


def _rule(name: str, own: Sequence[Artifact], told: Mapping[str, SetRule], measure: str | None) -> SetRule:
    rules = [told[one.content_key] for one in own if one.content_key in told]
    first = [one.manifest["config"].get("measures", ["nDCG@10"])[0] for one in own]
    rule = rules[-1] if rules else SetRule(name, Counter(first).most_common(1)[0][0], name, False)
    group = name if rule.group == rule.name else rule.group
    rule = replace(rule, name=name, group=group, main=measure or rule.main)
    lacking = [one for one in own if rule.main not in one.manifest["config"].get("measures", [rule.main])]
    if lacking and measure:
        known = sorted(set.intersection(*(set(one.manifest["config"]["measures"]) for one in own)))
        raise WrankError(
            f"measure={measure}: {len(lacking)} of {len(own)} evaluations on {name} do not have it, e.g. "
            f"{lacking[0].path.name}; all have {', '.join(known) or 'none in common'}"
        )
    return rule


def _with_domains(
    rules: Sequence[SetRule],
    names: Mapping[Place, str],
    by_place: Mapping[Place, Sequence[Artifact]],
    trainings: Sequence[Artifact],
) -> tuple[SetRule, ...]:
    trained_on = {str(one.manifest["details"].get("collection", "")) for one in trainings}
    collections = {
        name: str(by_place[place][0].manifest["details"].get("collection", "")) for place, name in names.items()
    }
    found = [
        replace(rule, in_domain=rule.in_domain or trained_on == {collections[rule.name]})
        if rule.name in collections
        else rule
        for rule in rules
    ]
    if all(rule.in_domain for rule in found):  # then there is nothing to tell them apart from
        found = [replace(rule, in_domain=False) for rule in found]
    return tuple(found)
