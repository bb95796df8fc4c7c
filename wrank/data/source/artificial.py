"""Sequences of made-up tokens with chosen traits, and queries cut out of them: pre-training without language.

Chiang and Lee (arXiv 2109.03537) pre-train on such corpora to see which traits of a text, beside its meaning, transfer:
the distribution of its tokens, explicit dependencies (a token calls for its partner later on), and how far implicit
ones reach. They train a masked language model; here the sequences are passages, and a part of each asks for it.
Only the paper's abstract could be read: which structures there are, and their parameters, follow it in kind, not in
number.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from wrank.data.folder import FORMAT
from wrank.data.judgements import Judgements
from wrank.data.position import generator_at
from wrank.data.source.artificial_sequence import Traits, sequence, word
from wrank.data.source.base import Source
from wrank.data.source.common import no_split
from wrank.data.table import TextTable
from wrank.errors import WrankError
from wrank.files import sha256_of_json
from wrank.records import Judgement

Ask = Literal["crop", "half"]
SPLITS = ("test", "train")


class ArtificialSource(Source):
    """Makes a collection: row i is the passage ``a<i>``, its query ``ask-a<i>``, their judgement grade 1.

    What a row holds is a function of (seed, i, the traits) alone, and rows are made as they are written: any size. The
    first `count` rows are judged by the split ``train``, the `test_count` after them by ``test``; all are passages.

    Args:
        count: sequences to train on.
        test_count: further ones to evaluate on.
        traits: of the sequences; see `wrank.data.source.artificial_sequence.Traits`.
        ask: what the query is: a ``crop`` (a run of tokens of the sequence), or the first ``half``, which then leaves
            the passage: with dependencies, the passage closes what the query opens, and nothing else joins them.
        crop: shortest and longest crop as shares of the tokens, above 0 up to 1.
        seed: any whole number; 0 is a seed.
        name: what the collection is called in reports.

    Raises:
        WrankError: a value that cannot be used.
    """

    def __init__(
        self,
        traits: Traits,
        count: int = 10_000,
        test_count: int = 200,
        ask: Ask = "crop",
        crop: tuple[float, float] = (0.2, 0.5),
        seed: int = 0,
        name: str = "artificial",
    ) -> None:
        if not isinstance(traits, Traits):
            raise WrankError(f"data.source.traits is {traits!r}; wanted a node with _target_: Traits")
        for key, value, least in (("count", count, 1), ("test_count", test_count, 1), ("seed", seed, None)):
            if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
                wanted = "a whole number" + ("" if least is None else f" from {least} up")
                raise WrankError(f"data.source.{key} is {value!r}; wanted {wanted}")
        if ask not in get_args(Ask):
            raise WrankError(f"data.source.ask is {ask!r}; wanted one of {', '.join(get_args(Ask))}")
        self.crop = _shares(crop)
        self.traits, self.count, self.test_count, self.ask, self.seed = traits, count, test_count, ask, seed
        self.name = name

    def splits(self) -> list[str]:
        """``test`` and ``train``."""
        return list(SPLITS)

    def place(self, part: str) -> str:
        """The source's name: there is no file."""
        if part.startswith("qrels/") and part.removeprefix("qrels/") not in SPLITS:
            raise no_split(self.name, part.removeprefix("qrels/"), self.splits())
        return self.name

    def content(self, part: str, cache: Path | None) -> str:
        """The settings; see `Source.content`."""
        self.place(part)
        asked = [self.ask, *self.crop] if self.ask == "crop" else [self.ask]
        settings = [self.count, self.test_count, self.traits.identity(), asked, self.seed]
        return "none" if part == "excluded" else f"artificial {part} {sha256_of_json(settings)}"

    def passage_rows(self) -> Iterator[tuple[str, str]]:
        """The passages, row after row."""
        return ((f"a{row}", self._pair(row)[1]) for row in range(self.count + self.test_count))

    def query_rows(self) -> Iterator[tuple[str, str]]:
        """The queries, row after row."""
        return ((f"ask-a{row}", self._pair(row)[0]) for row in range(self.count + self.test_count))

    def judgement_rows(self, split: str) -> Iterator[tuple[int, Judgement]]:
        """Each query of a split with its passage."""
        self.place(f"qrels/{split}")
        return ((row + 1, Judgement(f"ask-a{row}", f"a{row}", 1.0)) for row in self._rows(split))

    def _judgements(self, split: str, place: str, passages: TextTable, queries: TextTable, cache: Path) -> Judgements:
        """Query row i, passage row i: arrays alone, for millions."""
        key = sha256_of_json([FORMAT, "artificial", split, self.content("corpus", cache), passages.key, queries.key])

        def pairs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            rows = np.array(self._rows(split))
            return rows, rows, np.ones(len(rows))

        return Judgements.build(cache / "judgements" / key[:32], queries, passages, pairs)

    def _rows(self, split: str) -> range:
        return range(self.count) if split == "train" else range(self.count, self.count + self.test_count)

    def _pair(self, row: int) -> tuple[str, str]:
        """Query and passage of a row."""
        generator = generator_at("artificial", self.seed, row)
        tokens = sequence(self.traits, generator)
        if self.ask == "half":
            middle = len(tokens) // 2
            return _text(tokens[:middle]), _text(tokens[middle:])
        size = min(max(round(len(tokens) * generator.uniform(*self.crop)), 1), len(tokens) - 1)
        start = int(generator.integers(len(tokens) - size + 1))
        return _text(tokens[start : start + size]), _text(tokens)


def _text(tokens: np.ndarray) -> str:
    return " ".join(map(word, tokens.tolist()))


def _shares(crop: Any) -> tuple[float, float]:
    pair = list(crop) if isinstance(crop, list | tuple) else []
    numbers = [one for one in pair if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(pair) != 2 or len(numbers) != 2 or not 0 < numbers[0] <= numbers[1] <= 1:
        raise WrankError(f"data.source.crop is {crop!r}; wanted [lowest, highest] share of the tokens, above 0 up to 1")
    return float(numbers[0]), float(numbers[1])
