"""A cross-encoder as teacher: query and passage are read together, one number comes out.

Shapes: B pairs of a batch, T tokens, L labels.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from wrank.errors import WrankError
from wrank.evaluation.settings import PRECISIONS, Precision
from wrank.model.loading import position_limit
from wrank.teacher.base import Mark, Pair, Pointwise, Progress
from wrank.teacher.loading import Parts, load_cross_encoder

PAIRS_AT_ONCE = 16_384
"""Pairs that are tokenised and sorted together; bounds memory."""


class CrossEncoderTeacher(Pointwise):
    """Scores by a model for sequence classification.

    A model with one label gives its logit. Of one with several, ``label`` says what is taken: a label's number gives
    its log-odds, ``log p - log(1 - p)``; ``expected`` the expected grade, ``sum_l l p(l)``.

    Args:
        model: a folder, an id of the Hugging Face hub, or ``random:tiny``.
        revision: branch, tag or commit on the hub; None: the default branch.
        label: None for a model with one label; else a label's number, from 0, or ``expected``.
        max_length: tokens of query, passage and what stands between them; the longer of the two texts is cut first.
            None: as many as the model has positions for.
        batch_tokens: tokens a batch, padding included; a longer pair makes a batch of its own.
        precision: ``float32``, or ``bfloat16``: products inside the model in bfloat16.
        activation: ``none``, or ``sigmoid``: scores between 0 and 1.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.

    Raises:
        WrankError: a value out of its range.
    """

    name = "cross_encoder"

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        label: int | Literal["expected"] | None = None,
        max_length: int | None = 512,
        batch_tokens: int = 8192,
        precision: Precision = "float32",
        activation: Literal["none", "sigmoid"] = "none",
        device: str = "auto",
    ) -> None:
        for key, value, least in (("max_length", max_length, 8), ("batch_tokens", batch_tokens, 1)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise WrankError(f"teacher.{key}={value}: wanted a whole number from {least} up")
        for key, word, words in (
            ("precision", precision, PRECISIONS),
            ("activation", activation, ("none", "sigmoid")),
            ("device", device, ("auto", "cpu", "cuda", "mps")),
        ):
            if word not in words:
                raise WrankError(f"teacher.{key}={word}: wanted one of {', '.join(words)}")
        if not (label in (None, "expected") or (isinstance(label, int) and not isinstance(label, bool) and label >= 0)):
            raise WrankError(f"teacher.label={label}: wanted null, a label's number from 0 up, or expected")
        if label == "expected" and activation == "sigmoid":
            raise WrankError("teacher.activation=sigmoid: an expected grade is no logit; wanted activation=none")
        self.model, self.revision, self.label, self.max_length = model, revision, label, max_length
        self.batch_tokens, self.precision, self.activation, self.device = batch_tokens, precision, activation, device
        self._parts: Parts | None = None

    def identity(self) -> dict[str, Any]:
        """The model's fingerprint, length, precision, label and activation."""
        settings = {name: getattr(self, name) for name in ("label", "max_length", "precision", "activation")}
        return {"teacher": self.name, "fingerprint": self._loaded().fingerprint(), **settings}

    def title(self) -> str:
        """The model's name without owner or folder."""
        return self.model.rstrip("/").rpartition("/")[2].replace(":", "-")

    def start(self) -> None:
        """Loads the model, unless it is there, and moves it to its device."""
        self._loaded().move(_device(self.device))

    def close(self) -> None:
        """Frees the model."""
        self._parts = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def facts(self) -> dict[str, Any]:
        """Device, labels and the length in tokens that is in force."""
        parts = self._loaded()
        return {"device": str(parts.transformer.device), "labels": parts.labels, "max_length": self._length(parts)}

    def _loaded(self) -> Parts:
        if self._parts is None:
            parts = load_cross_encoder(self.model, self.revision)
            labels = parts.labels
            if labels > 1 and self.label is None:
                raise WrankError(
                    f"teacher.model={self.model} has {labels} labels: give teacher.label=N (which of them means "
                    "relevant, from 0) or teacher.label=expected (labels are grades)"
                )
            if (labels == 1 and self.label is not None) or (isinstance(self.label, int) and self.label >= labels):
                raise WrankError(f"teacher.label={self.label}: the model {self.model} has {labels} label(s)")
            self._parts = parts
        return self._parts

    def _length(self, parts: Parts) -> int | None:
        """Tokens a pair."""
        limits = [limit for limit in (self.max_length, position_limit(parts.transformer)) if limit is not None]
        return min(limits, default=None)

    def marks(self, pairs: Iterable[Pair], progress: Progress | None = None) -> Iterator[Mark]:
        """One mark a pair, in the order given; windows of 16,384 pairs are sorted by length and batched."""
        self.start()
        source = iter(pairs)
        while block := list(itertools.islice(source, PAIRS_AT_ONCE)):
            yield from self._block(block, progress)

    @torch.inference_mode()
    def _block(self, block: Sequence[Pair], progress: Progress | None) -> list[Mark]:
        parts = self._loaded()
        limit = self._length(parts)
        encoded = parts.tokenizer(
            [query for query, _ in block],
            [passage for _, passage in block],
            truncation="longest_first" if limit else False,
            max_length=limit,
            padding=False,
        )
        lengths = [len(ids) for ids in encoded["input_ids"]]
        scores = np.empty(len(block), dtype=np.float64)
        device = parts.transformer.device
        with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            for rows in _batches(lengths, self.batch_tokens):
                inputs = {key: _padded(parts, key, encoded[key], rows).to(device) for key in encoded}
                logits_BL = parts.transformer(**inputs).logits
                scores[rows] = self._scores(logits_BL.float()).double().cpu().numpy()
                if progress is not None:
                    progress(len(rows))
        if not np.isfinite(scores).all():
            bad = block[int(np.flatnonzero(~np.isfinite(scores))[0])]
            raise WrankError(
                f"teacher.model={self.model} gives NaN or infinity for the query {bad[0][:60]!r}: its weights are "
                "broken, or teacher.precision=float32 is needed"
            )
        cut = [limit is not None and length >= limit for length in lengths]
        return [Mark(score, truncated) for score, truncated in zip(scores.tolist(), cut, strict=True)]

    def _scores(self, logits_BL: Tensor) -> Tensor:
        """[B] scores of [B, L] logits."""
        if self.label == "expected":
            return logits_BL.softmax(dim=1) @ torch.arange(logits_BL.shape[1], device=logits_BL.device).float()
        if self.label is None:
            scores_B = logits_BL[:, 0]
        else:
            others = [label for label in range(logits_BL.shape[1]) if label != self.label]
            scores_B = logits_BL[:, self.label] - logits_BL[:, others].logsumexp(dim=1)
        return scores_B.sigmoid() if self.activation == "sigmoid" else scores_B


def _padded(parts: Parts, key: str, lists: Sequence[Sequence[int]], rows: np.ndarray) -> Tensor:
    """[B, T] int64: the rows' lists, filled up on the right."""
    fill = int(parts.tokenizer.pad_token_id) if key == "input_ids" else 0
    chosen = [torch.tensor(lists[row]) for row in rows.tolist()]
    return torch.nn.utils.rnn.pad_sequence(chosen, batch_first=True, padding_value=fill)


def _batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[np.ndarray]:
    """Rows of pairs a batch, longest first, each batch within the budget when padded to its longest pair."""
    rows = np.argsort(-np.asarray(lengths), kind="stable")
    start = 0
    while start < len(rows):
        size = max(1, batch_tokens // max(1, lengths[rows[start]]))
        yield rows[start : start + size]
        start += size


def _device(device: str) -> str:
    if device != "auto":
        if device == "cuda" and not torch.cuda.is_available():
            raise WrankError("device=cuda, but torch sees no GPU here: use device=cpu, or check `nvidia-smi`")
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"
