"""Loads a transformer and its tokenizer from a folder: float32, safetensors only, no weight left at random."""

import inspect
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForTextEncoding,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from wrank.errors import WrankError
from wrank.model.explained import explained
from wrank.model.hub import OFFLINE_PRESETS, check_weight_files
from wrank.model.quantize import loading_arguments
from wrank.quiet import quiet


def load_parts(
    folder: Path,
    *,
    dropout: float | None = None,
    attention: str | None = None,
    trust_remote_code: bool = False,
    quantize: str | None = None,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a transformer (without head and pooling layer) and its tokenizer.

    Args:
        folder: holds config.json, ``*.safetensors`` and the tokenizer's files.
        dropout: every dropout probability, or None to leave them as config.json has them.
        attention: transformers' ``attn_implementation`` (``sdpa``, ``eager``, ``flash_attention_2``), or None.
        trust_remote_code: run the Python files that come with the model.
        quantize: ``nf4``: linear layers in 4 bits; None: weights as they are.

    Returns:
        The transformer in float32 and evaluation mode, and the tokenizer, which always has a padding token.

    Raises:
        WrankError: the folder is not a model, its weights are not safetensors or not all there, or it cannot be built.
    """
    if not (folder / "config.json").is_file():
        raise WrankError(f"{folder} is not a model: it has no config.json. {OFFLINE_PRESETS}")
    check_weight_files([file.name for file in folder.iterdir()], f"{folder}", None)
    with quiet(), explained(str(folder)):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        tokenizer = load_tokenizer(folder, trust_remote_code)
        set_config(config, dropout)
        transformer, report = _loader(config).from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
            **({"attn_implementation": attention} if attention else {}),
            **without_pooling_layer(config),
            **loading_arguments(quantize),
        )
    missing = sorted(report["missing_keys"])
    if missing:
        raise WrankError(
            f"{folder}: {len(missing)} weights are not in its safetensors file and would be random, the first is "
            f"{missing[0]}. Is it a checkpoint of another architecture than config.json says ({config.model_type})?"
        )
    return transformer.eval(), tokenizer


def load_tokenizer(folder: Path, trust_remote_code: bool) -> PreTrainedTokenizerBase:
    """Load a tokenizer; one that names no padding token gets one.

    Raises:
        WrankError: it names no token that could stand for padding.
    """
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    _set_padding(tokenizer, folder)
    return tokenizer


def position_limit(transformer: PreTrainedModel) -> int | None:
    """Most tokens that the transformer has positions for, or None if its positions are relative and unlimited."""
    limit = getattr(transformer.config.get_text_config(), "max_position_embeddings", None)
    if not isinstance(limit, int) or limit <= 0:
        return None
    for name, module in transformer.named_modules():
        # RoBERTa and its family count positions from padding_idx + 1, so the first ones are never used
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding) and module.padding_idx is not None:
            return limit - module.padding_idx - 1
    return limit


def without_pooling_layer(config: PreTrainedConfig) -> dict[str, bool]:
    """What to pass to from_pretrained so that BERT's own pooling layer, if the class has one, is left out.

    It is not used here; left in, it would get no gradient, or random weights where the file has none.
    """
    model_class = _registered(AutoModel, config)
    parameters = inspect.signature(model_class).parameters if model_class else {}
    return {"add_pooling_layer": False} if "add_pooling_layer" in parameters else {}


def _loader(config: PreTrainedConfig) -> Any:
    """AutoModel, or for T5 and its family the class that has the encoder alone."""
    encoder = _registered(AutoModelForTextEncoding, config)
    if encoder and encoder.__name__.endswith("EncoderModel"):
        return AutoModelForTextEncoding
    if config.is_encoder_decoder:
        raise WrankError(f"{config.model_type} is an encoder-decoder without an encoder of its own: not supported.")
    return AutoModel


def _registered(auto: Any, config: PreTrainedConfig) -> Any:
    found = auto._model_mapping.get(type(config), None)
    return found[0] if isinstance(found, tuple) else found


def set_config(config: PreTrainedConfig, dropout: float | None) -> None:
    """Switch the cache of a decoder off, and set every dropout probability unless it is None."""
    if hasattr(config, "use_cache"):
        config.use_cache = False
    if dropout is None:
        return
    text_config = config.get_text_config()
    for key, value in text_config.to_dict().items():
        probability = "dropout" in key or key.endswith("pdrop")
        if probability and isinstance(value, int | float) and not isinstance(value, bool):
            setattr(text_config, key, float(dropout))


def _set_padding(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    if tokenizer.pad_token_id is not None:
        return
    # which token pads does not matter to us (it is masked); sentence-transformers needs one to be named
    token = tokenizer.eos_token or tokenizer.unk_token or tokenizer.bos_token
    if token is None:
        raise WrankError(f"{folder}: the tokenizer names no padding, end, unknown or start token. Set pad_token in it.")
    tokenizer.pad_token = token
