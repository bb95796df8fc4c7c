"""What a store holds and how its artifacts hang together: by content keys, by folders' names, by weights."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.files import sha256_of_json
from wrank.manifest import MANIFEST, read_manifest
from wrank.store import Artifact, Store
from wrank.tracking.report.configuration import flat, is_hash
from wrank.tracking.report.weights import KnownWeights, Weights

_KEY = re.compile(r"[0-9a-f]{6,64}")
_LISTED = 12
_FOR_TRAININGS = ("model", "scores", "candidates", "ranking", "mined", "generation")


class Library:
    """The finished artifacts of a store.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self.store, self.artifacts = store, store.artifacts()
        self._by_content = {one.content_key: one for one in reversed(self.artifacts)}  # of equal ones the oldest
        self._by_folder = {one.path.name: one for one in self.artifacts}
        self.weights = KnownWeights(store.root, {_prompts(one) for one in self.of_kind("evaluation")})
        self._seedless: dict[str, str] = {}

    def of_kind(self, kind: str) -> list[Artifact]:
        """Those of one kind, oldest first."""
        return [one for one in self.artifacts if one.manifest["kind"] == kind]

    @cached_property
    def needed(self) -> set[str]:
        """Content keys and fingerprints that trainings, and what is made for trainings, name as what they need."""
        return {
            str(value)
            for one in self.artifacts
            if one.manifest["kind"] in _FOR_TRAININGS
            for value in (*one.manifest["inputs"].values(), *_hashes(one.manifest["config"]).values())
        }

    def made(self, content_key: str) -> Artifact | None:
        """The artifact with this content."""
        return self._by_content.get(content_key)

    def studies(self) -> dict[str, set[str]]:
        """Content key of an evaluation -> the studies that compared it."""
        found: dict[str, set[str]] = defaultdict(set)
        for one in self.of_kind("comparison"):
            details = one.manifest["details"]
            for key in details.get("evaluations", {}).values():
                found[key].add(str(details.get("study", "")))
        return found

    def maker(self, evaluation: Artifact) -> Weights | None:
        """The weights that were evaluated, if a known training made them; a reranker's before its first stage's."""
        manifest = evaluation.manifest
        hashes = [value for value in flat(manifest["config"].get("scorer", {})).values() if is_hash(value)]
        hashes += [manifest["inputs"].get("model", "")]
        return next((self.weights.found[value] for value in hashes if value in self.weights.found), None)

    def parents(self, manifest: Mapping[str, Any]) -> Iterator[tuple[str, Artifact]]:
        """(Word, artifact) of everything that an artifact was made from, as far as the store holds it."""
        details = manifest.get("details", {})
        named = {f"evaluations.{name}": key for name, key in (details.get("evaluations") or {}).items()}
        named |= {f"trainings.{name}": key for name, key in (details.get("trainings") or {}).items()}
        told: set[Path] = set()
        for word, key in {**manifest["inputs"], **named, **_hashes(manifest["config"])}.items():
            weights = self.weights.found.get(key)
            parent = weights.training if weights else self.made(key)
            if parent is not None and parent.path not in told and parent.manifest["key"] != manifest["key"]:
                told.add(parent.path)
                yield word, parent
        if (generation := self._by_folder.get(str(details.get("generation")))) is not None:
            yield "generation", generation

    def seedless(self, manifest: Mapping[str, Any]) -> str:
        """SHA-256 of what makes an artifact, all but the seed: equal for the seeds of one system.

        What it was made from counts by its own such hash, so that the rounds of a training may differ in the seed, too.
        """
        if (known := self._seedless.get(manifest["key"])) is None:
            self._seedless[manifest["key"]] = ""  # a circle is not possible, and would end here
            inputs = {word: self._resolved(key) for word, key in manifest["inputs"].items()}
            config = {key: self._resolved(value) for key, value in flat(without_seed(manifest["config"])).items()}
            known = sha256_of_json([manifest["kind"], config, inputs, manifest.get("wrank")])
            self._seedless[manifest["key"]] = known
        return known

    def _resolved(self, value: Any) -> Any:
        if not is_hash(value):
            return value
        if (weights := self.weights.found.get(value)) is not None:
            return [self.seedless(weights.training.manifest), weights.checkpoint]
        parent = self.made(value)
        return value if parent is None else self.seedless(parent.manifest)

    def find(self, words: str) -> Artifact:
        """The one artifact that is meant by its folder, its key (6 digits or more), its folder's name, or its name.

        Raises:
            WrankError: there is none, or there are several.
        """
        path = Path(words).expanduser()
        for folder in (path, path.parent, self.store.root / words):
            if (folder / MANIFEST).is_file():
                return Artifact(folder.absolute(), read_manifest(folder))
        own = [one for one in self.artifacts if words in (one.manifest["name"], one.path.name)]
        if not own and _KEY.fullmatch(words):
            own = [
                one
                for one in self.artifacts
                if one.manifest["key"].startswith(words) or one.content_key.startswith(words)
            ]
        if len(own) == 1:
            return own[0]
        if not own:
            raise WrankError(
                f"{words}: no artifact of {self.store.root} has this folder, name or key (6 digits or more): "
                "`wrank status artifacts=true` lists them; paths.store=... names another store"
            )
        told = ", ".join(one.path.relative_to(self.store.root).as_posix() for one in own[:_LISTED])
        raise WrankError(f"{words}: {len(own)} artifacts are called so: {told}; give a key or a folder")


def without_seed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A training's configuration without its seed, which the draws of ``augment`` share unless told otherwise."""
    seed = config.get("seed")
    kept = {key: value for key, value in config.items() if key != "seed"}
    augment = kept.get("augment")
    if isinstance(augment, Mapping) and augment.get("seed") == seed:
        kept["augment"] = {key: value for key, value in augment.items() if key != "seed"}
    return kept


def _hashes(config: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in flat(config).items() if is_hash(value)}


def _prompts(evaluation: Artifact) -> tuple[str | None, str | None]:
    config = evaluation.manifest["config"]
    return config.get("query_prompt"), config.get("passage_prompt")
