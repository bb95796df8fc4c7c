"""Loads a transformer with a head that gives one number: a cross-encoder, or an encoder with a new head on it."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from wrank.errors import WrankError
from wrank.model.explained import explained
from wrank.model.hub import OFFLINE_PRESETS, check_weight_files
from wrank.model.loading import load_tokenizer, set_config
from wrank.model.separator import separate_pairs
from wrank.model.tiny import seeded
from wrank.quiet import quiet

# what sentence-transformers puts on a logit; without this it puts a sigmoid
IDENTITY = "torch.nn.modules.linear.Identity"


def load_cross_parts(
    folder: Path,
    *,
    dropout: float | None = None,
    attention: str | None = None,
    trust_remote_code: bool = False,
    seed: int = 0,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, bool]:
    """Loads a model for sequence classification with one label.

    Args:
        folder: holds config.json, ``*.safetensors`` and the tokenizer's files; of a cross-encoder, or of an encoder or
            decoder, which gets a new head.
        dropout: every dropout probability, or None to leave them as config.json has them.
        attention: transformers' ``attn_implementation``, or None.
        trust_remote_code: run the Python files that come with the model.
        seed: decides the weights of a new head.

    Returns:
        The model in float32 and evaluation mode; the tokenizer, with a padding token and, where the head is new,
        something between the texts of a pair; whether the head is new.

    Raises:
        WrankError: the folder is not a model, has a head of several labels, lacks weights other than the head's, or has
            a tokenizer that can put nothing between query and passage.
    """
    if not (folder / "config.json").is_file():
        raise WrankError(f"{folder} is not a model: it has no config.json. {OFFLINE_PRESETS}")
    check_weight_files([file.name for file in folder.iterdir()], f"{folder}", None)
    with quiet(), explained(str(folder)), seeded(seed):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        _check_labels(config, folder)
        tokenizer = load_tokenizer(folder, trust_remote_code)
        set_config(config, dropout)
        config.num_labels = 1
        config.pad_token_id = tokenizer.pad_token_id  # decoders find a row's last token by it
        transformer, report = AutoModelForSequenceClassification.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
            **({"attn_implementation": attention} if attention else {}),
        )
    missing = sorted(report["missing_keys"])
    if lost := [name for name in missing if not is_head(transformer, name)]:
        raise WrankError(
            f"{folder}: {len(lost)} weights are not in its safetensors file and would be random, the first is "
            f"{lost[0]}. Is it a checkpoint of another architecture than config.json says ({config.model_type})?"
        )
    if missing:  # a trained head reads pairs as they were when it was trained
        separate_pairs(tokenizer)
    return transformer.eval(), tokenizer, bool(missing)


def is_head(transformer: PreTrainedModel, name: str) -> bool:
    """Whether a weight belongs to the head: it stands outside the encoder, or is BERT's pooling layer."""
    return not name.startswith(f"{transformer.base_model_prefix}.") or ".pooler." in f".{name}"


def _check_labels(config: Any, folder: Path) -> None:
    kinds = config.architectures or []
    if any(kind.endswith("ForSequenceClassification") for kind in kinds) and config.num_labels != 1:
        raise WrankError(
            f"{folder}: its head has {config.num_labels} labels; wanted one number, how relevant the passage is. Take "
            "a cross-encoder with one label, or the encoder that this one was made from, which gets a new head"
        )
