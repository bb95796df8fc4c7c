"""What decides an embedding beside the weights: resolved from arguments, folder and defaults, and checked."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from wrank.errors import WrankError
from wrank.model.pooling import check_pooling
from wrank.model.similarity import check_similarity
from wrank.model.training import is_number

_MIN_LENGTH = 8
_DEFAULT_LENGTH = 512


@dataclass(frozen=True)
class Settings:
    """How texts become vectors and vectors scores.

    Attributes:
        pooling: one of ``wrank.model.pooling.POOLINGS``.
        normalize: whether vectors have length 1.
        similarity: ``cosine`` or ``dot``.
        query_prompt: put before every query.
        passage_prompt: put before every passage.
        query_length: most tokens of a query, prompt and special tokens included.
        passage_length: most tokens of a passage, prompt and special tokens included.
        temperature: similarities are divided by it; where it is learned, its start.
        learn_temperature: whether it is a parameter.
        dimensions: first numbers of a vector that are kept; None: all.
    """

    pooling: str
    normalize: bool
    similarity: str
    query_prompt: str
    passage_prompt: str
    query_length: int
    passage_length: int
    temperature: float
    learn_temperature: bool
    dimensions: int | None = None

    def identity(self) -> dict[str, Any]:
        """All of them as JSON values; ``dimensions`` only where some are cut."""
        return {name: value for name, value in asdict(self).items() if name != "dimensions" or value is not None}

    def of_embedding(self) -> dict[str, Any]:
        """The settings that change an embedding (a fingerprint is made of them)."""
        left_out = ("similarity", "temperature", "learn_temperature")
        return {name: value for name, value in self.identity().items() if name not in left_out}


SETTINGS = frozenset(field.name for field in fields(Settings))
"""Names of the settings."""


def resolve_settings(given: Mapping[str, Any], said: Mapping[str, Any], limit: int | None) -> Settings:
    """Settle every setting: what the caller gave, else what the folder says, else the default, and check them.

    Defaults: mean pooling, cosine, vectors of length 1 with cosine and as they are with dot, no prompts, 512 tokens (or
    ``limit`` if that is less), temperature 1, fixed.

    Args:
        given: arguments of the caller; None stands for "not given".
        said: settings read from a model folder.
        limit: most tokens the transformer has positions for, or None.

    Raises:
        WrankError: an unknown name, a length below 8 or above the limit, a temperature that is not above 0, or cosine
            with vectors that are not normalised.
    """
    length = min(_DEFAULT_LENGTH, limit or _DEFAULT_LENGTH)
    defaults = {
        "pooling": "mean",
        "similarity": "cosine",
        "query_prompt": "",
        "passage_prompt": "",
        "query_length": length,
        "passage_length": length,
        "temperature": 1.0,
        "learn_temperature": False,
    }
    values = {**defaults, **said, **{name: value for name, value in given.items() if value is not None}}
    if given.get("normalize") is None and (values["similarity"] == "cosine" or "normalize" not in values):
        values["normalize"] = values["similarity"] == "cosine"
    settings = Settings(**values)
    _check(settings, limit)
    return settings


def check_dimensions(settings: Settings, size: int) -> None:
    """Refuses a number of dimensions that the transformer's vectors do not have.

    Args:
        settings: the settings.
        size: numbers of a whole vector.

    Raises:
        WrankError: not a whole number from 1 to ``size``.
    """
    cut = settings.dimensions
    if cut is not None and (isinstance(cut, bool) or not isinstance(cut, int) or not 1 <= cut <= size):
        raise WrankError(
            f"model.dimensions={cut!r}: give a whole number from 1 to {size}, the size of this model's vectors, or "
            "null."
        )


def _check(settings: Settings, limit: int | None) -> None:
    for name in ("learn_temperature", "normalize"):
        if not isinstance(getattr(settings, name), bool):
            raise WrankError(f"model.{name}={getattr(settings, name)!r}: wanted true or false")
    check_pooling(settings.pooling)
    check_similarity(settings.similarity)
    if settings.similarity == "cosine" and not settings.normalize:
        raise WrankError(
            "model.similarity=cosine with model.normalize=false: cosine compares vectors of length 1. Leave normalize "
            "out, or take model.similarity=dot for vectors as they are."
        )
    for name in ("query_prompt", "passage_prompt"):
        if not isinstance(getattr(settings, name), str):
            raise WrankError(f"model.{name}={getattr(settings, name)!r}: give a text, in quotes, or '' for none.")
    for name in ("query_length", "passage_length"):
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < _MIN_LENGTH or (limit and value > limit):
            upper = f" and at most {limit}, the positions of this model" if limit else ""
            raise WrankError(f"model.{name}={value}: give a number of tokens, at least {_MIN_LENGTH}{upper}.")
    if not (is_number(settings.temperature) and 0 < settings.temperature < float("inf")):
        raise WrankError(
            f"model.temperature={settings.temperature!r}: give a number above 0 (similarities are divided by it)."
        )
