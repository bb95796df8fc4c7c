"""How long a job would take, from what earlier ones took: read from the store's manifests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wrank.manifest import hardware
from wrank.store import Artifact

Manifest = Mapping[str, Any]
_SPEED = ("batch_size", "accumulate", "in_batch", "world_size", "passage_chunk")
"""Keys of the trainer that change how long a step takes."""


@dataclass(frozen=True)
class Pace:
    """Seconds of a piece of work, and where that is from.

    Attributes:
        seconds: of one piece: an optimizer step, a passage, a token.
        basis: in words.
    """

    seconds: float
    basis: str


@dataclass(frozen=True)
class Wanted:
    """The training whose time is asked for.

    Attributes:
        model: the option of ``model``.
        lengths: ``query_length`` and ``passage_length`` where they are set.
        trainer: the trainer's identity.
        size: passages a list.
        anywhere: it runs on another machine than this one.
    """

    model: str
    lengths: Mapping[str, int]
    trainer: Mapping[str, Any]
    size: int
    anywhere: bool = False

    @property
    def passages(self) -> int:
        """Passages behind an optimizer step."""
        return _passages(self.trainer, self.size)


def step_pace(artifacts: Sequence[Artifact], wanted: Wanted) -> Pace | None:
    """Seconds of an optimizer step, dev scores included.

    From the longest earlier training with the same model and trainer; else from the longest with the same model and
    precision, scaled by the passages behind a step; None where there is none.

    Args:
        artifacts: of the store.
        wanted: the training.
    """
    fitting = [one for one in artifacts if one.manifest["kind"] == "model" and _fits(one.manifest, wanted)]
    same = [one for one in fitting if _differs(one.manifest, wanted) is None]
    if chosen := max(same or fitting, key=lambda one: _steps(one.manifest), default=None):
        manifest = chosen.manifest
        seconds = float(manifest["seconds"]) / _steps(manifest)
        if same:
            return Pace(seconds, f"{chosen.path.name}, same model and trainer{_where(manifest, wanted)}")
        passages = _passages(manifest["config"]["trainer"], manifest["config"]["lists"]["size"])
        words = f"scaled from {passages} to {wanted.passages} passages a step"
        return Pace(seconds * wanted.passages / passages, f"{chosen.path.name}, {words}{_where(manifest, wanted)}")
    return None


def encoding_pace(artifacts: Sequence[Artifact], model: str, precision: str, anywhere: bool) -> Pace | None:
    """Seconds of a passage's encoding by this model, or by one that was trained from it.

    Args:
        artifacts: of the store.
        model: what the model is called.
        precision: of the encoding.
        anywhere: it runs on another machine than this one.
    """
    found = [
        one
        for one in artifacts
        if one.manifest["kind"] == "vectors"
        and (str(one.manifest["details"]["model"]) + "-").startswith(f"{model}-")
        and one.manifest["config"].get("precision") == precision
        and (anywhere or _is_here(one.manifest))
    ]
    if chosen := max(found, key=lambda one: int(one.manifest["result"]["passages"]), default=None):
        manifest = chosen.manifest
        return Pace(float(manifest["seconds"]) / max(1, manifest["result"]["passages"]), chosen.path.name)
    return None


def writing_pace(artifacts: Sequence[Artifact], recipe: Mapping[str, Any], model: str) -> tuple[float, Pace] | None:
    """Output tokens an item, and seconds a token, of the largest earlier generation by this recipe and model.

    Args:
        artifacts: of the store.
        recipe: its identity.
        model: the engine's, as the user names it.
    """
    found = [
        one
        for one in artifacts
        if one.manifest["kind"] == "generation"
        and one.manifest["config"]["recipe"] == recipe
        and one.manifest["result"]["outcome"]["model"] == model
        and one.manifest["result"]["outcome"]["output_tokens"]
    ]
    if chosen := max(found, key=lambda one: int(one.manifest["result"]["outcome"]["items"]), default=None):
        outcome = chosen.manifest["result"]["outcome"]
        tokens = outcome["output_tokens"]
        return tokens / outcome["items"], Pace(float(chosen.manifest["seconds"]) / tokens, chosen.path.name)
    return None


def _fits(manifest: Manifest, wanted: Wanted) -> bool:
    config, choices = manifest["config"], manifest["details"].get("choices", {})
    return (
        choices.get("model") == wanted.model
        and _steps(manifest) > 0
        and all(config["model"].get(key) == value for key, value in wanted.lengths.items())
        and config["trainer"].get("precision") == wanted.trainer["precision"]
        and (wanted.anywhere or _is_here(manifest))
    )


def _differs(manifest: Manifest, wanted: Wanted) -> str | None:
    """A key that changes a step's time and is another one there."""
    config = manifest["config"]
    if config["lists"].get("size") != wanted.size:
        return "data.lists.size"
    return next((key for key in _SPEED if config["trainer"].get(key) != wanted.trainer.get(key)), None)


def _steps(manifest: Manifest) -> int:
    """Steps of the try that the seconds are of."""
    result = manifest["result"]
    return int(result.get("steps", 0)) - int(result.get("resumed_at", 0)) - int(result.get("begins_at", 0))


def _passages(trainer: Mapping[str, Any], size: int) -> int:
    return int(trainer["batch_size"]) * int(trainer["accumulate"]) * int(trainer["world_size"]) * int(size)


def _is_here(manifest: Manifest) -> bool:
    return bool(manifest.get("hardware") == hardware())


def _where(manifest: Manifest, wanted: Wanted) -> str:
    """On what it ran, where that need not be the machine of the job."""
    facts = manifest.get("hardware", {})
    what = ", ".join(dict.fromkeys(facts.get("gpus", []))) or f"{facts.get('cores', '?')} cores"
    return f" (on {what})" if wanted.anywhere else ""
