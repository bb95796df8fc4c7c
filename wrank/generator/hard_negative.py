"""Passages that share a query's words and do not help."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from wrank.generator.binary import few
from wrank.generator.prompted import Field, Prompted, Turn, numbered, whole
from wrank.generator.scale import known_keys, text, texts


class HardNegative(Prompted):
    """n passages a query that look right by their words and answer nothing, in one reply.

    For use beside real or written positives. Neighbours: `binary` writes a positive, too.

    Args:
        count: passages a query, 1 to 20.
        grade: their grade, a whole number.
        examples: ``{"query", "passages", "attributes"}`` each, shown to the model as earlier turns.
        common: prompt, attributes, sampling, seed, max_item_chars: see `Prompted`.

    Raises:
        WrankError: a value that cannot be used.
    """

    name: ClassVar[str] = "hard_negative"
    known: ClassVar[Mapping[str, tuple[str, ...]]] = {"system": (), "user": ("query", "attributes", "count")}

    def __init__(
        self, *, count: int = 3, grade: int = 0, examples: Sequence[Mapping[str, Any]] = (), **common: Any
    ) -> None:
        self.count, self.grade = few("count", count), whole("grade", grade, 0)
        self.examples = [_turn(f"generator.recipe.examples[{number}]", one) for number, one in enumerate(examples)]
        super().__init__(**common)

    def fields(self, part: int) -> tuple[Field, ...]:
        """The passages."""
        end = f"L{self.grade}"
        return tuple(
            Field(f"passage_{number + 1}", "hard_negative", self.grade, f"{end}:{number}" if self.count > 1 else end)
            for number in range(self.count)
        )

    def told(self, part: int) -> Mapping[str, str]:
        """How many passages are wanted."""
        return {"count": str(self.count)}

    def turns(self, part: int) -> Iterable[Turn]:
        """The examples, each with its own number of passages, at most `count`, as its turn says."""
        for turn in self.examples:
            answer = dict(list(turn.answer.items())[: self.count])
            yield Turn(turn.texts, answer, turn.attributes, {"count": str(len(answer))})

    def settings(self) -> dict[str, Any]:
        """Number, grade and examples."""
        shown = [[dict(turn.texts), dict(turn.answer), dict(turn.attributes)] for turn in self.examples]
        return {"count": self.count, "grade": self.grade, "examples": shown}


def _turn(place: str, example: Any) -> Turn:
    known_keys(place, example, {"query", "passages"}, {"attributes"})
    passages = texts(f"{place}.passages", example["passages"])
    attributes = dict(example.get("attributes") or {})
    return Turn({"query": text(f"{place}.query", example["query"])}, numbered("passage", passages), attributes)
