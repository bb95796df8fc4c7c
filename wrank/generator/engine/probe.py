"""A tiny request at the start: an engine that does not hold a reply to its schema is found before any work."""

import json

from wrank.errors import WrankError
from wrank.files import short
from wrank.generator.engine.base import Engine
from wrank.generator.request import Request, Sampling

_KEY, _WORD = "zebra_quartz", "mauve-otter-7041"
PROBE = Request(
    id="probe",
    messages=({"role": "user", "content": "What is the capital of France? Answer in one plain sentence."},),
    schema={
        "type": "object",
        "properties": {_KEY: {"type": "string", "enum": [_WORD]}},
        "required": [_KEY],
        "additionalProperties": False,
    },
    sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=128),
)


def probe(engine: Engine) -> None:
    """Asks for something no model says by itself and sees whether the schema forces it.

    Args:
        engine: started.

    Raises:
        WrankError: the reply does not obey the schema, or there is none.
    """
    reply = next(iter(list(engine.generate([PROBE]))), None)
    if reply is None or reply.finish == "error":
        reason = reply.error if reply else "no reply"
        raise WrankError(f"{_what(engine)} failed at a first, tiny request: {reason}")
    try:
        obeyed = json.loads(reply.text) == {_KEY: _WORD}
    except ValueError:
        obeyed = False
    if not obeyed:
        raise WrankError(
            f"{_what(engine)} does not hold its replies to a JSON schema: a schema that allows one answer only brought "
            f"{short(reply.text)!r} (finish: {reply.finish}). Without that, replies cannot be read reliably. Use a "
            "version or server that has structured output (vLLM from 0.11 on, `response_format` json_schema), or "
            "generator/engine=transformers."
        )


def _what(engine: Engine) -> str:
    version = engine.facts().get("vllm") or engine.facts().get("server")
    return f"generator/engine={engine.name}{f' ({version})' if version else ''} with model {engine.model}"
