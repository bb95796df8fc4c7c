"""Which training made the weights that an evaluation names: an evaluation's manifest holds only their fingerprint.

Names do not tell: a sweep over learning rates calls all its runs alike. So the fingerprints of a training's ``best/``
and ``last/`` are worked out once, which reads the weights, and kept in ``STORE/.weights.json``.
"""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.files import write_atomic
from wrank.store import Artifact
from wrank.tracking.progress import note

CACHE = ".weights.json"
Prompts = tuple[str | None, str | None]
"""What stands before a query and before a passage; None: the model's own."""


@dataclass(frozen=True)
class Weights:
    """Weights that a training made.

    Attributes:
        training: the artifact.
        checkpoint: ``best`` or ``last``.
    """

    training: Artifact
    checkpoint: str


class KnownWeights:
    """Fingerprint -> weights, of the trainings that were asked for.

    Args:
        root: the store's folder, where fingerprints are kept.
        prompts: with which evaluations were made; a model with other prompts has another fingerprint.
    """

    def __init__(self, root: Path, prompts: Iterable[Prompts]) -> None:
        self.path, self.prompts = root / CACHE, sorted({(None, None), *prompts}, key=str)
        self.found: dict[str, Weights] = {}
        self._learned: set[str] = set()
        self._cache: dict[str, str] = {}
        with suppress(OSError, ValueError):
            content = json.loads(self.path.read_text(encoding="utf-8"))
            self._cache = content if isinstance(content, dict) else {}

    def learn(self, trainings: Sequence[Artifact]) -> None:
        """Makes the fingerprints of trainings known; weights that cannot be read are told of and left out."""
        before = len(self._cache)
        todo = [one for one in trainings if one.content_key not in self._learned]
        missing = [one for one in todo if any(self._missing(one, place) for place in _checkpoints(one))]
        if len(missing) > 1:
            note(f"reading the weights of {len(missing)} trainings, once, to know which evaluations are theirs")
        for training in todo:
            self._learned.add(training.content_key)
            for checkpoint in _checkpoints(training):
                self._learn(training, checkpoint)
        if len(self._cache) > before:
            with suppress(OSError, WrankError):  # a store that may only be read
                write_atomic(self.path, json.dumps(self._cache, indent=1) + "\n")

    def _learn(self, training: Artifact, checkpoint: str) -> None:
        if missing := self._missing(training, checkpoint):
            try:
                self._cache |= _fingerprints(training, checkpoint, missing)
            except Exception as error:  # whatever a library says of files that are broken or not its own
                note(f"{training.path / checkpoint}: its weights cannot be read ({error}); it is known by name alone")
                return
        for prompts in self.prompts:
            fingerprint = self._cache[_entry(training, checkpoint, prompts)]
            if fingerprint != training.manifest["inputs"].get("model"):  # a training of no steps is its base still
                self.found.setdefault(fingerprint, Weights(training, checkpoint))

    def _missing(self, training: Artifact, checkpoint: str) -> list[Prompts]:
        return [one for one in self.prompts if _entry(training, checkpoint, one) not in self._cache]


def _checkpoints(training: Artifact) -> list[str]:
    """``last`` first: where best and last are the same weights, they are called so. Best at step 0 is the base."""
    files, result = training.manifest["files"], training.manifest["result"]
    places = ("last",) if result.get("best_step") == 0 else ("last", "best")
    return [place for place in places if any(name.startswith(f"{place}/") for name in files)]


def _entry(training: Artifact, checkpoint: str, prompts: Prompts) -> str:
    return json.dumps([training.content_key, checkpoint, *prompts])


def _fingerprints(training: Artifact, checkpoint: str, wanted: Sequence[Prompts]) -> dict[str, str]:
    folder = str(training.path / checkpoint)
    model: Any
    if training.manifest["config"].get("model", {}).get("kind") == "cross_encoder":
        from wrank.model.cross_encoder import CrossEncoder
        from wrank.model.fingerprint import transformer_fingerprint

        model = CrossEncoder(path=folder)
        fingerprint = transformer_fingerprint(model.transformer, model.tokenizer)  # as a scorer is known by
        return {_entry(training, checkpoint, prompts): fingerprint for prompts in wanted}
    from wrank.model.bi_encoder import BiEncoder

    model = BiEncoder(path=folder)
    return {
        _entry(training, checkpoint, prompts): (
            model if prompts == (None, None) else model.with_prompts(*prompts)
        ).fingerprint()
        for prompts in wanted
    }
