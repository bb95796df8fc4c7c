"""Which trainings and evaluations of a store a report is about."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from wrank.errors import WrankError
from wrank.store import Artifact
from wrank.tracking.report.library import Library

KINDS = ("trained", "untrained")


@dataclass(frozen=True)
class Filter:
    """What a report is about; everything given must fit. Words are globs: ``minilm-*``.

    Attributes:
        words: a study or a name of a run; one of them must fit.
        study: studies.
        name: names of runs or systems.
        loss: options of loss.
        model: options of model, of trainings; names of systems otherwise.
        data: collections: trained on, or (where nothing was trained) evaluated on.
        tags: a training must have them all.
        kind: ``trained`` or ``untrained`` systems only; None: both.
        since: first day (finished, UTC).
        until: last day.
    """

    words: Sequence[str] = ()
    study: Sequence[str] = ()
    name: Sequence[str] = ()
    loss: Sequence[str] = ()
    model: Sequence[str] = ()
    data: Sequence[str] = ()
    tags: Sequence[str] = ()
    kind: str | None = None
    since: str | None = None
    until: str | None = None
    _days: tuple[str, str] = field(init=False, default=("", ""))

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            raise WrankError(f"kind={self.kind}: wanted {', '.join(KINDS)}, or null for both")
        days = [_day("since", self.since) or "", _day("until", self.until) or "9999"]
        object.__setattr__(self, "_days", tuple(days))

    def may_take(self, evaluation: Artifact, studies: set[str]) -> bool:
        """Whether an evaluation, of whatever kind of system, is of a study that fits."""
        name = str(evaluation.manifest["details"].get("model", ""))
        return _fits(self.words, [*studies, name]) and _fits(self.study, list(studies))

    def takes_training(self, training: Artifact, studies: Collection[str] = ()) -> bool:
        """Whether a training fits.

        Args:
            training: the artifact.
            studies: that compared it, beside the one that trained it first.
        """
        manifest = training.manifest
        details, seed = manifest["details"], manifest["config"].get("seed")
        choices = details.get("choices") or {}
        names = [manifest["name"], manifest["name"].removesuffix(f"-s{seed}")]
        return (
            self.kind != "untrained"
            and self._in_days(manifest)
            and _fits(self.words, [str(details.get("study", "")), *studies, *names])
            and _fits(self.study, [str(details.get("study", "")), *studies])
            and _fits(self.name, names)
            and _fits(self.loss, [str(choices.get("loss", ""))])
            and _fits(self.model, [str(choices.get("model", ""))])
            and _fits(self.data, [str(details.get("collection", ""))])
            and set(self.tags) <= set(map(str, details.get("tags") or []))
        )

    def takes_untrained(self, evaluation: Artifact, studies: set[str]) -> bool:
        """Whether an evaluation of something that was not trained here fits."""
        details = evaluation.manifest["details"]
        name = str(details.get("model", ""))
        return (
            self.kind != "trained"
            and not self.loss
            and not self.tags
            and self._in_days(evaluation.manifest)
            and _fits(self.words, [*studies, name])
            and _fits(self.study, list(studies))
            and _fits(self.name, [name])
            and _fits(self.model, [name])
            and _fits(self.data, [str(details.get("collection", ""))])
        )

    def told(self) -> str:
        """The filter as it would be typed."""
        given: list[str] = list(self.words)
        for key in ("study", "name", "loss", "model", "data", "tags"):
            if values := getattr(self, key):
                given.append(f"{key}={values[0]}" if len(values) == 1 else f"{key}=[{','.join(values)}]")
        given += [f"{key}={value}" for key in ("kind", "since", "until") if (value := getattr(self, key)) is not None]
        return " ".join(given) or "everything"

    def _in_days(self, manifest: dict[str, Any]) -> bool:
        return self._days[0] <= str(manifest["finished"])[:10] <= self._days[1]


def as_words(key: str, value: Any) -> tuple[str, ...]:
    """A root key that may be null, one word or a list of them.

    Raises:
        WrankError: something else.
    """
    found = [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
    if any(isinstance(word, dict | list) for word in found):
        raise WrankError(f"{key}={value}: wanted a word or a list of words")
    return tuple(map(str, found))


def nothing_found(library: Library, chosen: Filter) -> WrankError:
    """What a filter that fits nothing is told: what there is."""
    trainings = library.of_kind("model")
    names = sorted({_seedless_name(one) for one in trainings})
    studies = sorted({str(one.manifest["details"].get("study", "")) for one in trainings} - {""})
    systems = sorted({str(one.manifest["details"].get("model", "")) for one in library.of_kind("evaluation")})
    if not trainings and not systems:
        return WrankError(
            f"{library.store.root}: no training and no evaluation in this store: `wrank run` makes some; "
            "paths.store=... names another store"
        )
    hint = ""
    if chosen.tags and not any(one.manifest["details"].get("tags") for one in trainings):
        hint = " (no training of this store has tags)"
    told = [f"studies: {_some(studies)}", f"trainings: {_some(names)}", f"evaluated: {_some(systems)}"]
    return WrankError(
        f"report: nothing in {library.store.root} fits {chosen.told()}{hint}; there are {'; '.join(told)}"
    )


def _seedless_name(training: Artifact) -> str:
    return str(training.manifest["name"]).removesuffix(f"-s{training.manifest['config'].get('seed')}")


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join([*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]) or "none"


def _fits(globs: Sequence[str], values: Sequence[str]) -> bool:
    return not globs or any(fnmatchcase(value, glob) for glob in globs for value in values)


def _day(key: str, value: Any) -> str | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise WrankError(f"{key}={value}: wanted a day, e.g. {key}=2026-11-23") from None
