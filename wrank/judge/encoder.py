"""An encoder as judge: its similarities should order a query's passages as the grades do."""

from typing import Any

import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.encode import Encoder as Encodes
from wrank.evaluation.encode import encode
from wrank.judge.base import Judge, Similarity


class Encoder(Judge):
    """Similarity by the chosen encoder (config group ``model``), untrained.

    Args:
        batch_tokens: tokens a batch, padding included.
    """

    name = "encoder"

    def __init__(self, batch_tokens: int = 4096) -> None:
        if batch_tokens < 1:
            raise WrankError(f"judge.batch_tokens={batch_tokens}: wanted a whole number from 1 up")
        self.batch_tokens = batch_tokens
        self._model: Encodes | None = None
        self._about: dict[str, str] = {}
        self._device = "cpu"

    def use(self, model: Encodes, name: str, fingerprint: str, device: str) -> "Encoder":
        """Gives the judge its encoder.

        Args:
            model: a bi-encoder.
            name: what it is called.
            fingerprint: of its weights and settings.
            device: where to encode.
        """
        self._model, self._device = model, device
        self._about = {"model": name, "fingerprint": fingerprint}
        return self

    def identity(self) -> dict[str, Any]:
        """The encoder's fingerprint."""
        return {"judge": self.name, "fingerprint": self._about.get("fingerprint", "")}

    def title(self) -> str:
        """The encoder's name."""
        return self._about.get("model", self.name)

    def similarity(self) -> Similarity:
        """Inner products of the encoder's vectors (cosine where it normalises)."""
        model = self._model
        if model is None:
            raise RuntimeError("similarity() before use()")

        def pairwise(queries: list[str], passages: list[str]) -> np.ndarray:
            distinct = {text: row for row, text in enumerate(dict.fromkeys(queries))}
            queries_QD = encode(
                model, list(distinct), "query", batch_tokens=self.batch_tokens, precision="float32", device=self._device
            ).vectors_ND
            passages_ND = encode(
                model, passages, "passage", batch_tokens=self.batch_tokens, precision="float32", device=self._device
            ).vectors_ND
            rows = np.array([distinct[text] for text in queries], dtype=np.int64)
            return np.einsum("nd,nd->n", queries_QD[rows], passages_ND)

        return pairwise
