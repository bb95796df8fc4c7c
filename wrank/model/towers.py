"""Builds the one or two encoders of a bi-encoder from where the model comes from."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wrank.errors import WrankError
from wrank.model.encoder import Encoder
from wrank.model.loading import load_parts, position_limit
from wrank.model.settings import Settings, resolve_settings
from wrank.model.source import Source
from wrank.model.tiny import tiny_parts


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
    seed: int,
) -> Towers:
    """Load or build the encoders and settle the settings.

    Args:
        opened: where the model comes from.
        given: settings that the caller gave, None where not.
        shared: one tower; None: as the folder has it, else one. False with a folder of one: two that start equal.
        dropout: every dropout probability, or None for the model's own.
        attention: transformers' ``attn_implementation``, or None.
        trust_remote_code: run the Python code that comes with a model.
        seed: decides the weights of ``random:tiny``.

    Raises:
        WrankError: the model cannot be loaded, a setting cannot be, or two towers do not fit together.
    """
    layout = opened.layout
    if layout is None:
        transformer, tokenizer = tiny_parts(seed, dropout=dropout, attention=attention)
        settings = resolve_settings(given, {}, position_limit(transformer))
    else:
        transformer, tokenizer = load_parts(
            layout.passage, dropout=dropout, attention=attention, trust_remote_code=trust_remote_code
        )
        settings = resolve_settings(given, layout.said, position_limit(transformer))
    passage = Encoder(transformer, tokenizer, settings.pooling)
    query = None
    if layout is not None and not layout.shared:
        if shared:
            raise WrankError(f"model.shared=true, but {opened.name} holds two towers. Leave model.shared out.")
        parts = load_parts(layout.query, dropout=dropout, attention=attention, trust_remote_code=trust_remote_code)
        query = Encoder(*parts, settings.pooling)
        if query.dimension != passage.dimension:
            raise WrankError(
                f"{opened.name}: its query tower gives vectors of {query.dimension} numbers and its passage tower of "
                f"{passage.dimension}: they cannot be compared."
            )
    elif shared is False:
        query = Encoder(copy.deepcopy(transformer), tokenizer, settings.pooling)
    return Towers(settings, passage, query)
