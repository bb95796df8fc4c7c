"""Training lists as one batch, and which passages of a batch a query may be compared with.

Shapes: B queries, K passages a list (padded), J known passages of a query (padded), N columns = passages of the
whole batch, P preferences, M paraphrases of a query (padded).
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wrank.data.text_hash import text_key
from wrank.errors import WrankError
from wrank.records import RankedList

NO_KEY = -1
"""Pads keys; no text has it."""


@dataclass
class ListBatch:
    """B ranked lists.

    Attributes:
        query_ids: B ids.
        queries: B texts.
        passage_ids: B lists of K ids, ``""`` where padded.
        passages: B lists of K texts, ``""`` where padded.
        grades_BK: float32; 0 where padded.
        mask_BK: bool; True = a passage, False = padding.
        keys_BK: int64; the key of each passage's text (`wrank.data.text_hash.text_key`), -1 where padded.
        known_BJ: int64; text keys of each query's known positives and excluded passages, padded with -1.
        weight_B: float32; each query's weight in the loss.
        teacher_BK: float32; a teacher's scores, NaN where it has none; None when no list has any.
        pairs_P3: int64; preferences: row of the query, place in its list of the passage held to be better, place of the
            other; None when no list has any.
        pair_p_P: float32; the probability that it is the better one.
        paraphrases: B lists of M texts, ``""`` where padded; None when no query has any.
        paraphrase_mask_BM: bool; False where padded.
    """

    query_ids: list[str]
    queries: list[str]
    passage_ids: list[list[str]]
    passages: list[list[str]]
    grades_BK: Tensor
    mask_BK: Tensor
    keys_BK: Tensor
    known_BJ: Tensor
    weight_B: Tensor
    teacher_BK: Tensor | None = None
    pairs_P3: Tensor | None = None
    pair_p_P: Tensor | None = None
    paraphrases: list[list[str]] | None = None
    paraphrase_mask_BM: Tensor | None = None

    def to(self, device: torch.device | str) -> "ListBatch":
        """The same batch with its tensors on `device`."""
        moved: dict[str, Any] = {
            name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return dataclasses.replace(self, **moved)


def collate(lists: Sequence[RankedList], known: Callable[[str], Sequence[int]]) -> ListBatch:
    """Pads lists to the longest.

    Args:
        lists: B lists of 1 to K passages.
        known: query id -> text keys of its known positives and excluded passages (`Collection.known_keys`).

    Raises:
        WrankError: no list, or an empty one.
    """
    if not lists or not all(item.passages for item in lists):
        raise WrankError("a batch needs at least one list, and each list at least one passage")
    size = max(len(item.passages) for item in lists)

    def padded(values: Sequence, fill: object, width: int = size) -> list:
        return [*values, *[fill] * (width - len(values))]

    known_keys = [known(item.query_id) for item in lists]
    width = max(map(len, known_keys))
    return ListBatch(
        query_ids=[item.query_id for item in lists],
        queries=[item.query for item in lists],
        passage_ids=[padded(item.passage_ids, "") for item in lists],
        passages=[padded(item.passages, "") for item in lists],
        grades_BK=torch.tensor([padded(item.grades, 0.0) for item in lists], dtype=torch.float32),
        mask_BK=torch.tensor([padded([True] * len(item.passages), False) for item in lists]),
        keys_BK=torch.tensor([padded(_keys_of(item), NO_KEY) for item in lists]),
        known_BJ=torch.tensor([padded(keys, NO_KEY, width) for keys in known_keys], dtype=torch.int64),
        weight_B=torch.tensor([item.weight for item in lists], dtype=torch.float32),
        teacher_BK=_teacher(lists, size),
        **_pairs(lists),
        **_paraphrases(lists),
    )


def _pairs(lists: Sequence[RankedList]) -> dict[str, Any]:
    pairs = [(row, first, second, p) for row, item in enumerate(lists) for first, second, p in item.pairs]
    if not pairs:
        return {}
    return {
        "pairs_P3": torch.tensor([places for *places, _ in pairs], dtype=torch.int64),
        "pair_p_P": torch.tensor([p for *_, p in pairs], dtype=torch.float32),
    }


def _paraphrases(lists: Sequence[RankedList]) -> dict[str, Any]:
    most = max(len(item.paraphrases) for item in lists)
    if not most:
        return {}
    counts = [len(item.paraphrases) for item in lists]
    return {
        "paraphrases": [item.paraphrases + [""] * (most - count) for item, count in zip(lists, counts, strict=True)],
        "paraphrase_mask_BM": torch.arange(most) < torch.tensor(counts)[:, None],
    }


def _teacher(lists: Sequence[RankedList], size: int) -> Tensor | None:
    if all(item.teacher is None for item in lists):
        return None
    teacher_BK = torch.full((len(lists), size), math.nan)
    for row, item in enumerate(lists):
        if item.teacher is not None:
            teacher_BK[row, : len(item.teacher)] = torch.tensor(item.teacher, dtype=torch.float32)
    return teacher_BK


def _keys_of(item: RankedList) -> list[int]:
    return [text_key(text) for text in item.passages] if item.keys is None else item.keys


def in_batch_masks(
    keys_BK: Tensor,
    mask_BK: Tensor,
    known_BJ: Tensor,
    gathered_keys_N: Tensor | None = None,
    gathered_mask_N: Tensor | None = None,
    own_offset: int = 0,
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Which columns are a query's own, and which take part in its comparison.

    Of the columns of other queries, those are left out that hold the text of a passage in the query's own list, of
    one of its known positives or of an excluded passage. A text that several other queries brought counts once: one
    column of it is kept, the same for every row (so that a column means the same to each row, as ws2 needs), and
    chosen by what the lists hold, not by their place (so that the order of the batch changes nothing). Own columns
    are left out only where padded.

    Args:
        keys_BK: int64 text keys of B lists, -1 where padded.
        mask_BK: bool, False where padded.
        known_BJ: int64 text keys of known positives and excluded passages of each query, padded with -1.
        gathered_keys_N: keys of all columns: lists of K, one after another; None takes those of the B lists.
        gathered_mask_N: their mask; None takes that of the B lists.
        own_offset: the column at which the B lists begin.

    Returns:
        own_BN: bool, True for the K columns of the query's own list, padded ones too.
        valid_BN: bool, False for a column that takes no part.
        counts: how many (query, column) pairs were left out, int64 scalars by the first reason that holds:
            ``padding``, ``own_text``, ``known``, ``repeat``.
    """
    B, K = keys_BK.shape
    keys_N = keys_BK.flatten() if gathered_keys_N is None else gathered_keys_N
    mask_N = mask_BK.flatten() if gathered_mask_N is None else gathered_mask_N
    if len(keys_N) % K or own_offset + B * K > len(keys_N):
        raise ValueError(f"{len(keys_N)} columns do not hold {B} lists of {K} from column {own_offset} on")
    columns_N = torch.arange(len(keys_N), device=keys_BK.device)
    first_B = own_offset + K * torch.arange(B, device=keys_BK.device)
    own_BN = (columns_N >= first_B[:, None]) & (columns_N < first_B[:, None] + K)
    reasons = {
        "padding": ~mask_N.expand(B, -1),
        "own_text": ~own_BN & _contains(keys_BK.masked_fill(~mask_BK, NO_KEY), keys_N),
        "known": ~own_BN & _contains(known_BJ, keys_N),
        "repeat": ~own_BN & ~_one_of_each_text(keys_N, mask_N, K),
    }
    valid_BN = torch.ones_like(own_BN)
    counts = {}
    for reason, left_out_BN in reasons.items():
        counts[reason] = (valid_BN & left_out_BN).sum()
        valid_BN &= ~left_out_BN
    return own_BN, valid_BN, counts


def _contains(rows_BM: Tensor, keys_N: Tensor) -> Tensor:
    """[B, N]: whether row b holds key n; by binary search, so that memory stays B x N."""
    if rows_BM.shape[1] == 0:
        return torch.zeros(len(rows_BM), len(keys_N), dtype=torch.bool, device=keys_N.device)
    sorted_BM = rows_BM.sort(dim=1).values
    wanted_BN = keys_N.expand(len(rows_BM), -1).contiguous()
    place_BN = torch.searchsorted(sorted_BM, wanted_BN).clamp(max=rows_BM.shape[1] - 1)
    return sorted_BM.gather(1, place_BN) == wanted_BN


def _one_of_each_text(keys_N: Tensor, mask_N: Tensor, K: int) -> Tensor:
    """[N]: True for one column of each text, that of the list with the smallest signature (its keys added up)."""
    keys_N = keys_N.masked_fill(~mask_N, NO_KEY)
    signature_N = keys_N.view(-1, K).sum(1).repeat_interleave(K)  # wraps around, which is as good
    order_N = signature_N.argsort(stable=True)
    order_N = order_N[keys_N[order_N].argsort(stable=True)]
    sorted_N = keys_N[order_N]
    first_N = torch.ones_like(mask_N)
    first_N[1:] = sorted_N[1:] != sorted_N[:-1]
    kept_N = torch.empty_like(first_N)
    kept_N[order_N] = first_N
    return kept_N
