"""Noise on words: deleted, replaced, masked, moved a little."""

from collections.abc import Sequence

import numpy as np

from wrank.data.augment.base import Change, TextAugmentation, Texts, kept
from wrank.data.augment.check import check_share, check_whole
from wrank.data.augment.words import join_pieces, split_words
from wrank.errors import WrankError
from wrank.records import RankedList


class TokenNoise(TextAugmentation):
    """Noise on the words of a text, as denoising autoencoders take it.

    One number u from [0, 1) a word: u < delete: the word goes; u < delete + mask: `mask_token` stands for it;
    u < delete + mask + replace: a word of the list's other passages does, each of their words as likely. At least one
    word stays as it is. Then the words are sorted by place + U(0, shuffle): each moves by less than `shuffle` places.

    A word is what white space separates, or one Chinese or Japanese character. The words of a changed text are joined
    by one space.

    Deleting and the local shuffle: arXiv 1711.00043; deleting alone, to train sentence embeddings: TSDAE, arXiv
    2104.06979.

    Args:
        delete: share of words deleted, 0 to 1.
        shuffle: words; a word moves by fewer places than this. 0 = none move; from 2 up, as 1 moves none either.
        mask: share of words masked, 0 to 1.
        replace: share of words replaced, 0 to 1; none is where the list holds no other passage.
        mask_token: stands for a masked word; the encoder's own, e.g. ``[MASK]`` or ``<mask>``.
        seed: any whole number; 0 is a seed.
        texts: which it may touch: the ``query``, each ``passage``, or ``both``.
        grades: the lowest and highest grade, both inclusive, of passages it may touch; None = all.
        probability: share (above 0, up to 1) of these texts that it touches.

    Raises:
        WrankError: a value that cannot be used, shares above 1 together, or settings that change nothing.
    """

    def __init__(
        self,
        *,
        delete: float = 0.0,
        shuffle: int = 0,
        mask: float = 0.0,
        replace: float = 0.0,
        mask_token: str = "[MASK]",
        seed: int = 0,
        texts: Texts = "passage",
        grades: Sequence[float] | None = None,
        probability: float = 1.0,
    ) -> None:
        super().__init__(seed=seed, texts=texts, grades=grades, probability=probability)
        self.delete, self.mask = check_share("delete", delete), check_share("mask", mask)
        self.replace = check_share("replace", replace)
        self.shuffle = check_whole("shuffle", shuffle, least=0)
        self.mask_token = mask_token
        self.noise = self.delete + self.mask + self.replace
        if self.noise > 1 + 1e-9:  # 0.7 + 0.2 + 0.1 need not be 1 to the last digit
            raise WrankError(
                f"data.augment.delete, mask and replace are {delete}, {mask} and {replace}: {self.noise:g} together; "
                f"wanted 1 at most, as a word meets one of the three"
            )
        if self.shuffle == 1:
            raise WrankError("data.augment.shuffle is 1: a word would move by less than one place; wanted 0 or 2 up")
        if not self.noise and not self.shuffle:
            raise WrankError(
                "data.augment.delete, shuffle, mask and replace are all 0: nothing would change; wanted one above 0"
            )
        if not isinstance(mask_token, str) or len(mask_token.split()) != 1 or mask_token != mask_token.strip():
            raise WrankError(f"data.augment.mask_token is {mask_token!r}; wanted one word without white space")

    def _prepare(self, item: RankedList) -> Change:
        others = _Words(item) if self.replace else None

        def change(text: str, place: int | None, generator: np.random.Generator) -> str:
            words = split_words(text)
            if not words:
                return text
            changed = self._noisy(words, place, generator, others)
            if self.shuffle:
                order = np.argsort(np.arange(len(changed)) + self.shuffle * generator.random(len(changed)))
                changed = [changed[index] for index in order]
            return text if changed == words else join_pieces(changed)

        return change

    def _noisy(
        self, words: list[str], place: int | None, generator: np.random.Generator, others: "_Words | None"
    ) -> list[str]:
        uniform = generator.random(len(words))
        changed = []
        for word, u, stays in zip(words, uniform, kept(uniform, self.noise), strict=True):
            if stays:
                changed.append(word)
            elif u >= self.delete + self.mask and others is not None:
                changed.append(others.draw(place, generator) or word)
            elif u >= self.delete:
                changed.append(self.mask_token)
        return changed


class _Words:
    """The words of a list's passages in the order of their ids, so that the order of the list changes nothing."""

    def __init__(self, item: RankedList) -> None:
        self._words: list[str] = []
        self._spans: dict[int | None, tuple[int, int]] = {None: (0, 0)}
        for place in sorted(range(len(item.passages)), key=item.passage_ids.__getitem__):
            start = len(self._words)
            self._words += split_words(item.passages[place])
            self._spans[place] = (start, len(self._words))

    def draw(self, place: int | None, generator: np.random.Generator) -> str | None:
        """A word of another passage than that at `place`; None when there is none."""
        start, end = self._spans[place]
        others = len(self._words) - (end - start)
        if others == 0:
            return None
        drawn = int(generator.integers(others))
        return self._words[drawn if drawn < start else drawn + end - start]
