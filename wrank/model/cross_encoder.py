"""The reranker: query and passage are read together, and one number says how well they fit.

Source: Nogueira and Cho, "Passage re-ranking with BERT" (arXiv 1901.04085, 2019).

Shapes: P pairs, T tokens.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from wrank.errors import WrankError
from wrank.model.card import license_of
from wrank.model.fingerprint import transformer_fingerprint
from wrank.model.head import IDENTITY, is_head, load_cross_parts
from wrank.model.loading import position_limit
from wrank.model.lora import Lora, add_lora, read_lora
from wrank.model.recompute import recomputed
from wrank.model.source import open_source
from wrank.model.tiny import tiny_cross_parts
from wrank.model.training import check_training, checkpoint_gradients, dropout_of

Pair = tuple[str, str]
"""A query's text and a passage's text."""

PAIRS_AT_ONCE = 4096
"""Pairs that are tokenised and sorted together when scoring; bounds memory."""


class CrossEncoder(nn.Module):
    """Any Hugging Face encoder or decoder with a head of one label; its logit is the score.

    It cannot rank a corpus: it scores the candidates of a first stage. A new model is in evaluation mode (no dropout):
    call ``train()`` before training.

    Attributes:
        source: what the model was made from, as given.
        transformer: the model with its head.
        tokenizer: made for it.
        max_length: most tokens of query, passage and what stands between them.
        first_stage: whose candidates it scores.
        depth: candidates a query that it scores.
        dev_depth: candidates a dev query that it scores while it is trained.
        new_head: whether the head has random weights.
        learning_rate: what the trainer should use for this model unless told otherwise.
        license_id: licence of the weights, where the source names one.
        recompute: forget a chunk's activations and compute them again in the backward pass; the trainer sets it.
    """

    recompute: bool = False

    def __init__(
        self,
        source: str | None = None,
        *,
        path: str | None = None,
        max_length: int | None = None,
        first_stage: str = "bm25",
        depth: int = 100,
        dev_depth: int = 20,
        gradient_checkpointing: bool = False,
        dropout: float | None = None,
        learning_rate: float = 2e-5,
        revision: str | None = None,
        trust_remote_code: bool = False,
        attention: str | None = None,
        lora: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        """Load or build the model.

        Args:
            source: ``bundled:minilm`` or another encoder (a new head is put on it), ``random:tiny``, a Hugging Face
                id, or a folder.
            path: a folder; exactly one of ``source`` and ``path`` is given.
            max_length: most tokens of query, passage and what stands between them, the longer text cut first. None:
                what a folder that wrank wrote says, else 512, or as many as the model has positions for.
            first_stage: ``bm25``, an option of ``model``, a folder with a bi-encoder, or a run file.
            depth: candidates a query that are scored.
            dev_depth: candidates a dev query, beside its judged passages.
            gradient_checkpointing: recompute activations in the backward pass: less memory, more time.
            dropout: every dropout probability, 0 to below 1. None: as the model's config has it.
            learning_rate: a hint that the trainer reads.
            revision: branch, tag or commit on the hub.
            trust_remote_code: run the Python code that comes with a model of the hub.
            attention: transformers' ``attn_implementation``; None: its choice.
            lora: train a low-rank addition and the head instead of all weights: rank, alpha, dropout, targets.
            seed: decides the weights of a new head, of ``random:tiny`` and of LoRA.

        Raises:
            WrankError: an unknown or unreachable model, or a value that cannot be.
        """
        super().__init__()
        check_training(dropout, learning_rate)
        for key, value, least in (("max_length", max_length, 8), ("depth", depth, 1), ("dev_depth", dev_depth, 1)):
            wrong = isinstance(value, bool) or not isinstance(value, int) or value < least
            if wrong and not (value is None and key == "max_length"):
                raise WrankError(f"model.{key}={value!r}: give a whole number from {least} up.")
        if not isinstance(first_stage, str) or not first_stage.strip():
            raise WrankError(
                f"model.first_stage={first_stage!r}: give bm25, an option of model, a folder with a bi-encoder, or a "
                "run file."
            )
        self.lora: Lora | None = read_lora(lora)
        parts = _load(source, path, dropout, attention, revision, trust_remote_code, seed)
        self.source, self.license_id, said, self.transformer, self.tokenizer, self.new_head = parts
        self.transformer.config.sentence_transformers = {"activation_fn": IDENTITY}
        limit = position_limit(self.transformer)
        if max_length is not None and limit is not None and max_length > limit:
            raise WrankError(f"model.max_length={max_length}: this model has positions for {limit} tokens.")
        self.max_length = max_length or said or min(512, limit or 512)
        self.first_stage, self.depth, self.dev_depth = first_stage, depth, dev_depth
        self.learning_rate, self._seed = learning_rate, seed
        if self.lora is not None:
            add_lora(self.transformer, self.lora, seed)
            for name, weight in self.transformer.named_parameters():
                if is_head(self.transformer, name):
                    weight.requires_grad_(True)
        self.eval()
        if gradient_checkpointing:
            checkpoint_gradients([self.transformer], self.source)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.transformer.device

    @property
    def temperature(self) -> float:
        """1: the head finds its own scale, and the loss has a temperature."""
        return 1.0

    def tokenize(self, pairs: Sequence[Pair]) -> list[dict[str, list[int]]]:
        """Each pair as the transformer reads it: special tokens in, cut to ``max_length``, not padded."""
        if not pairs:
            return []
        encoded = self.tokenizer(
            [query for query, _ in pairs],
            [passage for _, passage in pairs],
            truncation="longest_first",
            max_length=self.max_length,
            padding=False,
        )
        return [{key: encoded[key][row] for key in encoded} for row in range(len(pairs))]

    def score(self, encoded: Sequence[Mapping[str, Sequence[int]]], sizes: Sequence[int] | None = None) -> Tensor:
        """Scores of tokenised pairs.

        Args:
            encoded: P pairs, as `tokenize` gives them.
            sizes: pairs scored at once, longest first; None: all.

        Returns:
            [P] logits in the given order, float32, differentiable.
        """
        if not encoded:
            return torch.zeros(0, device=self.device)
        order = sorted(range(len(encoded)), key=lambda row: -len(encoded[row]["input_ids"]))
        scores, start = [], 0
        for size in sizes or [len(order)]:
            chunk = [encoded[row] for row in order[start : start + size]]
            inputs = {key: self._padded([row[key] for row in chunk], key) for key in chunk[0]}
            logits = functools.partial(self._logits, list(inputs))
            scores.append(recomputed(logits, *inputs.values()) if self.recompute else logits(*inputs.values()))
            start += size
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(scores).index_select(0, back.to(self.device))

    def _logits(self, names: Sequence[str], *tensors: Tensor) -> Tensor:
        logits: Tensor = self.transformer(**dict(zip(names, tensors, strict=True))).logits[:, 0]
        return logits.float()

    def score_pairs(
        self, pairs: Iterable[Pair], batch_tokens: int = 4096, precision: str = "float32"
    ) -> Iterator[float]:
        """Scores of texts, without gradients and dropout, as a stream; the model's mode is put back.

        Args:
            pairs: (query, passage).
            batch_tokens: tokens a batch, padding included.
            precision: ``float32``, or ``bfloat16``: products inside the model.
        """
        source = iter(pairs)
        while block := list(islice(source, PAIRS_AT_ONCE)):
            was_training = self.training
            self.eval()
            try:
                yield from self._block(block, batch_tokens, precision)
            finally:
                self.train(was_training)

    @torch.inference_mode()
    def _block(self, pairs: Sequence[Pair], batch_tokens: int, precision: str) -> list[float]:
        encoded = self.tokenize(pairs)
        sizes: list[int] = []
        left = sorted((len(row["input_ids"]) for row in encoded), reverse=True)
        while sum(sizes) < len(left):
            sizes.append(min(max(1, batch_tokens // left[sum(sizes)]), len(left) - sum(sizes)))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            scores = self.score(encoded, sizes).cpu().numpy()
        if not np.isfinite(scores).all():
            raise WrankError(
                f"{self.source}: a score is NaN or infinite; its weights are broken: train with a lower learning rate"
            )
        return [float(score) for score in scores]

    def _padded(self, rows: Sequence[Sequence[int]], key: str) -> Tensor:
        fill = int(self.tokenizer.pad_token_id) if key == "input_ids" else 0
        longest = max(map(len, rows))
        return torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows]).to(self.device)

    def fingerprint(self) -> str:
        """SHA-256 (hex) over everything that changes a score: weights, architecture, tokenizer and length."""
        parts = {"model": transformer_fingerprint(self.transformer, self.tokenizer), "max_length": self.max_length}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def identity(self) -> dict[str, Any]:
        """What can change a training of this model beside its fingerprint.

        Not in it: the first stage, which may be a path; a training's key holds what its rankings were made of.
        """
        found = {"kind": "cross_encoder", "dev_depth": self.dev_depth, "dropout": dropout_of(self.transformer)}
        return found if self.lora is None else found | {"lora": self.lora.identity(self._seed)}

    def save(
        self,
        folder: Path | str,
        scores: Mapping[str, float] | None = None,
        base: str | None = None,
        facts: Mapping[str, str] | None = None,
        license_id: str | None = None,
    ) -> None:
        """Write a folder that sentence-transformers' CrossEncoder loads; see ``wrank.model.cross_export.save``."""
        from wrank.model.cross_export import save

        save(self, Path(folder), scores=scores, base=base, facts=facts, license_id=license_id)


_Loaded = tuple[str, str | None, int | None, PreTrainedModel, PreTrainedTokenizerBase, bool]


def _load(
    source: str | None,
    path: str | None,
    dropout: float | None,
    attention: str | None,
    revision: str | None,
    trust_remote_code: bool,
    seed: int,
) -> _Loaded:
    """Name, licence, length that the folder says, transformer, tokenizer, whether the head is new."""
    if source == "random:tiny" and path is None:
        return (source, None, None, *tiny_cross_parts(seed, dropout=dropout, attention=attention), True)
    opened = open_source(source, path, revision=revision, trust_remote_code=trust_remote_code)
    if opened.layout is None:
        raise WrankError(f"model.source={source!r}: a cross-encoder with random weights is random:tiny.")
    if not opened.layout.shared:
        raise WrankError(f"{opened.name} holds two towers; a cross-encoder has one.")
    folder = opened.layout.passage
    loaded = load_cross_parts(
        folder, dropout=dropout, attention=attention, trust_remote_code=trust_remote_code, seed=seed
    )
    own = opened.layout.root / "wrank.json"
    said = json.loads(own.read_text(encoding="utf-8")).get("max_length") if own.is_file() else None
    return (opened.name, license_of(opened.layout.root), said, *loaded)
