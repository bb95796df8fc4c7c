"""Levels written around a given real passage: it is the best, and the written ones fall away from it."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from wrank.generator.graded import shown
from wrank.generator.prompted import Field, Prompted, Turn
from wrank.generator.request import Item
from wrank.generator.scale import Scale


class Anchored(Prompted):
    """The levels below a real passage that answers the query, in its style, in one reply.

    The real passage stands at the scale's top level. Of a scale with L levels the L - 1 lower ones are written, and a
    passage of the top level in other words beside the real one if `rewrite_top` is set.

    Neighbours: `graded` invents the best passage, too.

    Args:
        scale: levels, and examples of them; the examples' highest passages stand for the real ones.
        rewrite_top: also write a passage of the top level.
        max_examples: at most so many of the scale's examples are shown; None = all, 0 = none. With `rewrite_top` none
            is shown: they hold one passage of the top level only.
        common: prompt, attributes, sampling, seed, max_item_chars: see `Prompted`.

    Raises:
        WrankError: a value that cannot be used.
    """

    name: ClassVar[str] = "anchored"
    starts_from: ClassVar[Literal["query", "anchored", "passage"]] = "anchored"
    inputs: ClassVar[tuple[str, ...]] = ("query", "passage")
    known: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "system": ("levels", "count"),
        "user": ("query", "passage", "attributes", "levels", "count"),
    }

    def __init__(
        self, *, scale: Scale, rewrite_top: bool = False, max_examples: int | None = None, **common: Any
    ) -> None:
        self.scale, self.rewrite_top = scale, rewrite_top
        self.levels = scale.levels if rewrite_top else scale.levels[1:]
        self.examples = () if rewrite_top else shown(scale, max_examples)
        super().__init__(**common)

    @property
    def anchor_grade(self) -> int:
        """The grade at which the real passage stands: the scale's highest."""
        return self.scale.top.grade

    def texts(self, item: Item) -> dict[str, str]:
        """The query and the real passage."""
        return {"query": item.text, "passage": item.anchor}

    def fields(self, part: int) -> tuple[Field, ...]:
        """One passage a level, highest first."""
        return tuple(Field(level.name, level.name, level.grade, f"L{level.grade}") for level in self.levels)

    def told(self, part: int) -> Mapping[str, str]:
        """The definitions of the levels that are written."""
        lines = "\n".join(f"{level.name}: {level.definition}" for level in self.levels)
        return {"levels": lines, "count": str(len(self.levels))}

    def turns(self, part: int) -> Iterable[Turn]:
        """The scale's examples around their highest passages."""
        for example in self.examples:
            answer = dict(zip([level.name for level in self.levels], example.passages[1:], strict=True))
            yield Turn({"query": example.query, "passage": example.passages[0]}, answer, example.attributes)

    def settings(self) -> dict[str, Any]:
        """Scale, examples shown, whether the top is rewritten."""
        return {"scale": self.scale.identity(), "examples": len(self.examples), "rewrite_top": self.rewrite_top}
