"""What tells two runs apart: configuration, inputs, versions; and what each came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wrank.errors import WrankError
from wrank.evaluation.comparison import compare_systems
from wrank.evaluation.comparison_data import Comparison
from wrank.evaluation.scored import read_scored
from wrank.store import Artifact
from wrank.tracking.report.configuration import differing, flat, shown
from wrank.tracking.report.library import Library
from wrank.tracking.report.sets import find_sets

_FIGURES = ("steps", "stopped_early", "best_step", "best_dev", "train_queries", "dev_queries", "skipped")


@dataclass(frozen=True)
class Diff:
    """Two runs side by side.

    Attributes:
        a: the first.
        b: the second.
        sections: title -> (key, value of a, value of b), only what differs.
        equal: how many keys of configuration and inputs are the same.
        comparison: of their evaluations on the sets that both have, a as the reference; None where there is none.
        notes: what could not be compared.
    """

    a: Artifact
    b: Artifact
    sections: Mapping[str, list[tuple[str, str, str]]]
    equal: int
    comparison: Comparison | None
    notes: tuple[str, ...]


def diff(library: Library, first: str, second: str) -> Diff:
    """Compares two runs, told by name, key or folder; of an evaluation and a training the evaluation's training counts.

    Raises:
        WrankError: no such run, or several; two of different kinds.
    """
    a, b = library.find(first), library.find(second)
    kinds = [str(one.manifest["kind"]) for one in (a, b)]
    if set(kinds) == {"model", "evaluation"}:
        a, b = (_training(library, one) for one in (a, b))
        kinds = ["model", "model"]
    if kinds[0] != kinds[1]:
        raise WrankError(f"diff: {first} is a {kinds[0]}, {second} a {kinds[1]}: wanted two of one kind")
    trees = [_tree(library, one) for one in (a, b)]
    parts = {title: [tree[title] for tree in trees] for title in trees[0]}
    sections = {title: _rows(both[0], both[1]) for title, both in parts.items()}
    keys = [set(tree["configuration"]) | {f"inputs {key}" for key in tree["inputs"]} for tree in trees]
    unequal = len(sections["configuration"]) + len(sections["inputs"])
    comparison, notes = _compared(library, a, b)
    return Diff(a, b, sections, len(keys[0] | keys[1]) - unequal, comparison, tuple(notes))


def _training(library: Library, artifact: Artifact) -> Artifact:
    if artifact.manifest["kind"] == "model":
        return artifact
    library.weights.learn(library.of_kind("model"))
    if (weights := library.maker(artifact)) is None:
        raise WrankError(f"diff: {artifact.path.name} is an evaluation of something that was not trained in this store")
    return weights.training


def _tree(library: Library, artifact: Artifact) -> dict[str, dict[str, Any]]:
    """Section -> flat keys."""
    manifest = artifact.manifest
    details, result = manifest["details"], manifest["result"]
    inputs = {}
    for word, key in manifest["inputs"].items():
        made = library.made(key)
        inputs[word] = key if made is None else made.path.name
    figures = {key: result[key] for key in _FIGURES if key in result}
    figures |= {f"measures.{name}": value for name, value in (result.get("measures") or {}).items()}
    git = manifest.get("git") or {}
    return {
        "choices": dict(details.get("choices") or {}),
        "configuration": flat(manifest["config"]),
        "inputs": inputs,
        "figures": figures | {"seconds": manifest["seconds"]},
        "made with": {
            "wrank": manifest["wrank"],
            **(manifest.get("packages") or {}),
            **{f"git.{key}": value for key, value in git.items()},
            **{f"hardware.{key}": value for key, value in (manifest.get("hardware") or {}).items()},
        },
    }


def _rows(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [(key, shown(a, key), shown(b, key)) for key in differing([a, b])]


def _compared(library: Library, a: Artifact, b: Artifact) -> tuple[Comparison | None, list[str]]:
    """Their evaluations on the sets that both have."""
    if a.manifest["kind"] not in ("model", "evaluation"):
        return None, []
    if a.path == b.path:
        return None, ["both are the same artifact"]
    own = {name: _evaluations(library, one) for name, one in (("A", a), ("B", b))}
    for name, found in own.items():
        if not found:
            return None, [f"{name} was not evaluated: there are no figures to compare"]
    every = [one for found in own.values() for one in found]
    sets = find_sets(library, every, [])
    scored = {name: {str(sets.of(one)): [read_scored(one.path, name)] for one in found} for name, found in own.items()}
    both = [rule for rule in sets.rules if all(rule.name in one for one in scored.values())]
    if not both:
        return None, ["they were evaluated on different sets: there are no figures to compare"]
    names = {rule.name for rule in both}
    kept = {name: {place: seeds for place, seeds in one.items() if place in names} for name, one in scored.items()}
    try:
        return compare_systems(kept, both, "A"), []
    except WrankError as error:  # other queries, another measure: the differing configuration tells why
        return None, [str(error)]


def _evaluations(library: Library, artifact: Artifact) -> list[Artifact]:
    """Of an evaluation itself; of a training all, those of its last weights where both checkpoints were evaluated."""
    if artifact.manifest["kind"] == "evaluation":
        return [artifact]
    library.weights.learn([artifact])
    made = [(one, library.maker(one)) for one in library.of_kind("evaluation")]
    mine = [(one, weights) for one, weights in made if weights and weights.training.path == artifact.path]
    last = [one for one, weights in mine if weights.checkpoint == "last"]
    return last or [one for one, _ in mine]
