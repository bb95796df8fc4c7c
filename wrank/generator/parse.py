"""Reading a reply: it must have ended by itself, be strict JSON, and obey the schema it was given."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from wrank.files import short
from wrank.generator.base import Rejected
from wrank.generator.request import Reply

_SENTENCE_END = re.compile(r"[.!?…。！？．｡।॥؟۔։።៕။]['\"’”»›」』）)\]]*$")
_LAST_END = re.compile(r"[.!?…।॥؟۔።៕]['\"’”»›)\]]*(?=\s)|[。！？．｡]['\"’”»›」』）)\]]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_answer(reply: Reply, schema: Mapping[str, Any], trimmed: list[str] | None = None) -> dict[str, Any]:
    """Reads a reply.

    A text that fills its maxLength in the middle of a sentence was ended by the schema, not by the model.

    Args:
        reply: what the engine answered.
        schema: the request's JSON schema.
        trimmed: such a text is cut back to its last whole sentence, where that leaves at least minLength characters,
            and added to this list; None: it is refused.

    Returns:
        The answer; it obeys the schema.

    Raises:
        Rejected: ``engine_error`` (the engine failed on this request), ``cut`` (stopped at max_tokens, or a text fills
            its maxLength without ending a sentence), ``not_json`` (also: NaN, an infinity, a key twice, half a
            surrogate pair, anything around the object), ``schema``.
    """
    if reply.finish == "error":
        raise Rejected("engine_error", short(reply.error or "no reason given"))
    if reply.finish == "length":
        raise Rejected("cut", f"the reply was cut off after {reply.output_tokens} tokens")
    answer = _strict_json(reply.text)
    error = best_match(Draft202012Validator(schema).iter_errors(answer))
    if error is not None:
        raise Rejected("schema", f"{error.json_path}: {short(error.message)}")
    if not isinstance(answer, dict):
        raise Rejected("schema", f"$: wanted an object, got {type(answer).__name__}")
    for holder, key, path, bounds in list(_bounded_texts({"": answer}, "", schema, "$")):
        text, limit = holder[key], bounds["maxLength"]
        if len(text) < limit or _SENTENCE_END.search(text.rstrip()):
            continue
        ends = [match.end() for match in _LAST_END.finditer(text)] if trimmed is not None else []
        if not ends or ends[-1] < bounds.get("minLength", 1):
            raise Rejected("cut", f"{path}: it fills the {limit} characters allowed, and its last sentence has no end")
        holder[key] = text[: ends[-1]]
        if trimmed is not None:
            trimmed.append(holder[key].strip())
    return answer


def _strict_json(text: str) -> Any:
    if not text.strip():
        raise Rejected("not_json", "the reply is empty")
    try:
        answer = json.loads(
            text, object_pairs_hook=_object_without_doubles, parse_constant=_no_constant, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise Rejected("not_json", short(str(error))) from None
    if _SURROGATE.search(text) or ("\\u" in text and _SURROGATE.search(json.dumps(answer, ensure_ascii=False))):
        raise Rejected("not_json", "half a surrogate pair is no text")
    return answer


def _object_without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Rejected("not_json", f"the key {short(repr(twice))} comes twice")
    return made


def _no_constant(word: str) -> NoReturn:
    raise Rejected("not_json", f"{word} is no JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Rejected("not_json", f"{short(digits)} is larger than a number can be")
    return value


def _bounded_texts(holder: Any, key: Any, schema: Any, path: str) -> Iterator[tuple[Any, Any, str, Mapping[str, Any]]]:
    """(what holds it, its key there, path, schema) of every text whose length the schema bounds."""
    if not isinstance(schema, Mapping):
        return
    value = holder[key]
    if isinstance(value, str) and "maxLength" in schema:
        yield holder, key, path, schema
    elif isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if name in value:
                yield from _bounded_texts(value, name, part, f"{path}.{name}")
    elif isinstance(value, list):
        first = schema.get("prefixItems", [])
        for index in range(len(value)):
            own = first[index] if index < len(first) else schema.get("items")
            yield from _bounded_texts(value, index, own, f"{path}[{index}]")
