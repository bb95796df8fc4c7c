"""What passes between a recipe, the pipeline and an engine: items, requests, replies, written texts."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Finish = Literal["stop", "length", "error"]


@dataclass(frozen=True, slots=True)
class Item:
    """What one piece of writing starts from.

    Attributes:
        id: the query's id; the passage's for recipes that start from documents.
        text: the query's text; the passage's full text for recipes that start from documents.
        anchor_id: a real passage that is known to answer the query; "" when the recipe needs none.
        anchor: its full text.
        anchor_grade: its grade for the query.
    """

    id: str
    text: str
    anchor_id: str = ""
    anchor: str = ""
    anchor_grade: float = 0.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn.

    Attributes:
        temperature: divides the logits; 0 takes the most probable token.
        top_p: share (0 to 1) of the probability that is drawn from.
        max_tokens: the longest reply, in tokens.
        repetition_penalty: above 1, tokens that came before become less probable; 1 = off.
    """

    temperature: float = 0.8
    top_p: float = 0.95
    max_tokens: int = 1024
    repetition_penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a language model.

    Attributes:
        id: its content key (SHA-256, hexadecimal): query, recipe, prompt, model, sampling, slot and attempt.
        messages: the conversation, each ``{"role": system | user | assistant, "content": text}``.
        schema: JSON schema (an object) that the reply must obey; an empty one: free text.
        sampling: how to draw.
        logprobs: so many of the most probable tokens are reported for each token of the reply, with their
            log-probabilities; 0 = none. Asked for with an empty schema: whether a schema's mask comes before or after
            these probabilities differs between engines.
    """

    id: str
    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, Any]
    sampling: Sampling
    logprobs: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What an engine answers.

    Attributes:
        id: the request's.
        text: what the model wrote.
        finish: ``stop`` (it ended), ``length`` (cut at max_tokens or the context's end), ``error`` (this request alone
            failed, e.g. its prompt is longer than the context).
        prompt_tokens: tokens read.
        output_tokens: tokens written.
        seconds: from when the engine took the request to when it was done.
        error: why, when `finish` is ``error``.
        logprobs: for each token of the reply, the most probable tokens' texts and natural log-probabilities (before
            temperature and top_p); None when none were asked for, or the engine gave none.
    """

    id: str
    text: str
    finish: Finish
    prompt_tokens: int
    output_tokens: int
    seconds: float
    error: str = ""
    logprobs: list[dict[str, float]] | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A text that a reply held.

    Attributes:
        id: stable; tells recipe, query and level, e.g. ``graded:q012:L3``.
        kind: ``passage`` or ``query``.
        text: the text.
        grade: how relevant the passage is for the query (for ``query``: how relevant the item's passage is for it).
        label: the level's or style's name.
        attributes: what was drawn for the request, e.g. ``{"sentences": 3}``.
    """

    id: str
    kind: Literal["passage", "query"]
    text: str
    grade: float
    label: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


def by_text(tokens: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Log-probabilities by the tokens' texts: log(e^x + e^y) where two tokens have one text.

    Args:
        tokens: (text, log-probability).
    """
    found: dict[str, float] = {}
    for text, value in tokens:
        if text in found:
            low, high = sorted((found[text], value))
            value = high + math.log1p(math.exp(low - high)) if high > -math.inf else high
        found[text] = value
    return found
