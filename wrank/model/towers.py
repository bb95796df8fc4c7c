"""Builds the one or two encoders of a bi-encoder from where the model comes from."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wrank.errors import WrankError
from wrank.model.encoder import Encoder
from wrank.model.end import end_texts
from wrank.model.loading import load_parts, position_limit
from wrank.model.settings import Settings, check_dimensions, resolve_settings
from wrank.model.source import Source
from wrank.model.tiny import tiny_decoder_parts, tiny_parts


@dataclass(frozen=True)
class Towers:
    """What a bi-encoder is made of.

    Attributes:
        settings: resolved and checked.
        passage: reads passages, and queries too when there is no other.
        query: reads queries when the towers are separate, else None.
    """

    settings: Settings
    passage: Encoder
    query: Encoder | None


def build_towers(
    opened: Source,
    given: Mapping[str, Any],
    *,
    shared: bool | None,
    dropout: float | None,
    attention: str | None,
    trust_remote_code: bool,
    quantize: str | None = None,
    seed: int = 0,
) -> Towers:
    """Load or build the encoders and settle the settings.

    Args:
        opened: where the model comes from.
        given: settings that the caller gave, None where not.
        shared: one tower; None: as the folder has it, else one. False with a folder of one: two that start equal.
        dropout: every dropout probability, or None for the model's own.
        attention: transformers' ``attn_implementation``, or None.
        trust_remote_code: run the Python code that comes with a model.
        quantize: ``nf4``, or None for weights as they are.
        seed: decides the weights of a model with random weights.

    Raises:
        WrankError: the model cannot be loaded, a setting cannot be, or two towers do not fit together.
    """
    layout = opened.layout
    if layout is None:
        make = tiny_decoder_parts if opened.name == "random:tiny_decoder" else tiny_parts
        transformer, tokenizer = make(seed, dropout=dropout, attention=attention)
        settings = resolve_settings(given, {}, position_limit(transformer))
    else:
        transformer, tokenizer = load_parts(
            layout.passage,
            dropout=dropout,
            attention=attention,
            trust_remote_code=trust_remote_code,
            quantize=quantize,
        )
        settings = resolve_settings(given, layout.said, position_limit(transformer))
    check_dimensions(settings, int(transformer.config.get_text_config().hidden_size))
    end_texts(tokenizer, settings.pooling)
    passage = Encoder(transformer, tokenizer, settings.pooling)
    query = None
    if layout is not None and not layout.shared:
        if shared:
            raise WrankError(f"model.shared=true, but {opened.name} holds two towers. Leave model.shared out.")
        query_transformer, query_tokenizer = load_parts(
            layout.query,
            dropout=dropout,
            attention=attention,
            trust_remote_code=trust_remote_code,
            quantize=quantize,
        )
        end_texts(query_tokenizer, settings.pooling)
        query = Encoder(query_transformer, query_tokenizer, settings.pooling)
        if query.dimension != passage.dimension:
            raise WrankError(
                f"{opened.name}: its query tower gives vectors of {query.dimension} numbers and its passage tower of "
                f"{passage.dimension}: they cannot be compared."
            )
    elif shared is False:
        query = Encoder(copy.deepcopy(transformer), tokenizer, settings.pooling)
    return Towers(settings, passage, query)
