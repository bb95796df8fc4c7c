"""The process that holds vLLM: requests come in by one pipe, replies leave by another, as they finish.

Run as a script, by path, by an interpreter whose environment has vLLM but need not have wrank: nothing but the standard
library and vLLM is imported here. Arguments: the two pipes' numbers. Messages are JSON objects, one a line.

In: first ``{"llm": arguments of vllm.LLM, "chat": values for the chat template}``, then ``{"n", "messages", "schema",
"sampling", "logprobs"}`` (an empty schema: free text; logprobs only when wanted) or ``{"abort": [n]}``. Out:
``{"ready": facts}``, then for each request ``{"n", "text", "finish", "prompt_tokens", "output_tokens", "seconds",
"error", "logprobs"}`` (the last when asked for); ``{"alive": true}`` now and then while it works; ``{"fatal": reason}``
before it gives up. vLLM prints as it likes: neither pipe is standard output.

The end of the first pipe means that nobody wants more: the process ends, and with it its group.
"""

import atexit
import json
import math
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

_GRACE = 6.0  # seconds for vLLM to end in order after the pipe closed; it takes 5 on a CPU
_GATHER = 0.005  # seconds for more to come before the first step, which would serve one request alone
_ALIVE = 2.0  # seconds between two signs of life


def main() -> None:
    """Loads the model and answers until the pipe ends."""
    source, sink = int(sys.argv[1]), int(sys.argv[2])
    for number in (source, sink):
        os.set_inheritable(number, False)  # vLLM's own processes must not hold the pipes open
    here = Path(__file__).resolve().parent
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != here]  # vllm.py there is not vLLM
    inbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    ended = threading.Event()
    atexit.register(_end_group, ended)  # the first to be registered runs last: after vLLM's own
    threading.Thread(target=_read, args=(source, inbox, ended), daemon=True).start()
    outbox = os.fdopen(sink, "w", encoding="utf-8")
    first = inbox.get()
    if first is None:
        return
    try:
        server = _Server(first["llm"], first["chat"], outbox)
        server.run(inbox)
    except Exception as error:
        # vLLM's own message names the cause or says that it stands in the log
        _send(outbox, {"fatal": f"{type(error).__name__}: {error}"})
        raise


def _read(source: int, inbox: "queue.SimpleQueue[dict[str, Any] | None]", ended: threading.Event) -> None:
    """Passes messages on; when the pipe ends, sees to it that the process does, too."""
    with os.fdopen(source, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            inbox.put(json.loads(line))
    ended.set()
    inbox.put(None)
    time.sleep(_GRACE)
    _end_group(ended)


def _end_group(ended: threading.Event) -> None:
    """Ends whatever this process started, and itself, when nobody listens any more."""
    if ended.is_set() and os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)


def _send(outbox: Any, message: dict[str, Any]) -> None:
    outbox.write(json.dumps(message) + "\n")
    outbox.flush()


class _Server:
    """vLLM's engine, fed request by request, so that its batch never runs dry."""

    def __init__(self, arguments: dict[str, Any], chat: dict[str, Any], outbox: Any) -> None:
        started = time.monotonic()
        import vllm

        self.outbox, self.chat = outbox, chat
        self.llm = vllm.LLM(**arguments)
        self.engine, self.tokenizer = self.llm.llm_engine, self.llm.get_tokenizer()
        config = self.engine.vllm_config
        self.context: int = config.model_config.max_model_len
        self.merge_system = self._must_merge_system()
        self.open: dict[str, tuple[float, int]] = {}  # request -> when it came, prompt tokens
        blocks, size = config.cache_config.num_gpu_blocks, config.cache_config.block_size
        facts = {
            "vllm": vllm.__version__,
            "device": _device(),
            "dtype": str(config.model_config.dtype).removeprefix("torch."),
            "context_tokens": self.context,
            "cache_tokens": blocks * size if blocks else None,
            "start_seconds": round(time.monotonic() - started, 1),
        }
        _send(outbox, {"ready": facts})

    def run(self, inbox: "queue.SimpleQueue[dict[str, Any] | None]") -> None:
        """Takes what has come, lets the engine write one token for all, sends what is finished, and again."""
        said = time.monotonic()
        while True:
            while not self.open or not inbox.empty():
                idle, message = not self.open, inbox.get()
                if message is None:
                    return
                self.take(message)
                if idle:
                    time.sleep(_GATHER)
            for output in self.engine.step():
                if output.finished:
                    self.answer(output)
            if time.monotonic() - said > _ALIVE:
                said = time.monotonic()
                _send(self.outbox, {"alive": True})

    def take(self, message: dict[str, Any]) -> None:
        if "abort" in message:
            gone = [str(number) for number in message["abort"] if str(number) in self.open]
            self.engine.abort_request(gone)
            for number in gone:
                del self.open[number]
            return
        number, tokens = str(message["n"]), []
        try:
            tokens = self.encode(message["messages"])
            if len(tokens) >= self.context:
                raise ValueError(
                    f"the prompt has {len(tokens)} tokens, the context holds {self.context}: raise "
                    "generator.engine.max_model_len, or ask for less"
                )
            self.engine.add_request(number, {"prompt_token_ids": tokens}, _parameters(message))
        except (ValueError, TypeError, KeyError, NotImplementedError) as error:
            self.reply(message["n"], "", "error", len(tokens), 0, 0.0, f"{type(error).__name__}: {error}")
        else:
            self.open[number] = (time.monotonic(), len(tokens))

    def answer(self, output: Any) -> None:
        if output.request_id not in self.open:
            return
        came, prompt_tokens = self.open.pop(output.request_id)
        written = output.outputs[0]
        finish = written.finish_reason if written.finish_reason in ("stop", "length") else "error"
        error = f"vLLM ended it with {written.finish_reason!r}" if finish == "error" else ""
        seconds = time.monotonic() - came
        number = int(output.request_id)
        more = _logprobs(written)
        self.reply(number, written.text, finish, prompt_tokens, len(written.token_ids), seconds, error, **more)

    def reply(
        self,
        n: int,
        text: str,
        finish: str,
        prompt_tokens: int,
        output_tokens: int,
        seconds: float,
        error: str,
        **more: Any,
    ) -> None:
        reply = {"n": n, "text": text, "finish": finish, "error": error, "seconds": seconds}
        _send(self.outbox, reply | {"prompt_tokens": prompt_tokens, "output_tokens": output_tokens} | more)

    def encode(self, messages: list[dict[str, str]]) -> list[int]:
        """The conversation as the model's chat template puts it, in tokens."""
        if self.merge_system and len(messages) > 1 and messages[0]["role"] == "system":
            merged = {"role": "user", "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
            messages = [merged, *messages[2:]]
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **self.chat)
        # the template writes the special tokens that belong at the beginning
        return self.tokenizer.encode(text, add_special_tokens=False) if isinstance(text, str) else list(text)

    def _must_merge_system(self) -> bool:
        """Whether the template refuses the system role, as Gemma's does.

        Raises:
            ValueError: the tokenizer has no chat template that can be used.
        """
        user, self.merge_system = {"role": "user", "content": "Hello"}, False
        try:
            self.encode([{"role": "system", "content": "Be short."}, user])
        except Exception:
            try:
                self.encode([user])
            except Exception as error:
                raise ValueError(f"the chat template cannot be used: {error}") from error
            return True
        return False


def _parameters(message: dict[str, Any]) -> Any:
    """Sampling of one request. No seed of its own: with one, CPU builds crash under chunked prefill."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    schema, logprobs = message["schema"], message.get("logprobs", 0)
    return SamplingParams(
        **message["sampling"],
        structured_outputs=StructuredOutputsParams(json=schema) if schema else None,
        output_kind=RequestOutputKind.FINAL_ONLY,
        **({"logprobs": logprobs} if logprobs else {}),
    )


def _logprobs(written: Any) -> dict[str, Any]:
    """Log-probabilities by the tokens' texts, place by place; tokens of one text are put together."""
    if not getattr(written, "logprobs", None):
        return {}
    places: list[dict[str, float]] = []
    for place in written.logprobs:
        found: dict[str, float] = {}
        for token in place.values():
            text, value = token.decoded_token or "", max(float(token.logprob), -1e4)  # JSON has no infinity
            found[text] = math.log(math.exp(found[text]) + math.exp(value)) if found.get(text, -99) > -99 else value
        places.append(found)
    return {"logprobs": places}


def _device() -> str:
    from vllm.platforms import current_platform

    try:
        return str(current_platform.get_device_name())
    except (NotImplementedError, RuntimeError):
        return str(current_platform.device_type)


if __name__ == "__main__":
    main()
