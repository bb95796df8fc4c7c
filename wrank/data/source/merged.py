"""Texts of several files as one: an id may come again with the same text, never with another."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from wrank.data.source.seen import Seen
from wrank.data.text_hash import hash64
from wrank.errors import WrankError

Rows = Callable[[], Iterator[tuple[int, str, str]]]
"""Reads a file anew: (line or row, id, text)."""

_ROWS = 65536  # looked up at a time


def merged_rows(files: Sequence[tuple[str, Rows]], what: str) -> Iterator[tuple[str, str]]:
    """The rows of files, one after another, each id once.

    Args:
        files: where each is, for messages, and its rows.
        what: what a row is, for messages: query, passage.

    Raises:
        WrankError: one id with two texts; both places are named.
    """
    seen = Seen()
    for place, rows in files:
        stream = rows()
        while some := list(islice(stream, _ROWS)):
            keys = np.array([hash64(id.encode("utf-8")) for _, id, _ in some], dtype=np.uint64)
            values = np.array([hash64(text.encode("utf-8")) for _, _, text in some], dtype=np.uint64)
            new, wrong = seen.add(keys, values)
            if len(wrong):
                number, id, _ = some[int(wrong[0])]
                raise WrankError(
                    f"{place}:{number}: {what} {id!r} has another text than in {_first_place(files, id)}: keep one"
                )
            yield from ((id, text) for (_, id, text), is_new in zip(some, new.tolist(), strict=True) if is_new)


def _first_place(files: Sequence[tuple[str, Rows]], id: str) -> str:
    for place, rows in files:
        for number, other, _ in rows():
            if other == id:
                return f"{place}:{number}"
    return "another place"
