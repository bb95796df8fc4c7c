"""One tower: transformer, tokenizer and pooling. Ragged token lists in, one vector a text out.

Shapes: N texts, T tokens, H hidden size.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from wrank.errors import WrankError
from wrank.model.pooling import check_pooling, pool
from wrank.model.recompute import recomputed, recomputed_apart


class Encoder(nn.Module):
    """Transformer, tokenizer and pooling.

    Attributes:
        transformer: gives last hidden states.
        tokenizer: made for the transformer.
        pooling: one of ``wrank.model.pooling.POOLINGS``.
        recompute: forget a chunk's activations and compute them again in the backward pass, so that memory is that of
            one chunk however many texts there are (`wrank.model.recompute`); the trainer sets it.
        passes: passes of this process -> passes to make; None: as many. A trainer whose ranks exchange weights in each
            pass sets it, so that all make the same number.
    """

    recompute: bool = False
    passes: Callable[[int], int] | None = None

    def __init__(self, transformer: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pooling: str) -> None:
        super().__init__()
        self.transformer = transformer
        self.tokenizer = tokenizer
        self.pooling = check_pooling(pooling)

    @property
    def dimension(self) -> int:
        """Size H of a vector."""
        return int(self.transformer.config.get_text_config().hidden_size)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.transformer.device

    def tokenize(self, texts: Sequence[str], length: int) -> list[list[int]]:
        """Turn texts into token numbers, special tokens included, cut to ``length`` tokens; not padded.

        A text without any token (an empty one, where the tokenizer adds no special tokens) becomes one padding token,
        because a vector needs a token to be made of.
        """
        if not texts:
            return []
        if self.tokenizer.is_fast:
            # the tokenizers library directly: the same numbers as transformers' wrapper, 1.7 times as fast (MiniLM)
            backend = self.tokenizer.backend_tokenizer
            backend.no_padding()
            backend.enable_truncation(length, direction=self.tokenizer.truncation_side)
            ids = [encoding.ids for encoding in backend.encode_batch_fast(list(texts))]
        else:
            ids = self.tokenizer(list(texts), truncation=True, max_length=length, padding=False)["input_ids"]
        return [row or [self.tokenizer.pad_token_id] for row in ids]

    def embed(self, token_ids: Sequence[list[int]], chunk: int | Sequence[int] | None = None) -> Tensor:
        """Encode ragged token lists.

        The lists are sorted by length and encoded in chunks that are padded to the chunk's longest only, so little is
        spent on padding. The result does not depend on the chunks, except for rounding and dropout's random numbers.

        Args:
            token_ids: N lists, as ``tokenize`` makes them.
            chunk: texts a chunk; or the size of each chunk, longest texts first; None: all in one.

        Returns:
            [N, H] in the given order, float32, differentiable.

        Raises:
            WrankError: ``chunk`` is below 1.
            ValueError: sizes that do not add up to N.
        """
        if isinstance(chunk, int) and chunk < 1:
            raise WrankError(f"chunk={chunk}: give the number of texts to encode at once, 1 or more.")
        if not token_ids:
            return torch.zeros(0, self.dimension, device=self.device)
        order = sorted(range(len(token_ids)), key=lambda row: -len(token_ids[row]))
        sizes = _sizes(chunk, len(order))
        vectors, start = [], 0
        for size in sizes:
            vectors.append(self.forward([token_ids[row] for row in order[start : start + size]]))
            start += size
        if self.passes is not None:
            for _ in range(self.passes(len(sizes)) - len(sizes)):  # counts for nothing, and is in the graph
                vectors[0] = vectors[0] + 0.0 * self.forward([token_ids[order[-1]]])
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(vectors).index_select(0, back.to(self.device))

    def forward(self, token_ids: Sequence[list[int]]) -> Tensor:
        """Encode one chunk: pad right to the longest, run the transformer, pool. [N, H], float32."""
        longest = max(map(len, token_ids))
        pad = self.tokenizer.pad_token_id
        ids_NT = torch.tensor([row + [pad] * (longest - len(row)) for row in token_ids]).to(self.device)
        mask_NT = None
        if any(len(row) < longest for row in token_ids):
            lengths_N = torch.tensor([len(row) for row in token_ids])
            mask_NT = (torch.arange(longest) < lengths_N.unsqueeze(1)).to(self.device)
        if not self.recompute:
            return self._vectors(ids_NT, mask_NT)
        again = recomputed if self.passes is None else recomputed_apart
        return again(self._vectors, ids_NT, mask_NT)

    def _vectors(self, ids_NT: Tensor, mask_NT: Tensor | None) -> Tensor:
        # Without padding no mask is given: attention then takes its fast path. transformers builds a decoder's causal
        # mask itself; a test holds that both ways give the same vectors.
        states_NTH = self.transformer(
            input_ids=ids_NT, attention_mask=None if mask_NT is None else mask_NT.long()
        ).last_hidden_state
        return pool(states_NTH, mask_NT, self.pooling)


def _sizes(chunk: int | Sequence[int] | None, texts: int) -> Sequence[int]:
    if chunk is None:
        return [texts]
    if isinstance(chunk, int):
        return [min(chunk, texts - start) for start in range(0, texts, chunk)]
    if sum(chunk) != texts or min(chunk) < 1:
        raise ValueError(f"chunks of {list(chunk)} texts do not add up to {texts} texts")
    return chunk
