"""The end token that a decoder's vector is taken from, put after a text where the tokenizer puts none."""

import json
from collections.abc import Callable
from typing import Any

from transformers import PreTrainedTokenizerBase

from wrank.errors import WrankError

Template = dict[str, Any]
"""A template processor as tokenizer.json has it."""

Piece = dict[str, Any]
"""One piece of a template: a token, or a text's place."""


def end_texts(tokenizer: PreTrainedTokenizerBase, pooling: str) -> None:
    """Makes a tokenizer end every text, when its last token is pooled; in place.

    A decoder sees the whole text only at its last token, which should be the same for every text: the end token (as
    RepLLaMA, arXiv 2310.08319, and E5-mistral, arXiv 2401.00368, do it). The tokenizer is saved with it, so that other
    programs that load the model do the same. A tokenizer that ends texts by itself is left as it is.

    Args:
        tokenizer: what is changed.
        pooling: nothing is done but for ``last``.

    Raises:
        WrankError: a tokenizer without an end token, or one that cannot be changed.
    """
    if pooling != "last" or ends_texts(tokenizer):
        return
    if not tokenizer.is_fast:
        raise WrankError(
            f"model.pooling=last: {type(tokenizer).__name__} puts no end token after a text, and it has no "
            "tokenizer.json in which wrank could set it; choose model.pooling=mean, or convert the tokenizer."
        )
    change_template(tokenizer, str(tokenizer.eos_token), int(tokenizer.eos_token_id), _ended)
    if not ends_texts(tokenizer):
        raise WrankError(f"model.pooling=last: the end token {tokenizer.eos_token!r} cannot be put after a text.")


def ends_texts(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer puts a token of its own after a text: the end token, or a separator as BERT's does.

    Raises:
        WrankError: it names no end token that could be put there.
    """
    if tokenizer.is_fast:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    ids = tokenizer("a")["input_ids"]
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    ended = bool(ids) and ids[-1] in set(tokenizer.all_special_ids) and (not plain or ids[-1] != plain[-1])
    if not ended and tokenizer.eos_token_id is None:
        raise WrankError("model.pooling=last: the tokenizer puts no end token after a text and names none (eos_token).")
    return ended


def change_template(
    tokenizer: PreTrainedTokenizerBase, token: str, number: int, change: Callable[[Template, Piece], Template]
) -> None:
    """Changes the template by which a tokenizer puts tokens of its own around texts; one is added where there is none.

    Not a second template after the first: it would take what the first one put before the text for a text of its own.

    Args:
        tokenizer: a fast one; what is changed. It is saved with the change, and other programs find it there.
        token: the token that the change puts in.
        number: its number.
        change: (template as in tokenizer.json, the token as a piece of it) -> template.
    """
    backend: Any = tokenizer.backend_tokenizer
    content = json.loads(backend.to_str())["post_processor"]
    parts = [] if content is None else content["processors"] if content["type"] == "Sequence" else [content]
    places = [place for place, part in enumerate(parts) if part["type"] == "TemplateProcessing"]
    texts = [{"Sequence": {"id": name, "type_id": number}} for number, name in enumerate("AB")]
    if not places:
        parts = [*parts, {"type": "TemplateProcessing", "single": texts[:1], "pair": texts, "special_tokens": {}}]
    place = places[-1] if places else len(parts) - 1
    changed = change(parts[place], {"SpecialToken": {"id": token, "type_id": 0}})
    known = {token: {"id": token, "ids": [number], "tokens": [token]}}
    parts[place] = {**changed, "special_tokens": {**changed["special_tokens"], **known}}
    backend.post_processor = _processor(parts[0] if len(parts) == 1 else {"type": "Sequence", "processors": parts})


def _ended(template: Template, end: Piece) -> Template:
    """The template with the end token at its end."""
    last = next(iter(template["pair"][-1].values()))["type_id"]
    other_end = {"SpecialToken": {**end["SpecialToken"], "type_id": last}}
    return {**template, "single": [*template["single"], end], "pair": [*template["pair"], other_end]}


def _processor(content: dict[str, Any]) -> Any:
    """A post-processor from its content in tokenizer.json."""
    from tokenizers import Tokenizer, models

    carrier = json.loads(Tokenizer(models.WordLevel({"x": 0}, unk_token="x")).to_str())
    return Tokenizer.from_str(json.dumps({**carrier, "post_processor": content})).post_processor
