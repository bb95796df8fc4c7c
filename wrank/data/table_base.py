"""The contract of a table of texts: rows of (id, text), read only."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from wrank.errors import WrankError

_IDS_AT_ONCE = 65_536


class Table(ABC):
    """Rows of (id, text), numbered from 0; no id comes twice.

    Attributes:
        meta: counts: ``rows``, ``empty_texts``, ``duplicate_texts``.
        key: names the content: equal for equal ids and texts.
    """

    meta: Mapping[str, Any]
    key: str

    @property
    @abstractmethod
    def ids(self) -> Sequence[str]:
        """All ids by row, decoded when asked for."""

    @property
    @abstractmethod
    def all_texts(self) -> Sequence[str]:
        """All texts by row, decoded when asked for."""

    @property
    @abstractmethod
    def keys(self) -> Any:
        """int64 key of each row's text (`wrank.data.text_hash.text_key`): an array, or what is indexed like one."""

    @abstractmethod
    def find(self, id: str) -> int | None:
        """The row of an id, or None."""

    @abstractmethod
    def find_many(self, ids: Any) -> np.ndarray:
        """The rows of many ids at once.

        Args:
            ids: [N] strings: a sequence, or an Arrow array.

        Returns:
            int64 [N]; -1 where there is no such id.
        """

    @abstractmethod
    def is_empty(self, row: int) -> bool:
        """Whether a row's text holds nothing."""

    @abstractmethod
    def empty_rows(self) -> np.ndarray:
        """int64: the rows whose text holds nothing, ascending."""

    def __len__(self) -> int:
        return int(self.meta["rows"])

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.find(id) is not None

    def rows_by_id(self) -> np.ndarray:
        """int32: the rows in the order of their ids, descending by code point; holds all ids while it sorts."""
        import pyarrow as pa
        import pyarrow.compute as pc

        ids = self.ids
        blocks = (pa.array(ids[at : at + _IDS_AT_ONCE], pa.large_string()) for at in range(0, len(ids), _IDS_AT_ONCE))
        column = pa.chunked_array(list(blocks), pa.large_string())
        return pc.sort_indices(column, sort_keys=[("", "descending")]).to_numpy().astype(np.int32)

    def row(self, id: str) -> int:
        """The row of an id.

        Raises:
            WrankError: no such id.
        """
        if (row := self.find(id)) is None:
            raise WrankError(f"{self.key}: no id {id!r} among its {len(self)} rows")
        return row

    def rows(self, ids: Iterable[str]) -> list[int]:
        """The rows of ids; see `row`."""
        return [self.row(id) for id in ids]

    def id(self, row: int) -> str:
        """The id of a row."""
        return self.ids[row]

    def text(self, row: int) -> str:
        """The text of a row."""
        return self.all_texts[row]

    def texts(self, rows: Iterable[int]) -> list[str]:
        """The texts of rows."""
        column = self.all_texts
        return [column[row] for row in rows]
