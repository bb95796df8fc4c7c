"""Binds what a transformers model writes to a JSON schema, token by token, with llguidance."""

import importlib.util
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wrank.errors import WrankError


class Grammars:
    """Makes constraints for one tokenizer.

    Args:
        tokenizer: a fast tokenizer of transformers.
        vocabulary: tokens the model has logits for.
        ends: the tokens that end a reply.

    Raises:
        WrankError: llguidance is not installed, or cannot read the tokenizer.
    """

    def __init__(self, tokenizer: Any, vocabulary: int, ends: Sequence[int]) -> None:
        if importlib.util.find_spec("llguidance") is None:
            raise WrankError(
                "generator/engine=transformers needs the Python package llguidance, which holds a reply to its JSON "
                "schema: `pip install llguidance` or, in a checkout, `make install`."
            )
        from llguidance.hf import from_tokenizer

        try:
            self._tokenizer = from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=list(ends))
        except Exception as error:  # Rust's errors have no type of their own
            raise WrankError(f"llguidance cannot read this model's tokenizer ({error}): try another model.") from error

    def matcher(self, schema: Mapping[str, Any]) -> Any:
        """State of one reply, at its beginning.

        Raises:
            ValueError: a schema that cannot be held to.
        """
        from llguidance import LLMatcher

        # no free white space: weak models write blanks between two keys until the reply is cut
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides={"whitespace_flexible": False})
        matcher = LLMatcher(self._tokenizer, grammar, log_level=0)
        if matcher.is_error():
            raise ValueError(f"the schema cannot be held to: {matcher.get_error()}")
        return matcher


class SchemaMask:
    """A logits processor of transformers: forbids every token that no reply of the schema has at this place.

    Args:
        matchers: one a row of the batch, at the beginning.
        prompt_tokens: width of the batch of prompts.
        ends: the tokens that end a reply.
    """

    def __init__(self, matchers: Sequence[Any], prompt_tokens: int, ends: Sequence[int]) -> None:
        self._matchers, self._prompt_tokens, self._ends = list(matchers), prompt_tokens, list(ends)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the scores [B, vocabulary], the forbidden ones minus infinity."""
        from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

        masks = allocate_token_bitmask(len(self._matchers), scores.shape[1])
        written = input_ids.shape[1] > self._prompt_tokens
        last = input_ids[:, -1].tolist()
        for row, matcher in enumerate(self._matchers):
            if written and not matcher.is_stopped():
                matcher.consume_token(last[row])
            if not matcher.is_stopped():
                fill_next_token_bitmask(matcher, masks, row)
        allowed = np.unpackbits(masks.view(np.uint8), axis=1, bitorder="little")[:, : scores.shape[1]]
        for row, matcher in enumerate(self._matchers):
            if matcher.is_stopped():  # the reply is whole, or its state is broken, which `error` tells
                allowed[row] = 0
                allowed[row, self._ends] = 1
        return scores.masked_fill(torch.from_numpy(allowed == 0).to(scores.device), -torch.inf)

    def error(self, row: int) -> str:
        """Why a row could not be held to its schema; "" when it was."""
        matcher = self._matchers[row]
        return str(matcher.get_error()) if matcher.is_error() else ""
