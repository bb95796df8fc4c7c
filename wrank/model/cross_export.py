"""Writes a cross-encoder as a folder that sentence-transformers' CrossEncoder loads, and `CrossEncoder` here.

Transformer with its head and tokenizer in the folder itself. config.json says that the score is the logit as it is
(sentence-transformers would put a sigmoid on it); ``wrank.json`` holds the length.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wrank.errors import WrankError
from wrank.model.card import cross_card
from wrank.model.export import whole, write_text
from wrank.model.layout import WRANK_FILE
from wrank.model.lora import plain_model
from wrank.quiet import quiet

if TYPE_CHECKING:
    from wrank.model.cross_encoder import CrossEncoder


def save(
    model: "CrossEncoder",
    folder: Path,
    *,
    scores: Mapping[str, float] | None = None,
    base: str | None = None,
    facts: Mapping[str, str] | None = None,
    license_id: str | None = None,
) -> None:
    """Write the model, whole or not at all; one that was there is replaced, a folder with anything else is refused.

    Args:
        model: what to write.
        folder: where; its parents are made.
        scores: measure -> value, for the model card's table.
        base: what the model was trained from, for the card; None: the model's source.
        facts: training facts for the card.
        license_id: licence of the weights; None: that of the source, where it is known.

    Raises:
        WrankError: the folder holds something that is not a model.
    """
    folder = Path(os.path.normpath(folder.absolute()))
    if folder.exists() and not (folder.is_dir() and ((folder / WRANK_FILE).is_file() or not any(folder.iterdir()))):
        raise WrankError(f"{folder} holds files that are not a model: nothing was written. Give a new folder.")
    card = cross_card(model, name=folder.name, scores=scores, base=base, facts=facts, license_id=license_id)
    with whole(folder) as partial:
        _write(model, partial)
        write_text(partial / "README.md", card)


def _write(model: "CrossEncoder", folder: Path) -> None:
    tokenizer = model.tokenizer
    if tokenizer.is_fast:  # leave out the limits of the last call
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    length, tokenizer.model_max_length = tokenizer.model_max_length, model.max_length  # sentence-transformers reads it
    transformer, merged = plain_model(model.transformer)
    try:
        with quiet():
            transformer.save_pretrained(folder, **merged)
            tokenizer.save_pretrained(folder)
    finally:
        tokenizer.model_max_length = length
    own = {"kind": "cross_encoder", "max_length": model.max_length}
    write_text(folder / WRANK_FILE, json.dumps(own, indent=2) + "\n")
