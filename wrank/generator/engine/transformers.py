"""The fallback where vLLM cannot be had: batches through transformers' own generate, bound to a JSON schema."""

import gc
import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wrank.errors import WrankError
from wrank.generator.engine.base import Engine
from wrank.generator.engine.bundled import model_identity, resolve_model
from wrank.generator.engine.constraint import Grammars, SchemaMask
from wrank.generator.request import Reply, Request, by_text
from wrank.quiet import quiet

_DTYPES = ("auto", "bfloat16", "float16", "float32")
_DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class _Waiting:
    """A request that was taken: its prompt in tokens, its schema's state (None: free text), when it came."""

    request: Request
    tokens: list[int]
    matcher: Any
    came: float


class Transformers(Engine):
    """Runs a causal language model in this process, a batch of prompts of like length at a time.

    Slower than vLLM: a batch lasts as long as its longest reply. What a batch writes is drawn from a seed made of
    ``seed`` and the ids of its requests.

    Args:
        model: ``bundled:smollm2``, a folder, or an id of the Hugging Face hub.
        revision: branch, tag or commit on the hub; None: the default branch.
        models: folder for the converted bundled model.
        dtype: precision: ``auto`` (as saved), ``bfloat16``, ``float16``, ``float32``.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.
        batch_size: prompts a batch; four batches are taken at a time, to put like lengths together.
        max_model_len: context in tokens, prompt and reply; None: the model's own.
        seed: of the sampling.
        trust_remote_code: run Python code that comes with the model.
        chat: values for the model's chat template, e.g. ``{enable_thinking: false}``.

    Raises:
        WrankError: a value out of its range.
    """

    name = "transformers"

    def __init__(
        self,
        *,
        model: str = "bundled:smollm2",
        revision: str | None = None,
        models: str,
        dtype: str = "auto",
        device: str = "auto",
        batch_size: int = 8,
        max_model_len: int | None = 4096,
        seed: int = 0,
        trust_remote_code: bool = False,
        chat: Mapping[str, Any] | None = None,
    ) -> None:
        for key, value, choices in (("dtype", dtype, _DTYPES), ("device", device, _DEVICES)):
            if value not in choices:
                raise WrankError(f"generator.engine.{key}={value}: wanted one of {', '.join(choices)}.")
        for key, number in (("batch_size", batch_size), ("max_model_len", max_model_len)):
            if number is not None and (not isinstance(number, int) or number < 1):
                raise WrankError(f"generator.engine.{key}={number}: wanted a whole number above 0.")
        self.model, self.revision, self.models, self.dtype, self.device = model, revision, Path(models), dtype, device
        self.batch_size, self.window, self.seed = batch_size, 4 * batch_size, seed
        self.max_model_len, self.trust_remote_code, self.chat = max_model_len, trust_remote_code, dict(chat or {})
        self._model: Any = None
        self._tokenizer: Any = None
        self._facts: dict[str, Any] = {}

    def identity(self) -> dict[str, Any]:
        """Engine, model, precision, context, seed."""
        settings = {"dtype": self.dtype, "max_model_len": self.max_model_len, "seed": self.seed, "chat": self.chat}
        return {"engine": self.name, "model": model_identity(self.model, self.revision), **settings}

    def start(self) -> None:
        """Loads model and tokenizer."""
        if self._model is not None:
            return
        from transformers import AutoModelForCausalLM, AutoTokenizer

        started, folder, device = time.monotonic(), resolve_model(self.model, self.models), _device(self.device)
        common = {"revision": self.revision, "trust_remote_code": self.trust_remote_code}
        try:
            with quiet():
                tokenizer = AutoTokenizer.from_pretrained(folder, **common)
                model = AutoModelForCausalLM.from_pretrained(folder, dtype=self.dtype, use_safetensors=True, **common)
                model = model.eval().to(device)
        except Exception as error:  # OSError, ValueError, ImportError, RuntimeError (no memory), SafetensorError ...
            reason = " ".join(str(error).split())[:600]
            raise WrankError(
                f"generator.engine.model={self.model} cannot be loaded: {type(error).__name__}: {reason}. Is it "
                "misspelt, is there a network or a copy here, and does it fit into the memory? bundled:smollm2 needs "
                "no hub."
            ) from error
        if not getattr(tokenizer, "chat_template", None):
            raise WrankError(
                f"generator.engine.model={self.model} has no chat template: give an instruction-tuned model."
            )
        ends = model.generation_config.eos_token_id
        ends = [ends] if isinstance(ends, int) else list(ends or [tokenizer.eos_token_id])
        own = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 4096
        self._context, self._ends, self._tokenizer = min(self.max_model_len or own, own), ends, tokenizer
        self._grammars = Grammars(tokenizer, model.get_output_embeddings().weight.shape[0], ends)
        self._model = model
        facts = {"device": str(model.device), "dtype": str(model.dtype).removeprefix("torch.")}
        self._facts = {**facts, "context_tokens": self._context, "start_seconds": round(time.monotonic() - started, 1)}

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answers requests in batches: the oldest one and those most like it in length."""
        if self._model is None:
            raise RuntimeError("generate() before start()")
        source, waiting = iter(requests), list[_Waiting]()
        while True:
            while len(waiting) < self.window and (request := next(source, None)) is not None:
                taken = self._take(request)
                if isinstance(taken, Reply):
                    yield taken
                else:
                    waiting.append(taken)
            if not waiting:
                return
            batch = self._choose(waiting)
            waiting = [entry for entry in waiting if entry not in batch]
            yield from self._write(batch)

    def _take(self, request: Request) -> _Waiting | Reply:
        came = time.monotonic()
        try:
            tokens = self._encode(request.messages)
            if len(tokens) >= self._context:
                raise ValueError(f"the prompt has {len(tokens)} tokens, the context holds {self._context}")
            matcher = self._grammars.matcher(request.schema) if request.schema else None
            return _Waiting(request, tokens, matcher, came)
        except Exception as error:  # a template may raise anything; this request alone is lost
            return Reply(request.id, "", "error", 0, 0, 0.0, f"{type(error).__name__}: {error}")

    def _encode(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        from jinja2 import TemplateError

        conversation = [dict(message) for message in messages]
        chat = {"tokenize": False, "add_generation_prompt": True, **self.chat}
        try:
            text = self._tokenizer.apply_chat_template(conversation, **chat)
        except TemplateError:  # Gemma's refuses the system role
            if len(conversation) < 2 or conversation[0]["role"] != "system":
                raise
            content = f"{conversation[0]['content']}\n\n{conversation[1]['content']}"
            text = self._tokenizer.apply_chat_template(
                [{"role": "user", "content": content}, *conversation[2:]], **chat
            )
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def _choose(self, waiting: Sequence[_Waiting]) -> list[_Waiting]:
        oldest = waiting[0]
        alike = [entry for entry in waiting if _kind(entry.request) == _kind(oldest.request)]
        return sorted(alike, key=lambda entry: abs(len(entry.tokens) - len(oldest.tokens)))[: self.batch_size]

    @torch.inference_mode()
    def _write(self, batch: Sequence[_Waiting]) -> list[Reply]:
        sampling, width = batch[0].request.sampling, max(len(entry.tokens) for entry in batch)
        held, logprobs = bool(batch[0].request.schema), batch[0].request.logprobs
        pad = self._ends[0]
        rows = [[pad] * (width - len(entry.tokens)) + entry.tokens for entry in batch]
        seen = [[0] * (width - len(entry.tokens)) + [1] * len(entry.tokens) for entry in batch]
        device = self._model.device
        mask = SchemaMask([entry.matcher for entry in batch], width, self._ends) if held else None
        with quiet(), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(_seed(self.seed, [entry.request.id for entry in batch]))
            made = self._model.generate(
                input_ids=torch.tensor(rows, device=device),
                attention_mask=torch.tensor(seen, device=device),
                generation_config=_settings(sampling, min(sampling.max_tokens, self._context - width), self._ends),
                logits_processor=[mask] if mask else [],
                return_dict_in_generate=True,
                output_logits=logprobs > 0,
            )
        written = made.sequences[:, width:].tolist()
        top = [self._most_probable(logits_BV, logprobs) for logits_BV in made.logits] if logprobs else []
        return [
            self._reply(entry, written[row], mask.error(row) if mask else "", [place[row] for place in top])
            for row, entry in enumerate(batch)
        ]

    def _most_probable(self, logits_BV: torch.Tensor, count: int) -> list[dict[str, float]]:
        """Texts and log-probabilities of each row's most probable tokens."""
        top = logits_BV.float().log_softmax(dim=-1).topk(min(count, logits_BV.shape[1]), dim=-1)
        return [
            by_text((self._tokenizer.decode([token]), value) for token, value in zip(tokens, values, strict=True))
            for tokens, values in zip(top.indices.tolist(), top.values.tolist(), strict=True)
        ]

    def _reply(self, entry: _Waiting, tokens: list[int], error: str, top: list[dict[str, float]]) -> Reply:
        end = next((place for place, token in enumerate(tokens) if token in self._ends), None)
        text = self._tokenizer.decode(tokens[:end], skip_special_tokens=True)
        count = len(tokens) if end is None else end + 1
        seconds = time.monotonic() - entry.came
        finish = "error" if error else "length" if end is None else "stop"
        logprobs = top[:count] if entry.request.logprobs else None
        return Reply(entry.request.id, text, finish, len(entry.tokens), count, seconds, error, logprobs)  # type: ignore[arg-type]

    def facts(self) -> dict[str, Any]:
        """Device, precision, context in tokens, seconds to start."""
        return dict(self._facts)

    def close(self) -> None:
        """Frees the model's memory."""
        self._model = self._tokenizer = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _device(device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def _kind(request: Request) -> tuple[Any, ...]:
    """What the requests of a batch have in common."""
    return request.sampling, request.logprobs, bool(request.schema)


def _seed(seed: int, ids: Sequence[str]) -> int:
    return int.from_bytes(hashlib.sha256("\n".join([str(seed), *ids]).encode()).digest()[:7], "little")


def _settings(sampling: Any, tokens: int, ends: list[int]) -> Any:
    from transformers import GenerationConfig

    drawn = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0} if sampling.temperature else {}
    return GenerationConfig(
        max_new_tokens=tokens,
        do_sample=sampling.temperature > 0,
        repetition_penalty=sampling.repetition_penalty,
        eos_token_id=ends,
        pad_token_id=ends[0],
        **drawn,
    )
