"""``random:tiny``: a two-layer BERT cross-encoder with random weights, for tests and dry runs."""

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from wrank.model.tiny import tiny_cross_parts


def tiny_cross_encoder(seed: int = 0, labels: int = 1) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Builds the model and its tokenizer, one token a byte; nothing is downloaded.

    Args:
        seed: decides the weights; torch's global random state is neither read nor changed.
        labels: size of the output.

    Returns:
        A BERT of 2 layers, hidden size 32, 2 heads, at most 512 tokens, in evaluation mode; and the tokenizer.
    """
    return tiny_cross_parts(seed, labels=labels)
