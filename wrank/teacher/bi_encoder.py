"""A bi-encoder as teacher: query and passage are read apart, the similarity of their vectors is the score.

Shapes: B pairs of a block, D embedding size.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from wrank.errors import WrankError
from wrank.evaluation.encode import Role, encode
from wrank.evaluation.settings import PRECISIONS, Precision
from wrank.model.bi_encoder import BiEncoder
from wrank.teacher.base import Mark, Pair, Pointwise, Progress

PAIRS_AT_ONCE = 16_384
"""Pairs whose texts are encoded together, each text once; bounds memory."""


class BiEncoderTeacher(Pointwise):
    """Scores by the similarity of two vectors: a larger retriever, or an ensemble's best member, teaches a smaller one.

    The score is similarity / temperature. With the default, a cosine becomes a number of the size of a cross-encoder's
    logits (0.05 more of cosine is one more of the score), so the losses' own ``teacher_temperature`` may stay at 1.

    Args:
        source: ``bundled:minilm``, ``random:tiny``, an id of the Hugging Face hub, or a folder.
        path: a folder with a model; where given, `source` is not looked at.
        revision: branch, tag or commit on the hub.
        pooling: ``mean``, ``cls``, ``last``, ``max``; this and the next six: None = as the model's folder says.
        normalize: vectors of length 1.
        similarity: ``cosine`` or ``dot``.
        query_prompt: put before every query.
        passage_prompt: put before every passage.
        query_length: most tokens of a query.
        passage_length: most tokens of a passage.
        dimensions: keep the first so many numbers of a vector; None = as the folder says, else all.
        shared: one tower for queries and passages; None = as the folder has it.
        quantize: ``nf4``: weights in 4 bits (GPU and bitsandbytes); None = as they are.
        seed: decides the weights of ``random:tiny``.
        trust_remote_code: run Python code that comes with the model.
        temperature: divides the similarity; above 0, in units of it.
        batch_tokens: tokens a batch, padding included; a longer text makes a batch of its own.
        precision: ``float32``, or ``bfloat16``: products inside the model in bfloat16.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.

    Raises:
        WrankError: a value out of its range; the model's own are looked at when it is loaded.
    """

    name = "bi_encoder"

    def __init__(
        self,
        source: str | None = "bundled:minilm",
        *,
        path: str | None = None,
        revision: str | None = None,
        pooling: str | None = None,
        normalize: bool | None = None,
        similarity: str | None = None,
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
        query_length: int | None = None,
        passage_length: int | None = None,
        dimensions: int | None = None,
        shared: bool | None = None,
        quantize: str | None = None,
        seed: int = 0,
        trust_remote_code: bool = False,
        temperature: float = 0.05,
        batch_tokens: int = 8192,
        precision: Precision = "float32",
        device: str = "auto",
    ) -> None:
        if source is None and path is None:
            raise WrankError("teacher.source and teacher.path are both null: give one of them")
        if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 < temperature < np.inf:
            raise WrankError(f"teacher.temperature={temperature}: wanted a number above 0")
        if isinstance(batch_tokens, bool) or not isinstance(batch_tokens, int) or batch_tokens < 1:
            raise WrankError(f"teacher.batch_tokens={batch_tokens}: wanted a whole number from 1 up")
        for key, word, words in (("precision", precision, PRECISIONS), ("device", device, _DEVICES)):
            if word not in words:
                raise WrankError(f"teacher.{key}={word}: wanted one of {', '.join(words)}")
        self.source, self.path, self.temperature = None if path else source, path, float(temperature)
        self.batch_tokens, self.precision, self.device = batch_tokens, precision, device
        self._given = {
            "revision": revision,
            "pooling": pooling,
            "normalize": normalize,
            "similarity": similarity,
            "query_prompt": query_prompt,
            "passage_prompt": passage_prompt,
            "query_length": query_length,
            "passage_length": passage_length,
            "dimensions": dimensions,
            "shared": shared,
            "quantize": quantize,
            "seed": seed,
            "trust_remote_code": trust_remote_code,
        }
        self._model: BiEncoder | None = None

    def identity(self) -> dict[str, Any]:
        """The model's fingerprint, similarity, temperature and precision."""
        model = self._loaded()
        return {
            "teacher": self.name,
            "fingerprint": model.fingerprint(),
            "similarity": model.settings.similarity,
            "temperature": self.temperature,
            "precision": self.precision,
        }

    def title(self) -> str:
        """The model's name without owner or folder; of an artifact's ``last/``, that of the artifact."""
        name = re.sub(r"/(best|last|average)/*$", "", str(self.path or self.source))
        return name.rstrip("/").rpartition("/")[2].replace(":", "-")

    def start(self) -> None:
        """Loads the model, unless it is there."""
        self._loaded()

    def close(self) -> None:
        """Frees the model."""
        self._model = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def facts(self) -> dict[str, Any]:
        """Device, and the lengths in tokens that are in force."""
        model = self._loaded()
        return {
            "device": str(model.device),
            "query_length": model.query_length,
            "passage_length": model.passage_length,
        }

    def _loaded(self) -> BiEncoder:
        if self._model is None:
            try:
                self._model = BiEncoder(self.source, path=self.path, **self._given)  # type: ignore[arg-type]
            except WrankError as error:  # the text of `wrank.model` names keys of the group `model`
                raise WrankError(_MODEL_KEY.sub("teacher.", str(error))) from error
        return self._model

    def marks(self, pairs: Iterable[Pair], progress: Progress | None = None) -> Iterator[Mark]:
        """One mark a pair, in the order given; a text that comes again in 16,384 pairs is encoded once."""
        source = iter(pairs)
        while block := list(itertools.islice(source, PAIRS_AT_ONCE)):
            yield from self._block(block)
            if progress is not None:
                progress(len(block))

    def _block(self, block: Sequence[Pair]) -> Iterator[Mark]:
        (queries_BD, query_cut_B), (passages_BD, passage_cut_B) = (
            self._encoded([pair[side] for pair in block], role) for side, role in enumerate(_ROLES)
        )
        scores_B = np.einsum("bd,bd->b", queries_BD, passages_BD, dtype=np.float64) / self.temperature
        return map(Mark, scores_B.tolist(), (query_cut_B | passage_cut_B).tolist())

    def _encoded(self, texts: Sequence[str], role: Role) -> tuple[np.ndarray, np.ndarray]:
        """[B, D] vectors and [B] whether the text fills its length, each text's made once."""
        model = self._loaded()
        rows: dict[str, int] = {}
        places_B = [rows.setdefault(text, len(rows)) for text in texts]
        unique = list(rows)
        found = encode(
            model, unique, role, batch_tokens=self.batch_tokens, precision=self.precision, device=_device(self.device)
        )
        limit = model.length(role)
        cut = np.array([len(ids) >= limit for ids in model.tokenize(unique, role)])
        return found.vectors_ND[places_B], cut[places_B]


_MODEL_KEY = re.compile(r"\bmodel\.(?=[a-z_]+=)")
_DEVICES = ("auto", "cpu", "cuda", "mps")
_ROLES: tuple[Role, Role] = ("query", "passage")


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise WrankError("device=cuda, but torch sees no GPU here: use device=cpu, or check `nvidia-smi`")
    return device
