"""Noise on sentences: dropped, reordered, mixed with those of irrelevant passages."""

from collections.abc import Sequence

import numpy as np

from wrank.data.augment.base import Change, TextAugmentation, Texts, kept
from wrank.data.augment.check import check_share
from wrank.data.augment.sentences import split_sentences
from wrank.data.augment.words import join_pieces
from wrank.errors import WrankError
from wrank.records import RankedList


class SentenceNoise(TextAugmentation):
    """Noise on the sentences of a text.

    In this order: each sentence is dropped with probability `drop` (one always stays); with probability `shuffle` those
    left are put in a random order; with probability `mix` a relevant passage (grade above 0) gets, at a random place,
    one sentence of the list's irrelevant ones (grade 0), each of their sentences as likely. So a few relevant passages
    come in many forms, and relevance stops to be a matter of the whole text (cf. arXiv 2006.03185).

    A text of one sentence stays as it is. Sentences of a changed text are joined by one space.

    Args:
        drop: share of sentences dropped, 0 to 1.
        shuffle: share of touched texts whose sentences are reordered, 0 to 1.
        mix: share of touched relevant passages that get a foreign sentence, 0 to 1; none does in a list without an
            irrelevant passage.
        seed: any whole number; 0 is a seed.
        texts: which it may touch: the ``query``, each ``passage``, or ``both``.
        grades: the lowest and highest grade, both inclusive, of passages it may touch; None = all.
        probability: share (above 0, up to 1) of these texts that it touches.

    Raises:
        WrankError: a value that cannot be used, or settings that change nothing.
    """

    def __init__(
        self,
        *,
        drop: float = 0.0,
        shuffle: float = 0.0,
        mix: float = 0.0,
        seed: int = 0,
        texts: Texts = "passage",
        grades: Sequence[float] | None = None,
        probability: float = 1.0,
    ) -> None:
        super().__init__(seed=seed, texts=texts, grades=grades, probability=probability)
        self.drop, self.shuffle = check_share("drop", drop), check_share("shuffle", shuffle)
        self.mix = check_share("mix", mix)
        if not self.drop and not self.shuffle and not self.mix:
            raise WrankError(
                "data.augment.drop, shuffle and mix are all 0: nothing would change; wanted one of them above 0"
            )
        if self.mix and (self.texts == "query" or (self.grades is not None and self.grades[1] <= 0)):
            raise WrankError(
                f"data.augment.mix is {mix}, but data.augment.texts is {texts} and data.augment.grades {grades}: no "
                f"relevant passage (grade above 0), the only ones mixed, would be touched; wanted mix 0, or such "
                f"passages"
            )

    def _prepare(self, item: RankedList) -> Change:
        foreign = _irrelevant_sentences(item) if self.mix else []

        def change(text: str, place: int | None, generator: np.random.Generator) -> str:
            sentences = split_sentences(text)
            if len(sentences) < 2:
                return text
            stays = kept(generator.random(len(sentences)), self.drop)
            changed = [sentence for sentence, stay in zip(sentences, stays, strict=True) if stay]
            if generator.random() < self.shuffle:
                changed = [changed[index] for index in generator.permutation(len(changed))]
            mixed = generator.random() < self.mix
            if mixed and foreign and place is not None and item.grades[place] > 0:
                sentence = foreign[int(generator.integers(len(foreign)))]
                changed.insert(int(generator.integers(len(changed) + 1)), sentence)
            return text if changed == sentences else join_pieces(changed)

        return change


def _irrelevant_sentences(item: RankedList) -> list[str]:
    """Sentences of the passages with grade 0, in the order of their ids."""
    places = [place for place, grade in enumerate(item.grades) if grade <= 0]
    places.sort(key=item.passage_ids.__getitem__)
    return [sentence for place in places for sentence in split_sentences(item.passages[place])]
