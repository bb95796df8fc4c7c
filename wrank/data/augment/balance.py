"""More relevant passages for lists that hold few: variants of those there are, each another text."""

import math
from dataclasses import replace

from wrank.data.augment.base import Augmentation, renewed
from wrank.data.augment.check import check_share, check_whole
from wrank.errors import WrankError
from wrank.records import RankedList

VARIANT = "variant"
"""What `RankedList.sources` holds for a variant."""
_TRIES = 4  # draws for one variant, until its text is another


class Balance(Augmentation):
    """Adds variants of a list's relevant passages (grade above 0) until their share is `share`.

    Of R relevant passages and I others, ``ceil(share * I / (1 - share)) - R`` variants are wanted, and at most `most`
    of each relevant passage are made: passages take turns, so that none has two variants more than another. A variant
    is the passage's text with `noise` over it, drawn for it alone. It follows the list's passages, has the id
    ``ID#1``, ``ID#2``, ..., its passage's grade and the source ``variant``; no teacher scored it. The list grows: K is
    that of the longest list of the batch.

    No text comes twice: a variant that equals a text of the list is drawn again, and left out after a few tries. Its
    key stays its passage's, so it is compared with no other query whose known positive the passage is, and of a
    passage and its variants one column at most counts for other queries.

    Source: relevant documents are few beside the irrelevant ones, which unbalances what is learnt; arXiv 2006.03185
    synthesises further relevant ones by domain randomisation (and trains an agent on them, which is no part of this).
    The paper's own operations could not be read here. `noise` is any other augmentation of the texts: shipped is
    `SentenceNoise`, which drops and reorders sentences of a relevant passage and mixes in one of an irrelevant
    passage, so that what makes it relevant stays and what is around it changes.

    Args:
        noise: makes a variant's text; touches passages of the grades in question.
        share: share (above 0, below 1) of relevant passages in the new list.
        most: most variants of one passage, from 1 up.
        seed: any whole number; 0 is a seed.

    Raises:
        WrankError: a value that cannot be used.
    """

    def __init__(self, *, noise: Augmentation, share: float = 0.5, most: int = 3, seed: int = 0) -> None:
        super().__init__(seed)
        if not isinstance(noise, Augmentation):
            raise WrankError(
                f"data.augment.noise is {noise!r}; wanted an augmentation: a node with a _target_ such as "
                f"wrank.data.augment.sentence_noise.SentenceNoise"
            )
        if isinstance(noise, Balance):
            raise WrankError("data.augment.noise is a Balance; wanted one that changes texts, e.g. SentenceNoise")
        self.noise, self.share = noise, check_share("share", share, positive=True)
        if self.share == 1:
            raise WrankError("data.augment.share is 1; wanted a share above 0 and below 1: other passages are there")
        self.most = check_whole("most", most, least=1)

    def __call__(self, item: RankedList, epoch: int) -> RankedList:
        """A longer list; the given one is not edited.

        Args:
            item: a training list.
            epoch: from 0.
        """
        relevant = [place for place, grade in enumerate(item.grades) if grade > 0]
        relevant.sort(key=item.passage_ids.__getitem__)  # whatever the order of the list
        others = len(item.grades) - len(relevant)
        wanted = math.ceil(self.share * others / (1 - self.share) - 1e-9) - len(relevant)
        if wanted <= 0 or not relevant:
            return renewed(item)
        order = [relevant[n] for n in self._generator(epoch, item, "turns").permutation(len(relevant)).tolist()]
        texts, made = set(item.passages), list[tuple[int, int, str]]()
        for turn in range(1, self.most + 1):
            for place in order:
                if len(made) < wanted and (text := self._variant(item, epoch, place, turn, texts)) is not None:
                    texts.add(text)
                    made.append((place, turn, text))
        return _longer(item, made)

    def _variant(self, item: RankedList, epoch: int, place: int, turn: int, texts: set[str]) -> str | None:
        for attempt in range(_TRIES):
            noisy = self.noise.under(f"{self._path}/{turn}.{attempt}")(item, epoch)
            if (text := noisy.passages[place]) not in texts:
                return text
        return None


def _longer(item: RankedList, made: list[tuple[int, int, str]]) -> RankedList:
    places = [place for place, _, _ in made]
    longer = renewed(item)
    return replace(
        longer,
        passage_ids=longer.passage_ids + [f"{item.passage_ids[place]}#{turn}" for place, turn, _ in made],
        passages=longer.passages + [text for _, _, text in made],
        grades=longer.grades + [item.grades[place] for place in places],
        sources=longer.sources + [VARIANT] * len(made),
        teacher=None if longer.teacher is None else longer.teacher + [math.nan] * len(made),
        keys=None if longer.keys is None else longer.keys + [longer.keys[place] for place in places],
    )
