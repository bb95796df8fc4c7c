"""``random:tiny``: a two-layer BERT cross-encoder with random weights, for tests and dry runs."""

from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from wrank.model.quiet import explained
from wrank.model.tiny import byte_tokenizer

_POSITIONS = 512


def tiny_cross_encoder(seed: int = 0, labels: int = 1) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Builds the model and its tokenizer, one token a byte; nothing is downloaded.

    Args:
        seed: decides the weights; torch's global random state is neither read nor changed.
        labels: size of the output.

    Returns:
        A BERT of 2 layers, hidden size 32, 2 heads, at most 512 tokens, in evaluation mode; and the tokenizer.
    """
    tokenizer = byte_tokenizer()
    shape: dict[str, Any] = {"num_labels": labels}
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=_POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.2,  # at BERT's 0.02 all scores are the same to three digits
        **shape,
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        with explained("random:tiny"):
            model = BertForSequenceClassification(config)
    return model.eval(), tokenizer
