"""Queries for passages that take reasoning to connect, and a passage for each that misleads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from wrank.errors import WrankError
from wrank.generator.prompted import Field, Turn, whole
from wrank.generator.queries import Queries
from wrank.generator.request import Item, Written
from wrank.generator.scale import Scale, known_keys, text

_MOST = 5  # hard negatives in one reply
_TOLD = (
    'Then, knowing that query, write "{key}": a passage that shares the query\'s words and surroundings '
    "and looks like an answer at first sight, but holds nothing that helps to work it out. It is about as long as the "
    "given passage, reads like an extract from a real page, and gets its facts right."
)


class Reasoning(Queries):
    """For each passage, per style one query that takes reasoning, and a hard negative written after it, in one reply.

    After ReasonIR (arXiv 2504.20595), whose prompts are not used: hard queries from documents that are worth reasoning
    about, then, in a further turn that sees document and query, a hard negative that looks related and does not help;
    and queries of varied length, 300 to 2,000 words (style ``long``). The reply's keys come in that order, so the
    negative is written knowing the query, at the price of one request.

    The passage gets the scale's highest grade for its queries, the hard negative `negative_grade`. Neighbours:
    `queries` writes queries alone; `hard_negative` negatives for queries there are.

    Args:
        scale: only its highest grade is used.
        styles: names of the styles to write, of those in `definitions`.
        definitions: style -> ``{"what", "min_chars", "max_chars"}``; the lengths hold for query and negative.
        negatives: hard negatives a query, 0 to 5.
        negative_grade: their grade, a whole number below the scale's highest.
        per_passage: queries a passage, each in another style; None = one in each style.
        examples: ``{"passage", "queries": [{"style", "query", "negatives": [..]}]}`` each, shown to the styles for
            which they have a query with negatives enough.
        common: prompt, attributes, sampling, seed, max_item_chars: see `Prompted`.

    Raises:
        WrankError: see `Queries`, and more negatives than are possible.
    """

    name: ClassVar[str] = "reasoning"
    known: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "system": ("style", "negative"),
        "user": ("passage", "attributes", "style", "negative"),
    }

    def __init__(
        self,
        *,
        scale: Scale,
        negatives: int = 1,
        negative_grade: int = 0,
        examples: Sequence[Mapping[str, Any]] = (),
        **more: Any,
    ) -> None:
        self.negatives = whole("negatives", negatives, 0)
        self.negative_grade = whole("negative_grade", negative_grade, 0)
        if self.negatives > _MOST:
            raise WrankError(f"generator.recipe.negatives is {negatives}; wanted at most {_MOST} in one reply")
        if self.negative_grade >= scale.top.grade:
            raise WrankError(
                f"generator.recipe.negative_grade is {negative_grade}; wanted less than the passage's grade, "
                f"{scale.top.grade}"
            )
        self._negatives: list[dict[str, list[str]]] = []
        plain = []
        for number, example in enumerate(examples):
            queries, found = _split(f"generator.recipe.examples[{number}]", example)
            plain.append({**example, "queries": queries})
            self._negatives.append(found)
        super().__init__(scale=scale, examples=plain, **more)

    def fields(self, part: int) -> tuple[Field, ...]:
        """The query, then its hard negatives."""
        (query,) = super().fields(part)
        low = self.negative_grade
        return (
            query,
            *(Field(key, "hard_negative", low, f"{query.suffix}:negative{n}") for n, key in enumerate(self._keys())),
        )

    def told(self, part: int) -> Mapping[str, str]:
        """What the style is, and what a hard negative is."""
        keys = '", "'.join(self._keys())
        return {**super().told(part), "negative": f"\n{_TOLD.format(key=keys)}" if keys else ""}

    def turns(self, part: int) -> Iterable[Turn]:
        """The examples that have a query of the style and negatives enough for it."""
        style = self.styles[part].name
        for (passage, queries), negatives in zip(self.examples, self._negatives, strict=True):
            some = negatives.get(style, [])
            if (query := queries.get(style)) and len(some) >= self.negatives:
                yield Turn({"passage": passage}, {"query": query, **dict(zip(self._keys(), some, strict=False))})

    def read(self, item: Item, slot: int, attempt: int, answer: Mapping[str, Any]) -> list[Written]:
        """The query, then its hard negatives; see `Queries.read`."""
        query, *negatives = super().read(item, slot, attempt, answer)
        return [query, *(replace(one, kind="passage") for one in negatives)]

    def settings(self) -> dict[str, Any]:
        """Those of `Queries`, and the negatives'."""
        own = {"negatives": self.negatives, "negative_grade": self.negative_grade, "shown": self._negatives}
        return super().settings() | own

    def _keys(self) -> list[str]:
        return [f"hard_negative_{n + 1}" if self.negatives > 1 else "hard_negative" for n in range(self.negatives)]


def _split(place: str, example: Any) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """An example's queries as `Queries` takes them, and style -> its hard negatives."""
    known_keys(place, example, {"passage", "queries"}, set())
    queries, negatives = [], dict[str, list[str]]()
    given = example["queries"] if isinstance(example["queries"], list | tuple) else []
    for number, one in enumerate(given):
        known_keys(f"{place}.queries[{number}]", one, {"style", "query"}, {"negatives"})
        queries.append({"style": one["style"], "query": one["query"]})
        some = [text(f"{place}.queries[{number}].negatives", passage) for passage in one.get("negatives") or ()]
        negatives[str(one["style"])] = some
    return queries or example["queries"], negatives
