"""Other forms of a query that ask for the same."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from wrank.generator.base import Rejected
from wrank.generator.binary import few
from wrank.generator.prompted import Field, Prompted, Turn, numbered, whole
from wrank.generator.request import Item, Written
from wrank.generator.scale import known_keys, text, texts


class Paraphrase(Prompted):
    """n equivalent queries a query, in one reply; the query's judgements hold for them.

    Args:
        count: queries written for a query, 1 to 20.
        max_chars: longest of them, characters.
        examples: ``{"query", "paraphrases"}`` each, shown to the model as earlier turns.
        common: prompt, attributes, sampling, seed, max_item_chars: see `Prompted`.

    Raises:
        WrankError: a value that cannot be used.
    """

    name: ClassVar[str] = "paraphrase"
    writes: ClassVar[Literal["passage", "query"]] = "query"
    known: ClassVar[Mapping[str, tuple[str, ...]]] = {"system": (), "user": ("query", "attributes", "count")}

    def __init__(
        self, *, count: int = 3, max_chars: int = 300, examples: Sequence[Mapping[str, Any]] = (), **common: Any
    ) -> None:
        self.count, self.max_chars = few("count", count), whole("max_chars", max_chars, 10)
        self.examples = [_example(f"generator.recipe.examples[{number}]", one) for number, one in enumerate(examples)]
        super().__init__(**common)

    def fields(self, part: int) -> tuple[Field, ...]:
        """The queries. Their grade, 1, says only that they ask the same: each judged passage keeps its own."""
        return tuple(Field(f"query_{number + 1}", "paraphrase", 1, str(number)) for number in range(self.count))

    def told(self, part: int) -> Mapping[str, str]:
        """How many queries are wanted."""
        return {"count": str(self.count)}

    def lengths(self, part: int, drawn: Mapping[str, Any]) -> tuple[int, int]:
        """Fewest and most characters of a query."""
        return 3, self.max_chars

    def turns(self, part: int) -> Iterable[Turn]:
        """The examples, each with its own number of queries, at most `count`, as its turn says."""
        for query, paraphrases in self.examples:
            answer = numbered("query", paraphrases[: self.count])
            yield Turn({"query": query}, answer, told={"count": str(len(answer))})

    def read(self, item: Item, slot: int, attempt: int, answer: Mapping[str, Any]) -> list[Written]:
        """The queries.

        Raises:
            Rejected: ``empty``; ``copy_of_query``: one is the query itself; ``repeated_query``: two are equal. Case,
                white space and punctuation at the end do not make a difference.
        """
        written = super().read(item, slot, attempt, answer)
        seen = {_plain(item.text): "copy_of_query"}
        for one in written:
            if reason := seen.get(_plain(one.text)):
                raise Rejected(reason, one.text[:60])
            seen[_plain(one.text)] = "repeated_query"
        return written

    def settings(self) -> dict[str, Any]:
        """Number, length and examples."""
        examples = [[query, list(paraphrases)] for query, paraphrases in self.examples]
        return {"count": self.count, "max_chars": self.max_chars, "examples": examples}


def _plain(query: str) -> str:
    return " ".join(query.casefold().split()).rstrip(".?!…。？！ ")


def _example(place: str, example: Any) -> tuple[str, tuple[str, ...]]:
    known_keys(place, example, {"query", "paraphrases"}, set())
    return text(f"{place}.query", example["query"]), texts(f"{place}.paraphrases", example["paraphrases"])
