"""Where a figure comes from: report, comparison, evaluation, model, data; from the manifests' inputs."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.manifest import MANIFEST
from wrank.store import Artifact
from wrank.tracking.report.configuration import flat, shown
from wrank.tracking.report.library import Library
from wrank.tracking.report.page import commit_of
from wrank.tracking.report.write import DATA

_NUMBER = re.compile(r"0?\.\d{2,}|1\.0+")
_OF_KIND: Mapping[str, tuple[str, ...]] = {
    "model": ("seed", "loss.", "trainer.learning_rate", "trainer.batch_size", "trainer.max_steps", "trainer.max_epochs",
              "trainer.in_batch", "lists.size", "lists.negatives", "max_queries"),
    "evaluation": ("split", "measures", "depth", "index", "precision"),
    "generation": ("recipe.recipe", "engine.engine", "engine.model", "recipe.seed", "attempts"),
    "comparison": ("reference", "alpha"),
    "report": ("title", "reference", "alpha"),
    "vectors": ("precision", "storage"),
}  # fmt: skip
_CHOICES = ("loss", "model", "data", "trainer", "generator", "teacher")
_MOST = 8  # keys told of a kind that is not listed


@dataclass(frozen=True)
class Node:
    """One artifact, or something that came from outside, in a lineage.

    Attributes:
        word: what it is to the node above: ``model``, ``collection``; the whole's own kind at the top.
        title: kind and name.
        key: the artifact's; the fingerprint of what came from outside.
        facts: name -> value: the configuration that matters, commit, time.
        parents: what it was made from.
        seen: its parents stand at an earlier place of the tree.
    """

    word: str
    title: str
    key: str
    facts: Mapping[str, str]
    parents: tuple["Node", ...] = ()
    seen: bool = False


def trace(library: Library, words: str) -> list[Node]:
    """The lineage of an artifact (folder, key, name), of a report's file, or of a figure such as ``0.4711``.

    A figure is looked for among the measures of all evaluations, rounded to as many digits as it has.

    Raises:
        WrankError: nothing is called so, or several artifacts are; no evaluation has such a figure.
    """
    if _NUMBER.fullmatch(words) and not Path(words).exists():
        return [_node(library, word, one, set(), only) for word, one, only in _with_figure(library, words)]
    artifact = _report_of(library, Path(words)) or library.find(words)
    return [_node(library, str(artifact.manifest["kind"]), artifact, set())]


def _with_figure(library: Library, words: str) -> list[tuple[str, Artifact, str]]:
    """(What it is, artifact, start of the words of its evaluations) of everything that has a figure."""
    digits = len(words.partition(".")[2])
    found = [
        (f"{name} {value:.{digits}f}", one, "")
        for one in library.of_kind("evaluation")
        for name, value in (one.manifest["result"].get("measures") or {}).items()
        if f"{value:.{digits}f}" == f"{float(words):.{digits}f}"
    ]
    for kind, name in (("report", DATA), ("comparison", "comparison.json")):
        cells = [(one, _in_cells(one.path / name, float(words), digits)) for one in library.of_kind(kind)]
        newest = {told: (one, only) for one, place in cells if place is not None for told, only in [place]}
        found += [(told, one, only) for told, (one, only) in newest.items()]
    if not found:
        raise WrankError(
            f"{words}: no evaluation, comparison or report of {library.store.root} has a figure that rounds to this"
        )
    return found


def _in_cells(path: Path, figure: float, digits: int) -> tuple[str, str] | None:
    """Whose mean over several seeds this is, and the start of the words of its evaluations."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return None
    for system, row in cells.items():
        for name, cell in row.items():
            if cell.get("seeds", 1) > 1 and f"{cell['mean']:.{digits}f}" == f"{figure:.{digits}f}":
                told = f"{system} on {name} {figure:.{digits}f} (mean of {cell['seeds']} seeds)"
                return told, f"{system}/{name}/"
    return None


def _report_of(library: Library, path: Path) -> Artifact | None:
    """The report that a file is of, or a copy of; None for what is no such file."""
    if not path.is_file() or path.name == MANIFEST:
        return None
    if (path.parent / MANIFEST).is_file():
        return library.find(str(path.parent))
    content = path.read_bytes()
    for one in reversed(library.of_kind("report")):
        twin = one.path / path.name
        if twin.is_file() and twin.read_bytes() == content:
            return one
    raise WrankError(f"{path}: no report of {library.store.root} has this file, or it was changed since")


def _node(library: Library, word: str, artifact: Artifact, seen: set[Path], only: str = "") -> Node:
    manifest = artifact.manifest
    title = f"{manifest['kind']} {manifest['name']}"
    if artifact.path in seen:
        return Node(word, title, manifest["key"], {}, seen=True)
    seen.add(artifact.path)
    _learn(library, artifact)
    parents: list[Node] = []
    known: set[str] = set()
    for name, parent in library.parents(manifest):
        known.add(name)
        kind, _, whose = name.partition(".")
        if (kind == "trainings" and parent.path in seen) or (only and not whose.startswith(only)):
            continue
        parents.append(_node(library, name.removeprefix("evaluations.").removeprefix("trainings."), parent, seen))
    for name, key in manifest["inputs"].items():
        if name not in known and name not in ("evaluations", "trainings"):
            parents.append(_outside(name, str(key), manifest))
    return Node(word, title, manifest["key"], _facts(manifest), tuple(parents))


def _learn(library: Library, artifact: Artifact) -> None:
    """Finds the training of an evaluation's weights: first among those of its name, then among all."""
    if artifact.manifest["kind"] not in ("evaluation", "candidates", "vectors"):
        return
    name = artifact.manifest["details"].get("model")
    trainings = library.of_kind("model")
    library.weights.learn([one for one in trainings if one.manifest["name"] == name])
    if library.maker(artifact) is None and name not in (None, "bm25"):
        library.weights.learn(trainings)


def _outside(word: str, key: str, manifest: Mapping[str, Any]) -> Node:
    """An input that is no artifact of the store: a collection, a model as it was published."""
    details = manifest["details"]
    name = {
        "collection": details.get("collection"),
        "dev": details.get("collection"),
        "model": details.get("model") if manifest["kind"] != "model" else (details.get("choices") or {}).get("model"),
    }.get(word)
    return Node(word, str(name or "from outside the store"), key, {})


def _facts(manifest: Mapping[str, Any]) -> dict[str, str]:
    config = flat(manifest["config"])
    wanted = _OF_KIND.get(str(manifest["kind"]))
    keys = [
        key
        for key in config
        if (wanted is None or any(key == one or (one.endswith(".") and key.startswith(one)) for one in wanted))
        and not key.endswith("_target_")
    ]
    choices = (manifest["details"].get("choices") or {}) if manifest["kind"] in ("model", "generation") else {}
    facts = {key: choices[key] for key in _CHOICES if key in choices}
    facts |= {key: shown(config, key) for key in (keys if wanted else keys[:_MOST])}
    if measures := manifest["result"].get("measures"):
        facts |= {name: f"{value:.4f}" for name, value in measures.items()}
    facts["commit"] = commit_of(manifest)
    facts["finished"] = str(manifest["finished"])[:19].replace("T", " ")
    facts["took"] = f"{manifest['seconds']:,.0f} s"
    return facts
