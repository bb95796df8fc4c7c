"""The retriever: queries and passages become vectors apart from each other, and are compared by one product.

Longer than most files: a third is the signature, which is the documentation of every key under conf/model/.

Shapes: Q queries, N texts or passages, D embedding size.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from wrank.errors import WrankError
from wrank.model.card import license_of
from wrank.model.encoder import Encoder
from wrank.model.fingerprint import bi_encoder_fingerprint
from wrank.model.lora import Lora, add_lora, read_lora
from wrank.model.matryoshka import read_matryoshka
from wrank.model.quantize import check_quantize
from wrank.model.settings import SETTINGS, Settings
from wrank.model.similarity import similarity as compare
from wrank.model.source import check_bi_encoder, open_source
from wrank.model.towers import build_towers
from wrank.model.training import check_training, checkpoint_gradients, dropout_of

Role = Literal["query", "passage"]


class BiEncoder(nn.Module):
    """Any Hugging Face encoder or decoder as a bi-encoder.

    The product of two embeddings is their similarity, whichever it is: with cosine the embeddings have length 1. A new
    model is in evaluation mode (no dropout), as from_pretrained gives it: call ``train()`` before training.

    Attributes:
        source: what the model was made from, as given.
        settings: everything beside the weights that decides an embedding or a score.
        encoder: reads passages, and queries too unless the towers are separate.
        query_encoder: reads queries when the towers are separate, else None.
        learning_rate: what the trainer should use for this model unless told otherwise.
        license_id: licence of the weights, where the source names one.
    """

    def __init__(
        self,
        source: str | None = None,
        *,
        path: str | None = None,
        pooling: str | None = None,
        normalize: bool | None = None,
        similarity: str | None = None,
        temperature: float | None = None,
        learn_temperature: bool | None = None,
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
        query_length: int | None = None,
        passage_length: int | None = None,
        shared: bool | None = None,
        dimensions: int | None = None,
        matryoshka: Sequence[int] | str = (),
        matryoshka_weights: Sequence[float] | None = None,
        lora: Mapping[str, Any] | None = None,
        quantize: str | None = None,
        gradient_checkpointing: bool = False,
        dropout: float | None = None,
        learning_rate: float = 2e-5,
        revision: str | None = None,
        trust_remote_code: bool = False,
        attention: str | None = None,
        models: str | None = None,
        seed: int = 0,
    ) -> None:
        """Load or build the model.

        Args:
            source: ``bundled:minilm``, ``bundled:smollm2``, ``random:tiny``, ``random:tiny_decoder``, a Hugging Face
                id, or a folder.
            path: a folder with a model; exactly one of ``source`` and ``path`` is given.
            pooling: ``mean``, ``cls``, ``last`` or ``max``. This and the next eight: None takes what a
                sentence-transformers folder says, else the default of ``wrank.model.settings.resolve_settings``.
            normalize: give the embeddings length 1.
            similarity: ``cosine`` or ``dot``.
            temperature: similarities are divided by it, above 0.
            learn_temperature: make the temperature a parameter (its logarithm is learned).
            query_prompt: put before every query.
            passage_prompt: put before every passage.
            query_length: most tokens of a query, prompt and special tokens included.
            passage_length: most tokens of a passage, prompt and special tokens included.
            shared: one tower for queries and passages. None: as the folder has it, else one. False with a folder of one
                tower: two towers that start equal.
            dimensions: keep the first so many numbers of a vector; None: as the folder says, else all.
            matryoshka: sizes at which a training computes the loss, or ``halves``; see ``wrank.model.matryoshka``.
            matryoshka_weights: of the sizes' losses, in their order; None: 1 each.
            lora: train a low-rank addition instead of the weights: keys of ``wrank.model.lora.Lora``. None: do not.
            quantize: ``nf4``: weights in 4 bits (a GPU and bitsandbytes are needed); None: as they are.
            gradient_checkpointing: recompute activations in the backward pass: less memory, more time.
            dropout: every dropout probability, 0 to below 1. None: as the model's config has it.
            learning_rate: a hint that the trainer reads.
            revision: branch, tag or commit on the hub.
            trust_remote_code: run the Python code that comes with a model of the hub.
            attention: transformers' ``attn_implementation``; None: its choice, ``sdpa`` where there is one.
            models: folder in which a bundled decoder is kept once it is converted; None: the user's cache.
            seed: decides the weights of a model with random weights, and of LoRA.

        Raises:
            WrankError: an unknown or unreachable model, or a setting that cannot be.
        """
        given = {name: value for name, value in locals().items() if name in SETTINGS}
        super().__init__()
        check_training(dropout, learning_rate)
        check_quantize(quantize, source)
        self.lora: Lora | None = read_lora(lora)
        self.quantize = quantize
        self._seed = seed
        opened = open_source(source, path, revision=revision, trust_remote_code=trust_remote_code, models=models)
        check_bi_encoder(opened)
        self.source = opened.name
        self.license_id = None if opened.layout is None else license_of(opened.layout.root)
        self.learning_rate = learning_rate
        how: dict[str, Any] = {"dropout": dropout, "attention": attention, "quantize": quantize}
        towers = build_towers(opened, given, shared=shared, trust_remote_code=trust_remote_code, seed=seed, **how)
        self.settings: Settings = towers.settings
        self.encoder: Encoder = towers.passage
        self.query_encoder: Encoder | None = towers.query
        self.matryoshka: dict[int, float] = read_matryoshka(matryoshka, matryoshka_weights, self.dimension)
        if self.lora is not None:
            for number, tower in enumerate(self.towers):
                add_lora(tower.transformer, self.lora, seed + number)
        self.log_temperature: nn.Parameter | None = None
        if self.settings.learn_temperature:
            self.log_temperature = nn.Parameter(torch.tensor(math.log(self.settings.temperature)))
        self._check_prompts()
        self.eval()
        if gradient_checkpointing:
            checkpoint_gradients([tower.transformer for tower in self.towers], self.source)

    def _check_prompts(self) -> None:
        roles: tuple[Role, ...] = ("query", "passage")
        for role in roles:
            prompt, length = self.prompt(role), self.length(role)
            if prompt and len(self.tower(role).tokenize([prompt], length)[0]) >= length:
                raise WrankError(
                    f"model.{role}_prompt={prompt!r} alone fills model.{role}_length={length} tokens: nothing of the "
                    "text would be read. Shorten the prompt or raise the length."
                )

    @property
    def towers(self) -> tuple[Encoder, ...]:
        """The passage tower, and the query tower where it is another one."""
        return (self.encoder,) if self.query_encoder is None else (self.encoder, self.query_encoder)

    @property
    def dimension(self) -> int:
        """Size D of an embedding."""
        return self.settings.dimensions or self.encoder.dimension

    @property
    def query_length(self) -> int:
        """Most tokens of a query, prompt and special tokens included."""
        return self.settings.query_length

    @property
    def passage_length(self) -> int:
        """Most tokens of a passage, prompt and special tokens included."""
        return self.settings.passage_length

    @property
    def shared(self) -> bool:
        """Whether one tower reads queries and passages."""
        return self.query_encoder is None

    @property
    def temperature(self) -> float:
        """What similarities are divided by, as it is now."""
        return self.settings.temperature if self.log_temperature is None else math.exp(self.log_temperature.item())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.encoder.device

    def tower(self, role: Role) -> Encoder:
        """The encoder that reads texts of this role."""
        if role not in ("query", "passage"):
            raise WrankError(f"role={role!r}: give 'query' or 'passage'.")
        return self.query_encoder if role == "query" and self.query_encoder is not None else self.encoder

    def prompt(self, role: Role) -> str:
        """What is put before a text of this role."""
        return self.settings.query_prompt if role == "query" else self.settings.passage_prompt

    def length(self, role: Role) -> int:
        """Most tokens of a text of this role."""
        return self.settings.query_length if role == "query" else self.settings.passage_length

    def tokenize(self, texts: Sequence[str], role: Role) -> list[list[int]]:
        """Token numbers of each text: prompt put before it, special tokens in, cut to the role's length, not padded."""
        prompt = self.prompt(role)
        return self.tower(role).tokenize([prompt + text for text in texts] if prompt else texts, self.length(role))

    def count_truncated(self, token_ids: Sequence[list[int]], role: Role) -> int:
        """How many token lists fill the role's length, so that they were cut (or fitted exactly)."""
        length = self.length(role)
        return sum(len(row) >= length for row in token_ids)

    def embed(self, token_ids: Sequence[list[int]], role: Role, *, chunk: int | Sequence[int] | None = None) -> Tensor:
        """Embeddings of tokenized texts.

        Args:
            token_ids: N lists made by ``tokenize`` for the same role.
            role: ``query`` or ``passage``.
            chunk: texts encoded at once (sorted by length, padded to the chunk's longest), or the size of each
                chunk, longest texts first; None: all.

        Returns:
            [N, D] in the given order, float32, differentiable, of length 1 if the settings say so.
        """
        vectors_ND = self.tower(role).embed(token_ids, chunk)[:, : self.dimension]
        return functional.normalize(vectors_ND, dim=-1) if self.settings.normalize else vectors_ND

    def score(self, queries_QD: Tensor, passages_ND: Tensor) -> Tensor:
        """Similarity of every query with every passage, divided by the temperature: [Q, N], float32."""
        scores_QN = compare(queries_QD, passages_ND, self.settings.similarity)
        if self.log_temperature is None:
            return scores_QN / self.settings.temperature
        return scores_QN * torch.exp(-self.log_temperature.float())

    def fingerprint(self, role: Role | None = None) -> str:
        """SHA-256 (hex) over everything that changes an embedding: weights, architecture, tokenizer and settings.

        Not in it: similarity and temperature (they act on embeddings), dropout, learning rate, chunks, device.

        Args:
            role: only what changes the embeddings of this role's texts; None: of both.
        """
        return bi_encoder_fingerprint(self, role)

    def identity(self) -> dict[str, Any]:
        """What can change a training of this model beside its fingerprint; a key that is not in use is not there."""
        found = self.settings.identity() | {"shared": self.shared, "dropout": dropout_of(self.encoder.transformer)}
        if self.lora is not None:
            found["lora"] = self.lora.identity(self._seed)
        if self.matryoshka:
            found["matryoshka"] = {str(size): weight for size, weight in self.matryoshka.items()}
        return found

    def with_prompts(self, query: str | None, passage: str | None) -> "BiEncoder":
        """This model with other prompts; the weights are shared.

        Args:
            query: put before every query; None: as it is.
            passage: put before every passage; None: as it is.

        Raises:
            WrankError: a prompt that leaves no room for a text.
        """
        if query is None and passage is None:
            return self
        other = copy.copy(self)
        query = self.settings.query_prompt if query is None else query
        passage = self.settings.passage_prompt if passage is None else passage
        other.settings = replace(self.settings, query_prompt=query, passage_prompt=passage)
        other._check_prompts()
        return other

    def save(
        self,
        folder: Path | str,
        scores: Mapping[str, float] | None = None,
        base: str | None = None,
        facts: Mapping[str, str] | None = None,
        license_id: str | None = None,
    ) -> None:
        """Write the model in sentence-transformers' folder layout; see ``wrank.model.export.save``."""
        from wrank.model.export import save

        save(self, Path(folder), scores=scores, base=base, facts=facts, license_id=license_id)
