"""One request a query writes one passage that answers it and some that do not."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from wrank.errors import WrankError
from wrank.generator.graded import shown
from wrank.generator.prompted import Field, Prompted, Turn, numbered, whole
from wrank.generator.scale import Scale


class Binary(Prompted):
    """One positive and n negatives in one reply: the usual kind of synthetic data, beside which levels are measured.

    Neighbours: `graded` writes levels; `hard_negative` writes negatives only.

    Args:
        scale: its examples are shown: the highest passage as positive, those of the scale's lower half as negatives.
        negatives: negative passages a query, 1 to 20.
        positive_grade: grade of the positive, a whole number.
        negative_grade: grade of the negatives, a whole number below it.
        max_examples: at most so many of the scale's examples are shown; None = all, 0 = none.
        common: prompt, attributes, sampling, seed, max_item_chars: see `Prompted`.

    Raises:
        WrankError: a value that cannot be used.
    """

    name: ClassVar[str] = "binary"
    known: ClassVar[Mapping[str, tuple[str, ...]]] = {"system": (), "user": ("query", "attributes", "count")}

    def __init__(
        self,
        *,
        scale: Scale,
        negatives: int = 3,
        positive_grade: int = 3,
        negative_grade: int = 0,
        max_examples: int | None = None,
        **common: Any,
    ) -> None:
        self.negatives = few("negatives", negatives)
        self.positive_grade = whole("positive_grade", positive_grade, 1)
        self.negative_grade = whole("negative_grade", negative_grade, 0)
        if negative_grade >= positive_grade:
            raise WrankError(
                f"generator.recipe.negative_grade is {negative_grade}, positive_grade {positive_grade}; wanted it lower"
            )
        self.scale, self.examples = scale, shown(scale, max_examples)
        super().__init__(**common)

    def fields(self, part: int) -> tuple[Field, ...]:
        """The positive, then the negatives."""
        low = self.negative_grade
        return (
            Field("positive", "positive", self.positive_grade, f"L{self.positive_grade}"),
            *(
                Field(
                    f"negative_{number + 1}", "negative", low, f"L{low}:{number}" if self.negatives > 1 else f"L{low}"
                )
                for number in range(self.negatives)
            ),
        )

    def told(self, part: int) -> Mapping[str, str]:
        """How many negatives are wanted."""
        return {"count": str(self.negatives)}

    def turns(self, part: int) -> Iterable[Turn]:
        """The scale's examples, each with its own number of negatives, as its turn says."""
        middle = self.scale.top.grade / 2
        for example in self.examples:
            pairs = list(zip(self.scale.levels, example.passages, strict=True))
            low = [passage for level, passage in pairs[1:] if level.grade < middle][: self.negatives]
            low = low or [example.passages[-1]]
            answer = {"positive": example.passages[0], **numbered("negative", low)}
            yield Turn({"query": example.query}, answer, example.attributes, {"count": str(len(low))})

    def settings(self) -> dict[str, Any]:
        """Scale, examples shown, negatives and grades."""
        return {
            "scale": self.scale.identity(),
            "examples": len(self.examples),
            "negatives": self.negatives,
            "grades": [self.positive_grade, self.negative_grade],
        }


def few(place: str, value: Any) -> int:
    """A number of texts in one reply.

    Raises:
        WrankError: not a whole number from 1 to 20.
    """
    if whole(place, value, 1) > 20:
        raise WrankError(f"generator.recipe.{place} is {value}; wanted at most 20 in one reply")
    return int(value)
