"""vLLM in a process of its own: continuous batching, shared prefixes, replies bound to a JSON schema."""

import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from wrank.errors import WrankError
from wrank.generator.engine.base import Engine
from wrank.generator.engine.bundled import model_identity, resolve_model
from wrank.generator.engine.vllm_interpreter import Interpreter, find_interpreter, replica_devices, visible_gpus
from wrank.generator.engine.vllm_pool import SCRIPT, Pool, Worker
from wrank.generator.request import Reply, Request

_ENVIRONMENT = {  # what holds unless the user's environment says otherwise
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    "TOKENIZERS_PARALLELISM": "false",
}


class Vllm(Engine):
    """Runs vLLM offline, one process an engine; when it is closed, the GPU is free.

    Sampling is seeded an engine, not a request (vLLM's CPU builds crash with the latter), and which requests share a
    batch depends on time: two runs with one seed draw from the same distribution, but do not write the same words.

    Args:
        model: ``bundled:smollm2``, a folder, or an id of the Hugging Face hub.
        revision: branch, tag or commit on the hub; None: the default branch.
        models: folder for the converted bundled model.
        interpreter: a Python that has vLLM; None: this one if it has, else that of ``.venv-vllm``.
        dtype: precision of the weights: ``auto``, ``bfloat16``, ``float16``, ``float32``.
        quantization: vLLM's name of a method; None: as the model says.
        max_model_len: context in tokens, prompt and reply; None: the model's own.
        tensor_parallel_size: GPUs an engine.
        replicas: engines side by side, off one list of work; ``auto``: as many as the visible GPUs allow.
        gpu_memory_utilization: share (0 to 1) of a GPU's memory that an engine takes.
        kv_cache_gib: memory of the KV cache on a CPU in GiB, whole; no meaning on a GPU.
        window: the most requests in flight an engine.
        seed: of the sampling; each further replica adds 1.
        enforce_eager: no graph capture and no compilation: starts sooner, may write slower; None: so on a CPU, where
            compiling takes minutes, and not on a GPU.
        trust_remote_code: run Python code that comes with the model.
        chat: values for the model's chat template, e.g. ``{enable_thinking: false}``.
        start_timeout: seconds until the model must be loaded.
        stall_timeout: seconds without a sign of life from an engine that has work.
        extra: further arguments of ``vllm.LLM``, part of the run's key.

    Raises:
        WrankError: a value out of its range.
    """

    name = "vllm"

    def __init__(
        self,
        *,
        model: str = "bundled:smollm2",
        revision: str | None = None,
        models: str,
        interpreter: str | None = None,
        dtype: str = "auto",
        quantization: str | None = None,
        max_model_len: int | None = 4096,
        tensor_parallel_size: int = 1,
        replicas: int | Literal["auto"] = "auto",
        gpu_memory_utilization: float = 0.9,
        kv_cache_gib: int = 2,
        window: int = 128,
        seed: int = 0,
        enforce_eager: bool | None = None,
        trust_remote_code: bool = False,
        chat: Mapping[str, Any] | None = None,
        start_timeout: float = 1800.0,
        stall_timeout: float = 600.0,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        positive = {"tensor_parallel_size": tensor_parallel_size, "kv_cache_gib": kv_cache_gib, "window": window}
        positive |= {} if replicas == "auto" else {"replicas": replicas}
        positive |= {} if max_model_len is None else {"max_model_len": max_model_len}
        for key, value in positive.items():
            if not isinstance(value, int) or value < 1:
                raise WrankError(f"generator.engine.{key}={value}: wanted a whole number above 0.")
        if not 0 < gpu_memory_utilization <= 1:
            raise WrankError(f"generator.engine.gpu_memory_utilization={gpu_memory_utilization}: wanted 0 to 1.")
        self.model, self.revision, self.models, self.interpreter = model, revision, Path(models), interpreter
        self.tensor_parallel_size, self.replicas, self.seed = tensor_parallel_size, replicas, seed
        self.kv_cache_gib, self.window, self._window = kv_cache_gib, window, window
        self.start_timeout, self.stall_timeout = start_timeout, stall_timeout
        self.chat, self.extra = dict(chat or {}), dict(extra or {})
        self._arguments: dict[str, Any] = {
            "revision": revision,
            "dtype": dtype,
            "quantization": quantization,
            "max_model_len": max_model_len,
            "tensor_parallel_size": tensor_parallel_size,
            "gpu_memory_utilization": gpu_memory_utilization,
            "enforce_eager": enforce_eager,
            "trust_remote_code": trust_remote_code,
            "enable_prefix_caching": True,
            "load_format": "safetensors",  # never a pickle
            # weak models write blanks between two keys until the reply is cut
            # (guidance: texts of bounded length cost xgrammar half of every step)
            "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True},
        }
        self._pool: Pool | None = None
        self._found: Interpreter | None = None
        self._numbers = itertools.count()

    def identity(self) -> dict[str, Any]:
        """Engine, model, precision, context, seed; not vLLM's version, which is among the facts."""
        settings = {key: self._arguments[key] for key in ("dtype", "quantization", "max_model_len")}
        model = model_identity(self.model, self.revision)
        return {
            "engine": self.name,
            "model": model,
            "seed": self.seed,
            "chat": self.chat,
            "extra": self.extra,
            **settings,
        }

    def start(self) -> None:
        """Starts the processes and waits until each has loaded its model."""
        if self._pool is not None:
            return
        found = self._found = find_interpreter(self.interpreter)
        gpus = [] if found.cpu else visible_gpus()
        devices = replica_devices(self.replicas, self.tensor_parallel_size, gpus)
        self.window = self._window * len(devices)
        environments = [self.environment(found, names, on_gpu=bool(gpus)) for names in devices]
        first = [{"llm": self.arguments(place), "chat": self.chat} for place in range(len(devices))]
        pool = Pool([found.path, str(SCRIPT)], environments, first)
        try:
            pool.wait_until_ready(self.start_timeout)
        except BaseException:
            pool.close()
            raise
        self._pool = pool

    def arguments(self, place: int = 0) -> dict[str, Any]:
        """The arguments of ``vllm.LLM`` for one engine; makes the bundled model ready."""
        model = resolve_model(self.model, self.models)
        eager = self._arguments["enforce_eager"]
        if eager is None:
            eager = find_interpreter(self.interpreter).cpu or not visible_gpus()
        return self._arguments | {"model": model, "seed": self.seed + place, "enforce_eager": eager} | self.extra

    def environment(self, found: Interpreter, gpus: list[str] | None, *, on_gpu: bool) -> dict[str, str]:
        """The environment variables of one engine's process.

        Args:
            found: the Python that runs it.
            gpus: the GPUs it may see; None: those that this process sees.
            on_gpu: whether it runs on GPUs.
        """
        environment = _ENVIRONMENT | found.environment
        if gpus is not None:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        if not on_gpu:
            environment["VLLM_CPU_KVCACHE_SPACE"] = str(self.kv_cache_gib)
        return environment

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answers requests as they finish; each goes to the engine with the fewest."""
        if self._pool is None:
            raise RuntimeError("generate() before start()")
        pool, source = self._pool, iter(requests)
        waiting: dict[int, tuple[Request, Worker]] = {}
        try:
            while True:
                while len(waiting) < self.window and (request := next(source, None)) is not None:
                    number = next(self._numbers)
                    worker = min(pool.workers, key=lambda worker: len(worker.open))
                    waiting[number] = (request, worker)
                    worker.take(number, _message(number, request))
                if not waiting:
                    return
                reply = pool.next_reply(self.stall_timeout)
                if (entry := waiting.pop(reply.pop("n"), None)) is not None:  # else: an abandoned run's
                    yield Reply(id=entry[0].id, **reply)
        finally:
            for number, (_, worker) in waiting.items():
                worker.open.discard(number)
                worker.send({"abort": [number]})

    def facts(self) -> dict[str, Any]:
        """Version of vLLM, device, precision, context and cache in tokens, seconds to start, engines side by side."""
        if self._pool is None or self._found is None:
            return {}
        workers = self._pool.workers
        python = "this environment" if self._found.path == sys.executable else "an environment of its own"
        facts = {"replicas": len(workers), "tensor_parallel_size": self.tensor_parallel_size, "python": python}
        return {**workers[0].facts, **facts} if workers else {}

    def close(self) -> None:
        """Ends the processes, by force when they do not end by themselves."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def _message(number: int, request: Request) -> dict[str, Any]:
    messages = [dict(message) for message in request.messages]
    message = {"n": number, "messages": messages, "schema": dict(request.schema), "sampling": asdict(request.sampling)}
    return message | ({"logprobs": request.logprobs} if request.logprobs else {})
