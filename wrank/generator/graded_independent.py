"""One request a level: what is lost when the passages of a query are not written side by side."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from wrank.generator.graded import shown
from wrank.generator.prompted import Field, Prompted, Turn
from wrank.generator.request import Item
from wrank.generator.scale import Scale


class GradedIndependent(Prompted):
    """A passage of every level, each in a request of its own that is told this level's meaning and examples alone.

    The ablation of `graded`: attributes are drawn for every level by itself, so levels of a query differ in length and
    style, too.

    Args:
        scale: levels, and examples of them.
        max_examples: at most so many of the scale's examples are shown; None = all, 0 = none.
        common: prompt, attributes, sampling, seed, max_item_chars: see `Prompted`.

    Raises:
        WrankError: a value that cannot be used.
    """

    name: ClassVar[str] = "graded_independent"
    known: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "system": ("definition",),
        "user": ("query", "attributes", "definition"),
    }

    def __init__(self, *, scale: Scale, max_examples: int | None = None, **common: Any) -> None:
        self.scale, self.examples = scale, shown(scale, max_examples)
        super().__init__(**common)

    @property
    def slots(self) -> int:
        """One request a level, highest first."""
        return len(self.scale.levels)

    @property
    def parts(self) -> int:
        """One a level."""
        return len(self.scale.levels)

    def part(self, item: Item, slot: int) -> int:
        """The level's place in the scale."""
        return slot

    def fields(self, part: int) -> tuple[Field, ...]:
        """One passage; its key tells no level."""
        level = self.scale.levels[part]
        return (Field("passage", level.name, level.grade, f"L{level.grade}"),)

    def told(self, part: int) -> Mapping[str, str]:
        """The level's definition."""
        return {"definition": self.scale.levels[part].definition}

    def turns(self, part: int) -> Iterable[Turn]:
        """The level's passage of each of the scale's examples."""
        for example in self.examples:
            yield Turn({"query": example.query}, {"passage": example.passages[part]}, example.attributes)

    def settings(self) -> dict[str, Any]:
        """Scale, examples shown."""
        return {"scale": self.scale.identity(), "examples": len(self.examples)}
