"""``random:tiny``: a two-layer BERT with random weights, for tests and dry runs. Nothing is downloaded.

One token a byte of UTF-8, so any text in any language can be read and the vocabulary is built in code.
"""

from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from wrank.model.quiet import explained

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_POSITIONS = 512


def byte_tokenizer() -> PreTrainedTokenizerBase:
    """Tokenizer with one token a byte: 5 special tokens, then the 256 bytes; writes ``[CLS] text [SEP]``."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate((*_SPECIAL, *alphabet))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=_POSITIONS,
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
    chosen: dict[str, Any] = {"attn_implementation": attention} if attention else {}
    config = BertConfig(
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
    )
    with torch.random.fork_rng(devices=[]):
        # not torch.manual_seed: that would seed an accelerator as well, which fork_rng(devices=[]) does not put back
        torch.default_generator.manual_seed(seed)
        with explained("random:tiny"):
            transformer = BertModel(config, add_pooling_layer=False)
    return transformer.eval(), tokenizer
