"""A scale of relevance: its levels, and queries with a passage of every level that show what they mean."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from wrank.errors import WrankError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")


@dataclass(frozen=True, slots=True)
class ScaleLevel:
    """A level: its grade in qrels, its name (a JSON key), and what it means."""

    grade: int
    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class ScaleExample:
    """A query with a passage of every level, highest first, and what the passages have in common (sentences, style)."""

    query: str
    passages: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Scale:
    """Two to six levels of relevance.

    Args:
        levels: ``{"grade", "name", "definition"}`` each, highest first. Grades are whole numbers from 0 up that fall
            strictly; names are small letters, digits and underscores.
        examples: ``{"query", "passages", "attributes"}`` each, one passage a level; shown to the model as earlier turns
            of the conversation.

    Raises:
        WrankError: too few or many levels, grades that do not fall, a name or definition that cannot be used, an
            example without a passage for every level.
    """

    def __init__(self, levels: Sequence[Mapping[str, Any]], examples: Sequence[Mapping[str, Any]] = ()) -> None:
        if not 2 <= len(levels) <= 6:
            raise WrankError(f"scale.levels has {len(levels)} levels; wanted 2 to 6")
        self.levels = tuple(_level(number, level) for number, level in enumerate(levels))
        for upper, lower in zip(self.levels, self.levels[1:], strict=False):
            if upper.grade <= lower.grade:
                raise WrankError(
                    f"scale.levels: {upper.name} has grade {upper.grade}, the next one, {lower.name}, {lower.grade}; "
                    "wanted the highest first and every grade once"
                )
        if len({level.name for level in self.levels}) < len(self.levels):
            raise WrankError("scale.levels: a name comes twice; wanted one name a level")
        self.examples = tuple(self._example(number, example) for number, example in enumerate(examples))

    @property
    def top(self) -> ScaleLevel:
        """The highest level."""
        return self.levels[0]

    def definitions(self) -> str:
        """The levels as a model reads them, one a line, highest first."""
        return "\n".join(f"{level.name}: {level.definition}" for level in self.levels)

    def identity(self) -> dict[str, Any]:
        """Levels and examples as JSON values."""
        return {
            "levels": [asdict(level) for level in self.levels],
            "examples": [[one.query, list(one.passages), dict(one.attributes)] for one in self.examples],
        }

    def _example(self, number: int, example: Mapping[str, Any]) -> ScaleExample:
        place = f"scale.examples[{number}]"
        known_keys(place, example, {"query", "passages"}, {"attributes"})
        passages = texts(f"{place}.passages", example["passages"])
        if len(passages) != len(self.levels):
            raise WrankError(
                f"{place} has {len(passages)} passages; wanted {len(self.levels)}, one a level, highest first"
            )
        return ScaleExample(text(f"{place}.query", example["query"]), passages, dict(example.get("attributes") or {}))


def text(place: str, value: Any) -> str:
    """A text of the configuration, without outer white space.

    Raises:
        WrankError: no text, or an empty one.
    """
    if not isinstance(value, str) or not value.strip():
        raise WrankError(f"{place} is {value!r}; wanted a text")
    return value.strip()


def texts(place: str, values: Any) -> tuple[str, ...]:
    """A list of texts of the configuration.

    Raises:
        WrankError: no list, an empty one, or something in it that is no text.
    """
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise WrankError(f"{place} is {values!r}; wanted a list of texts")
    return tuple(text(f"{place}[{number}]", value) for number, value in enumerate(values))


def known_keys(place: str, value: Any, needed: set[str], optional: set[str]) -> None:
    """Checks the keys of a mapping of the configuration.

    Raises:
        WrankError: no mapping, a key that is missing, or one that is not known.
    """
    if not isinstance(value, Mapping):
        raise WrankError(f"{place} is {value!r}; wanted the keys {', '.join(sorted(needed))}")
    if missing := sorted(needed - set(value)):
        raise WrankError(f"{place} has no key {missing[0]!r}; wanted {', '.join(sorted(needed))}")
    if unknown := sorted(str(key) for key in set(value) - needed - optional):
        raise WrankError(f"{place} has the key {unknown[0]!r}; known are {', '.join(sorted(needed | optional))}")


def _level(number: int, level: Any) -> ScaleLevel:
    place = f"scale.levels[{number}]"
    known_keys(place, level, {"grade", "name", "definition"}, set())
    grade, name = level["grade"], level["name"]
    if isinstance(grade, bool) or not isinstance(grade, int) or grade < 0:
        raise WrankError(f"{place}.grade is {grade!r}; wanted a whole number from 0 up")
    if not isinstance(name, str) or not _NAME.match(name):
        raise WrankError(
            f"{place}.name is {name!r}; wanted small letters, digits and underscores, e.g. highly_relevant"
        )
    return ScaleLevel(grade, name, text(f"{place}.definition", level["definition"]))
