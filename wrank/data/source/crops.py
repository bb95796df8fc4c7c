"""A corpus without judgements as training data: a crop of each passage asks for the passage it was cut from.

Self-supervision, as independent cropping (Contriever, arXiv 2112.09118) and the inverse cloze task (arXiv 1906.00300)
have it. The source draws one crop a passage, once: that is the query held out to steer, or looked up. With
``data/augment=crop`` (`wrank.data.augment.crop`) training draws queries, and passages, anew each epoch.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from wrank.data.augment.crop import Crop
from wrank.data.augment.words import word_spans
from wrank.data.collection import Collection
from wrank.data.folder import FORMAT
from wrank.data.judgements import Judgements
from wrank.data.source.base import Source
from wrank.data.source.common import no_split
from wrank.data.table import TextTable
from wrank.data.table_writer import Block
from wrank.data.text_hash import hashes64
from wrank.errors import WrankError
from wrank.files import sha256_of_json
from wrank.records import Judgement, RankedList

SPLIT = "crops"
PREFIX = "crop-"
"""Before a passage's id, it is the id of its crop: so a query's id is never that of its own passage."""

_IDS = 1 << 16  # hashed at once


class CropSource(Source):
    """Makes the split ``crops`` of the passages of another source; that source's own splits are there as they are.

    Each chosen passage has one query, a crop of it, and one judgement, grade 1. Which passages are chosen, and the
    crops, are functions of (seed, passage id): other passages change neither, save with `count`.

    Args:
        of: where the passages are; needs neither queries nor judgements.
        min_words: fewest words of a passage that is cropped, 2 or more.
        count: so many passages, the first by a hash of seed and id; None = all that are long enough.
        share: share (above 0, up to 1) of the passages, likewise by hash; 1 with `count`.
        crop: shortest and longest query as shares (above 0, up to 1) of the passage's words; never all of them.
        seed: any whole number; 0 is a seed.

    Raises:
        WrankError: a value that cannot be used.
    """

    def __init__(
        self,
        of: Source,
        min_words: int = 16,
        count: int | None = None,
        share: float = 1.0,
        crop: Sequence[float] = (0.05, 0.5),
        seed: int = 0,
    ) -> None:
        if not isinstance(of, Source):
            raise WrankError(f"data.source.of is {of!r}; wanted a node with _target_: a source, e.g. a BeirSource")
        for key, value, least in (("min_words", min_words, 2), ("count", count, 1), ("seed", seed, None)):
            if key == "count" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
                wanted = "a whole number" + ("" if least is None else f" from {least} up")
                raise WrankError(f"data.source.{key} is {value!r}; wanted {wanted}")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise WrankError(f"data.source.share is {share!r}; wanted a number above 0, up to 1")
        if count is not None and share != 1:
            raise WrankError(f"data.source.count is {count} and share is {share:g}; wanted one of them")
        try:
            self._crop = Crop(share=crop, seed=seed)
        except WrankError as error:
            raise WrankError(str(error).replace("data.augment.share", "data.source.crop")) from None
        self.of, self.name, self.path = of, of.name, getattr(of, "path", None)
        self.min_words, self.count, self.share, self.seed = min_words, count, float(share), seed
        self._drawn = [min_words, count, self.share, self._crop.share, seed]

    def splits(self) -> list[str]:
        """``crops``, and the splits of the other source."""
        try:
            there = self.of.splits()
        except WrankError:  # none, which is no harm here
            there = []
        return sorted({SPLIT, *there})

    def has_split(self, split: str | None) -> bool:
        """Whether there are judgements of that name."""
        return split == SPLIT or self.of.has_split(split)

    def place(self, part: str) -> str:
        """Where a part is: crops are where the passages are."""
        if part.startswith("qrels/") and part != f"qrels/{SPLIT}":
            raise no_split(self.of.place("corpus"), part.removeprefix("qrels/"), self.splits())
        return self.of.place("corpus")

    def content(self, part: str, cache: Path | None) -> str:
        """Of the passages: the other source's; of the crops: with how they are drawn. See `Source.content`."""
        self.place(part)
        passages = self.of.content("corpus", cache)
        if part in ("corpus", "excluded"):
            return passages if part == "corpus" else "none"
        return f"crops {part} {sha256_of_json(self._drawn)} {passages}"

    def passage_rows(self) -> Iterator[tuple[str, str]]:
        """The other source's passages."""
        return self.of.passage_rows()

    def passage_blocks(self) -> Iterator[Block]:
        """The other source's passages, many at once."""
        return self.of.passage_blocks()

    def lines_of(self, part: str, id: str) -> list[object] | None:
        """The lines in which a passage's id comes."""
        return self.of.lines_of(part, id)

    def query_rows(self) -> Iterator[tuple[str, str]]:
        """Crops are made from the table of passages, see `queries`: there is no file of them.

        Raises:
            WrankError: always.
        """
        raise WrankError(f"{self.name}: crops are read through queries() and load()")

    def judgement_rows(self, split: str) -> Iterator[tuple[int, Judgement]]:
        """As `query_rows`: see `load`.

        Raises:
            WrankError: always.
        """
        raise WrankError(f"{self.name}: crops are read through queries() and load()")

    def queries(self, cache: Path) -> TextTable:
        """The crops, one for each chosen passage, in the passages' order; see `Source.queries`."""
        passages = self.passages(cache)
        folder = cache / "tables" / sha256_of_json([FORMAT, "crops", self._drawn, passages.key])[:32]
        return TextTable(folder) if TextTable.is_built(folder) else TextTable.build(self._crops(passages), folder)

    def load(self, split: str, cache: Path) -> Collection:
        """The crops, or a split of the other source; see `Source.load`."""
        return super().load(split, cache) if split == SPLIT else self.of.load(split, cache)

    def fingerprint(self, split: str, cache: Path | None = None) -> str:
        """Names the crops' content, or that of a split of the other source; see `Source.fingerprint`."""
        return super().fingerprint(split, cache) if split == SPLIT else self.of.fingerprint(split, cache)

    def _crops(self, passages: TextTable) -> Iterator[tuple[str, str]]:
        for row in self._chosen(passages).tolist():
            id, text = passages.id(row), passages.text(row)
            whole = RankedList(PREFIX + id, text, [id], [text], [1.0], [SPLIT])
            yield whole.query_id, self._crop(whole, 0).query

    def _judgements(self, split: str, place: str, passages: TextTable, queries: TextTable, cache: Path) -> Judgements:
        """Each query's passage, found by its id; arrays alone, for a corpus of millions."""
        folder = cache / "judgements" / sha256_of_json([FORMAT, "crops", passages.key, queries.key])[:32]

        def pairs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            rows = np.arange(len(queries))
            ids, blocks = queries.ids, range(0, len(queries), _IDS)
            found = [passages.find_many([id.removeprefix(PREFIX) for id in ids[at : at + _IDS]]) for at in blocks]
            return rows, np.concatenate(found), np.ones(len(rows))

        return Judgements.build(folder, queries, passages, pairs)

    def _chosen(self, passages: TextTable) -> np.ndarray:
        """Rows of the passages that are cropped, ascending.

        Raises:
            WrankError: none is long enough.
        """
        hashes = self._hashes(passages)
        if self.count is not None:
            order = np.argsort(hashes, kind="stable").tolist()
        else:
            order = np.flatnonzero(hashes <= np.uint64(min(int(self.share * 2.0**64), 2**64 - 1))).tolist()
        chosen: list[int] = []
        for row in order:
            if len(chosen) == self.count:
                break
            if len(word_spans(passages.text(row))) >= self.min_words:
                chosen.append(row)
        if not chosen:
            raise WrankError(
                f"{self.of.place('corpus')}: none of {len(order)} passages has {self.min_words} words or more: lower "
                f"data.source.min_words, or raise data.source.share"
            )
        return np.sort(np.array(chosen, dtype=np.int64))

    def _hashes(self, passages: TextTable) -> np.ndarray:
        """uint64 [rows]: hashes of (seed, id)."""
        ids, blocks = passages.ids, range(0, len(passages), _IDS)
        some = ([f"{self.seed}\0{id}".encode() for id in ids[at : at + _IDS]] for at in blocks)
        return np.concatenate([hashes64(pa.array(one, pa.large_binary())) for one in some])
