"""``random:tiny`` and ``random:tiny_decoder``: a BERT and a LLaMA of two layers with random weights, for dry runs.

Nothing is downloaded. One token a byte of UTF-8, so any text in any language can be read and the vocabulary is built
in code.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    LlamaConfig,
    LlamaModel,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from wrank.model.explained import explained

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_POSITIONS = 512


def byte_tokenizer(decoder: bool = False) -> PreTrainedTokenizerBase:
    """Tokenizer with one token a byte: 5 special tokens, then the 256 bytes; writes ``[CLS] text [SEP]``.

    Args:
        decoder: write ``[CLS] text`` instead, where ``[CLS]`` begins a text and ``[SEP]`` would end one.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate((*_SPECIAL, *alphabet))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    single, pair = ("[CLS] $A", "[CLS] $A $B:1") if decoder else ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")]
    )
    ends = {"bos_token": "[CLS]", "eos_token": "[SEP]"} if decoder else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=_POSITIONS,
        **ends,
    )


def tiny_parts(
    seed: int = 0, *, dropout: float | None = None, attention: str | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Build the transformer and its tokenizer.

    Args:
        seed: decides the weights; torch's global random state is neither read nor changed.
        dropout: every dropout probability, or None for none at all (the weights are random anyhow).
        attention: transformers' ``attn_implementation``, or None for its choice.

    Returns:
        A BERT of 2 layers, hidden size 32, 2 heads, at most 512 tokens; and the byte tokenizer.
    """
    tokenizer = byte_tokenizer()
    config = _bert(tokenizer, dropout, attention)
    with seeded(seed), explained("random:tiny"):
        transformer = BertModel(config, add_pooling_layer=False)
    return transformer.eval(), tokenizer


def tiny_cross_parts(
    seed: int = 0, *, labels: int = 1, dropout: float | None = None, attention: str | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Build the same small BERT with a head for sequence classification, and its tokenizer.

    Args:
        seed: see `tiny_parts`.
        labels: size of the output.
        dropout: see `tiny_parts`.
        attention: see `tiny_parts`.

    Returns:
        The model in evaluation mode; and the byte tokenizer.
    """
    tokenizer = byte_tokenizer()
    shape: dict[str, Any] = {"num_labels": labels, "initializer_range": 0.2}  # at 0.02 all scores are nearly the same
    config = _bert(tokenizer, dropout, attention, **shape)
    with seeded(seed), explained("random:tiny"):
        model = BertForSequenceClassification(config)
    return model.eval(), tokenizer


def tiny_decoder_parts(
    seed: int = 0, *, dropout: float | None = None, attention: str | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Build a decoder in LLaMA's form, and a tokenizer that, like LLaMA's, begins a text and does not end it.

    Args:
        seed: see `tiny_parts`.
        dropout: of the attention, the only one that LLaMA has; None: none.
        attention: see `tiny_parts`.

    Returns:
        A LLaMA of 2 layers, hidden size 32, 4 heads over 2 of keys, at most 512 tokens; and the byte tokenizer.
    """
    tokenizer = byte_tokenizer(decoder=True)
    chosen: dict[str, Any] = {"attn_implementation": attention} if attention else {}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=_POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        attention_dropout=dropout or 0.0,
        use_cache=False,
        **chosen,
    )
    with seeded(seed), explained("random:tiny_decoder"):
        transformer = LlamaModel(config)
    return transformer.eval(), tokenizer


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Weights made in the block depend on the seed alone; torch's global random state is neither read nor changed."""
    with torch.random.fork_rng(devices=[]):
        # not torch.manual_seed: that would seed an accelerator as well, which fork_rng(devices=[]) does not put back
        torch.default_generator.manual_seed(seed)
        yield


def _bert(
    tokenizer: PreTrainedTokenizerBase, dropout: float | None, attention: str | None, **changes: Any
) -> BertConfig:
    chosen: dict[str, Any] = {"attn_implementation": attention} if attention else {}
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=_POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        hidden_dropout_prob=dropout or 0.0,
        attention_probs_dropout_prob=dropout or 0.0,
        **chosen,
        **changes,
    )
