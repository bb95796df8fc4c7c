"""Queries written for passages, so that a user with documents alone can start."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from wrank.errors import WrankError
from wrank.generator.attributes import share
from wrank.generator.base import Rejected
from wrank.generator.prompted import Field, Prompted, Turn, whole
from wrank.generator.request import Item, Written
from wrank.generator.scale import Scale, known_keys, text


@dataclass(frozen=True, slots=True)
class Style:
    """A kind of query: what the model is told, and the bounds of its length in characters."""

    name: str
    what: str
    min_chars: int
    max_chars: int


class Queries(Prompted):
    """Queries that a passage answers, each in a style of its own and in a request of its own.

    The passage gets the scale's highest grade for them.

    Args:
        scale: only its highest grade is used.
        styles: names of the styles to write, of those in `definitions`.
        definitions: style -> ``{"what", "min_chars", "max_chars"}``.
        per_passage: queries a passage, each in another of the `styles`, drawn by position; None = one in each style.
        examples: ``{"passage", "queries": [{"style", "query"}]}`` each, shown as earlier turns to the styles they have.
        common: prompt, attributes, sampling, seed, max_item_chars: see `Prompted`.

    Raises:
        WrankError: an unknown style, one that comes twice, more queries a passage than styles.
    """

    name: ClassVar[str] = "queries"
    starts_from: ClassVar[Literal["query", "anchored", "passage"]] = "passage"
    writes: ClassVar[Literal["passage", "query"]] = "query"
    inputs: ClassVar[tuple[str, ...]] = ("passage",)
    known: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "system": ("style",),
        "user": ("passage", "attributes", "style"),
    }

    def __init__(
        self,
        *,
        scale: Scale,
        styles: Sequence[str],
        definitions: Mapping[str, Mapping[str, Any]],
        per_passage: int | None = None,
        examples: Sequence[Mapping[str, Any]] = (),
        **common: Any,
    ) -> None:
        self.grade = scale.top.grade
        self.styles = _styles(styles, definitions)
        self.per_passage = len(self.styles) if per_passage is None else whole("per_passage", per_passage, 1)
        if self.per_passage > len(self.styles):
            raise WrankError(
                f"generator.recipe.per_passage is {per_passage}, but there are {len(self.styles)} styles, and no two "
                "queries of a passage share one"
            )
        self.examples = [_example(f"generator.recipe.examples[{number}]", one) for number, one in enumerate(examples)]
        super().__init__(**common)

    @property
    def slots(self) -> int:
        """One request a query."""
        return self.per_passage

    @property
    def parts(self) -> int:
        """One a style."""
        return len(self.styles)

    def part(self, item: Item, slot: int) -> int:
        """The style's place; which styles a passage gets does not change from attempt to attempt."""
        places = range(len(self.styles))
        if self.per_passage == len(self.styles):
            return slot
        return sorted(places, key=lambda place: share(self.seed, self.name, item.id, "style", place))[slot]

    def fields(self, part: int) -> tuple[Field, ...]:
        """One query."""
        style = self.styles[part].name
        return (Field("query", style, self.grade, style),)

    def told(self, part: int) -> Mapping[str, str]:
        """What the style is."""
        return {"style": self.styles[part].what}

    def lengths(self, part: int, drawn: Mapping[str, Any]) -> tuple[int, int]:
        """Fewest and most characters of a query of the style."""
        return self.styles[part].min_chars, self.styles[part].max_chars

    def turns(self, part: int) -> Iterable[Turn]:
        """The examples that have a query of the style."""
        for passage, queries in self.examples:
            if query := queries.get(self.styles[part].name):
                yield Turn({"passage": passage}, {"query": query})

    def read(self, item: Item, slot: int, attempt: int, answer: Mapping[str, Any]) -> list[Written]:
        """The query.

        Raises:
            Rejected: ``empty``; ``copy_of_passage``: it stands in the passage as it is, and is as long as a sentence.
        """
        written = super().read(item, slot, attempt, answer)
        query = " ".join(written[0].text.casefold().split())
        if len(query) >= 60 and query in " ".join(item.text.casefold().split()):
            raise Rejected("copy_of_passage", query[:60])
        return written

    def settings(self) -> dict[str, Any]:
        """Styles, number, grade and examples."""
        return {
            "styles": [[style.name, style.what, style.min_chars, style.max_chars] for style in self.styles],
            "per_passage": self.per_passage,
            "grade": self.grade,
            "examples": [[passage, queries] for passage, queries in self.examples],
        }


def _styles(names: Sequence[str], definitions: Mapping[str, Mapping[str, Any]]) -> tuple[Style, ...]:
    if isinstance(names, str) or not names:
        raise WrankError(f"generator.recipe.styles is {names!r}; wanted a list of {', '.join(definitions)}")
    if unknown := [name for name in names if name not in definitions]:
        raise WrankError(f"generator.recipe.styles: no style {unknown[0]!r}; defined are {', '.join(definitions)}")
    if len(set(names)) < len(names):
        raise WrankError(f"generator.recipe.styles: a style comes twice in {', '.join(names)}; wanted each once")
    styles = []
    for name in names:
        place = f"definitions.{name}"
        known_keys(f"generator.recipe.{place}", definitions[name], {"what", "min_chars", "max_chars"}, set())
        least = whole(f"{place}.min_chars", definitions[name]["min_chars"], 1)
        most = whole(f"{place}.max_chars", definitions[name]["max_chars"], least)
        styles.append(Style(name, text(f"generator.recipe.{place}.what", definitions[name]["what"]), least, most))
    return tuple(styles)


def _example(place: str, example: Any) -> tuple[str, dict[str, str]]:
    known_keys(place, example, {"passage", "queries"}, set())
    if isinstance(example["queries"], str | Mapping) or not isinstance(example["queries"], Sequence):
        raise WrankError(f"{place}.queries is {example['queries']!r}; wanted a list of {{style, query}}")
    found: dict[str, str] = {}
    for number, one in enumerate(example["queries"]):
        known_keys(f"{place}.queries[{number}]", one, {"style", "query"}, set())
        found[str(one["style"])] = text(f"{place}.queries[{number}].query", one["query"])
    return text(f"{place}.passage", example["passage"]), found
