"""One request a query writes a passage of every level."""

import string
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, get_args

from wrank.errors import WrankError
from wrank.generator.prompted import Field, Prompted, Turn, whole
from wrank.generator.scale import Scale

Keys = Literal["names", "letters"]


class Graded(Prompted):
    """Passages of all levels of a scale in one reply, the highest first, so that each is written knowing the others.

    Source: after SyCL (arXiv 2503.23239), whose prompts are not published; the levels' definitions follow the TREC Deep
    Learning guidelines.

    Neighbours: `graded_independent` asks for each level by itself; `anchored` starts from a real passage.

    Args:
        scale: levels, and examples of them.
        keys: keys of the answer: the levels' ``names``, or neutral ``letters`` (a, b, c, ...).
        max_examples: at most so many of the scale's examples are shown; None = all, 0 = none.
        common: prompt, attributes, sampling, seed, max_item_chars: see `Prompted`.

    Raises:
        WrankError: a value that cannot be used.
    """

    name: ClassVar[str] = "graded"
    known: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "system": ("levels", "count"),
        "user": ("query", "attributes", "levels", "count"),
    }

    def __init__(self, *, scale: Scale, keys: Keys = "names", max_examples: int | None = None, **common: Any) -> None:
        if keys not in get_args(Keys):
            raise WrankError(f"generator.recipe.keys is {keys!r}; wanted {' or '.join(get_args(Keys))}")
        self.scale, self.keys = scale, keys
        self.examples = shown(scale, max_examples)
        super().__init__(**common)

    def fields(self, part: int) -> tuple[Field, ...]:
        """One passage a level, highest first."""
        return tuple(
            Field(
                level.name if self.keys == "names" else string.ascii_lowercase[number],
                level.name,
                level.grade,
                f"L{level.grade}",
            )
            for number, level in enumerate(self.scale.levels)
        )

    def told(self, part: int) -> Mapping[str, str]:
        """The levels' definitions under the answer's keys."""
        pairs = zip(self.fields(part), self.scale.levels, strict=True)
        lines = "\n".join(f"{one.key}: {level.definition}" for one, level in pairs)
        return {"levels": lines, "count": str(len(self.scale.levels))}

    def turns(self, part: int) -> Iterable[Turn]:
        """The scale's examples."""
        keys = [one.key for one in self.fields(part)]
        for example in self.examples:
            answer = dict(zip(keys, example.passages, strict=True))
            yield Turn({"query": example.query}, answer, example.attributes)

    def settings(self) -> dict[str, Any]:
        """Scale, keys, examples shown."""
        return {"scale": self.scale.identity(), "keys": self.keys, "examples": len(self.examples)}


def shown(scale: Scale, most: int | None) -> tuple[Any, ...]:
    """The first examples of a scale, all for None.

    Raises:
        WrankError: a number below 0.
    """
    return scale.examples if most is None else scale.examples[: whole("max_examples", most, 0)]
