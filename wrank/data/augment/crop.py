"""Queries cut out of passages: self-supervision without a query log."""

import math
from collections.abc import Sequence

import numpy as np

from wrank.data.augment.base import Augmentation, renewed
from wrank.data.augment.check import check_flag, check_range, check_share, check_whole
from wrank.data.augment.sentences import split_sentences
from wrank.data.augment.words import join_pieces, word_spans
from wrank.errors import WrankError
from wrank.records import RankedList


class Crop(Augmentation):
    """Replaces the query by a random crop of one of its relevant passages.

    Drawn evenly, one after the other: the passage (with `exclude` its sentence, too), the number of words in the given
    range, where they begin. A crop is a piece of the text as it stands.

    Independent cropping, query and passage two crops of one text: Contriever, arXiv 2112.09118. With `exclude` and
    share [1, 1] the query is a whole sentence and the passage what is left: the inverse cloze task, arXiv 1906.00300,
    which leaves the sentence in the passage in one case of ten (`keep` 0.1), so that matching words are learnt, too.

    The list's paraphrases go with the query they belonged to. Ids, grades, teacher and pairs stay: they are those of
    the query that was replaced, so in a list with several relevant passages they hold for the crop roughly at best. A
    list none of whose relevant passages is long enough stays as it is.

    Args:
        min_words: fewest words of a crop; None with `share`.
        max_words: most words of a crop; None with `share`.
        share: lowest and highest length of a crop as shares (above 0, up to 1) of the passage's words, with `exclude`
            of the sentence's; None with `min_words` and `max_words`. A crop has one word or more, and without `exclude`
            is never the whole passage.
        exclude: crop within one sentence, and take that sentence out of the passage; only passages of two sentences or
            more are drawn from.
        keep: with `exclude`, the probability (0 up to, not including, 1) that the passage still holds the sentence.
        independent: crop every passage of the list, too, each by itself: were only the one shortened, its length would
            tell that it is relevant.
        seed: any whole number; 0 is a seed.
        grades: the lowest (above 0) and highest grade, both inclusive, of passages drawn from; None = all above 0.
        probability: share (above 0, up to 1) of lists whose query is replaced.

    Raises:
        WrankError: a value that cannot be used, both lengths or neither, `exclude` with `independent`, `keep` without
            `exclude`.
    """

    def __init__(
        self,
        *,
        min_words: int | None = None,
        max_words: int | None = None,
        share: Sequence[float] | None = None,
        exclude: bool = False,
        keep: float = 0.0,
        independent: bool = False,
        seed: int = 0,
        grades: Sequence[float] | None = None,
        probability: float = 1.0,
    ) -> None:
        super().__init__(seed)
        self.words, self.share = _lengths(min_words, max_words, share)
        self.exclude, self.independent = check_flag("exclude", exclude), check_flag("independent", independent)
        if self.exclude and self.independent:
            raise WrankError(
                "data.augment.exclude and data.augment.independent are both true; wanted one at most: a passage loses "
                "the crop's sentence, or is cropped by itself"
            )
        self.keep = check_share("keep", keep)
        if self.keep == 1 or (self.keep and not self.exclude):
            raise WrankError(
                f"data.augment.keep is {keep!r} and data.augment.exclude is {exclude!r}; wanted a share from 0 up and "
                f"below 1, and 0 where nothing is excluded: the passage then holds the crop in any case"
            )
        self.grades = None
        if grades is not None:
            wanted = "[lowest, highest] grade above 0, or null for all above 0: an irrelevant passage is no answer"
            self.grades = check_range("grades", grades, wanted)
            if self.grades[0] <= 0:
                raise WrankError(f"data.augment.grades is {grades!r}; wanted {wanted}")
        self.probability = check_share("probability", probability, positive=True)

    def __call__(self, item: RankedList, epoch: int) -> RankedList:
        """A new list with a crop for a query; the given one is not edited.

        Args:
            item: a training list.
            epoch: from 0.
        """
        generator = self._generator(epoch, item, "query")
        sources = self._sources(item)
        if generator.random() >= self.probability or not sources:
            return renewed(item)
        place, pieces = sources[int(generator.integers(len(sources)))]
        passages = list(item.passages)
        if self.exclude:
            usable = [index for index, piece in enumerate(pieces) if self._long_enough(piece)]
            chosen = usable[int(generator.integers(len(usable)))]
            query = self._crop(pieces[chosen], generator, whole=True)
            if not self.keep or generator.random() >= self.keep:
                passages[place] = join_pieces(pieces[:chosen] + pieces[chosen + 1 :])
        else:
            query = self._crop(pieces[0], generator, whole=False)
        if self.independent:
            for index, id in enumerate(item.passage_ids):
                own = self._generator(epoch, item, "passage", id)
                passages[index] = self._crop(passages[index], own, whole=True)
        return renewed(item, query=query, passages=passages, paraphrases=[])

    def _sources(self, item: RankedList) -> list[tuple[int, list[str]]]:
        """Places of passages that can be drawn from, in the order of their ids, with the pieces a crop lies within."""
        found = []
        for place in sorted(range(len(item.passages)), key=item.passage_ids.__getitem__):
            text, grade = item.passages[place], item.grades[place]
            if grade > 0 and (self.grades is None or self.grades[0] <= grade <= self.grades[1]):
                pieces = split_sentences(text) if self.exclude else [text]
                if any(map(self._long_enough, pieces)) and len(pieces) > self.exclude:
                    found.append((place, pieces))
        return found

    def _long_enough(self, text: str) -> bool:
        fewest = self.words[0] if self.words else 1
        return len(word_spans(text)) >= fewest + (not self.exclude)

    def _crop(self, text: str, generator: np.random.Generator, whole: bool) -> str:
        """A crop of a text, all of it at most (`whole`) or all but one word; a blank text stays."""
        spans = word_spans(text)
        if not spans:
            return text
        most = len(spans) - (not whole)
        if self.share:
            size = math.floor(len(spans) * generator.uniform(*self.share) + 0.5)
        elif self.words:
            size = int(generator.integers(self.words[0], min(self.words[1], max(most, self.words[0])) + 1))
        size = min(max(size, 1), most)
        first = int(generator.integers(len(spans) - size + 1))
        return text[spans[first][0] : spans[first + size - 1][1]]


def _lengths(
    min_words: int | None, max_words: int | None, share: Sequence[float] | None
) -> tuple[tuple[int, int] | None, tuple[float, float] | None]:
    """The range of lengths, in words or as shares; the other is None."""
    given = [value is not None for value in (min_words, max_words, share)]
    if given not in ([True, True, False], [False, False, True]):
        raise WrankError(
            f"data.augment.min_words, max_words and share are {min_words!r}, {max_words!r} and {share!r}; wanted "
            f"min_words and max_words, or share alone, the others null"
        )
    if share is not None:
        wanted = "[lowest, highest] share of the words, above 0 and up to 1"
        low, high = check_range("share", share, wanted)
        if not 0 < low <= high <= 1:
            raise WrankError(f"data.augment.share is {share!r}; wanted {wanted}")
        return None, (low, high)
    fewest = check_whole("min_words", min_words, least=1)
    return (fewest, check_whole("max_words", max_words, least=fewest)), None
