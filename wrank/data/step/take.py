"""Keeps so many pairs a query; and what other steps share that look at all pairs of a query."""

from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np

from wrank.data.step.base import Pairs, Step
from wrank.errors import WrankError

Choice = Literal["top", "bottom", "first", "random"]

_PAIRS = 1 << 18  # in one block, so that its arrays stay in the processor's cache


class Take(Step):
    """Keeps at most k pairs of each query, in the order given.

    Args:
        k: pairs a query.
        choice: the ``top`` grades, the ``bottom`` ones (of equal grades those that come first), the ``first`` in the
            order given, or ``random`` ones, which are drawn anew each epoch: not here, but where lists are made.
        seed: of the random choice; any whole number.

    Attributes:
        k: as given.
        choice: as given.
        seed: as given.

    Raises:
        WrankError: a value that cannot be used.
    """

    def __init__(self, k: int, choice: Choice, seed: int = 0) -> None:
        self.k = check_whole("Take k", k, 1)
        if choice not in get_args(Choice):
            raise WrankError(f"Take choice is {choice!r}; wanted one of {', '.join(get_args(Choice))}")
        self.choice = choice
        self.seed = check_whole("Take seed", seed)

    def __call__(self, pairs: Pairs) -> Pairs:
        """The pairs taken; see `Step`.

        Raises:
            WrankError: the choice is ``random``.
        """
        if self.choice == "random":
            raise WrankError(f"{pairs.place}: Take choice is random: that is drawn each epoch, not once for all epochs")
        kept = np.ones(len(pairs), dtype=bool)
        for places in by_size(pairs.offsets(), self.k + 1):
            if self.choice == "first":
                kept[places[:, self.k :]] = False
                continue
            grades = pairs.grades[places]
            order = np.argsort(-grades if self.choice == "top" else grades, axis=1, kind="stable")
            kept[np.take_along_axis(places, order[:, self.k :], axis=1)] = False
        return pairs.only(kept)


def by_size(offsets: np.ndarray, least: int = 1) -> Iterator[np.ndarray]:
    """The places of the pairs of queries with equally many pairs, a block of them at a time.

    Args:
        offsets: int64 [Q + 1], see `Pairs.offsets`.
        least: queries with fewer pairs are passed over.

    Yields:
        int64 [queries, size]: each row the places of one query's pairs, ascending. Together the blocks hold each place
        of a query that is large enough once.
    """
    sizes = np.diff(offsets)
    queries = np.flatnonzero(sizes >= least)
    queries = queries[np.argsort(sizes[queries], kind="stable")]
    for same in np.split(queries, np.flatnonzero(np.diff(sizes[queries])) + 1) if len(queries) else ():
        size = int(sizes[same[0]])
        step = max(_PAIRS // size, 1)
        for at in range(0, len(same), step):
            yield offsets[same[at : at + step], None] + np.arange(size)


def check_whole(key: str, value: Any, least: int | None = None) -> int:
    """A whole number that came as a setting.

    Args:
        key: the class and the key, for the message.
        value: what came.
        least: the smallest that will do; None = any.

    Raises:
        WrankError: no whole number, or too small a one.
    """
    if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
        raise WrankError(f"{key} is {value!r}; wanted a whole number{'' if least is None else f' from {least} up'}")
    return value
