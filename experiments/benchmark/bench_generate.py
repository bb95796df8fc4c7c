"""Overhead of wrank's vLLM engine over a bare ``vllm.LLM.chat`` loop: same model, prompts and arguments, in one run.

Run it with ``python -m experiments.benchmark.bench_generate [PROMPTS [TURNS]]``. Both keep a model loaded and take
turns, first one, then the other, so that a slow minute of the machine hits both; every turn has prompts of its own, so
that no prefix cache helps. Decoding is greedy: both write the same lengths but for rounding, and tokens a second are
compared. Prints medians, spread, and the median of the turns' ratios.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.generator.engine.vllm import Vllm
from wrank.generator.engine.vllm_interpreter import find_interpreter, visible_gpus
from wrank.generator.request import Request, Sampling

_QUERIES = Path(__file__).resolve().parents[2] / "wrank" / "data" / "sample" / "queries.jsonl"
_SCRIPT = Path(__file__).with_name("vllm_chat.py")
_MODELS = Path("store") / "language-model"
_LEVELS = ("perfectly_relevant", "highly_relevant", "related", "irrelevant")
_SCHEMA = {
    "type": "object",
    "properties": {level: {"type": "string", "minLength": 40, "maxLength": 200} for level in _LEVELS},
    "required": list(_LEVELS),
    "additionalProperties": False,
}
_SYSTEM = (
    "You write passages for a search engine's test. For a query, write four passages that differ in how well they "
    "answer it: perfectly_relevant holds the exact answer; highly_relevant holds some answer among other things; "
    "related is on the topic but does not answer; irrelevant has nothing to do with the query. Answer with JSON."
)
_SAMPLING = Sampling(temperature=0.0, top_p=1.0, max_tokens=256, repetition_penalty=1.1)


def main(prompts: int = 32, turns: int = 6) -> dict[str, Any]:
    """Run the benchmark, print its table and return its numbers; ``{"skipped": reason}`` where there is no vLLM.

    Args:
        prompts: requests a turn.
        turns: turns each contestant has, after one to warm up.
    """
    try:
        interpreter = find_interpreter(None)
    except WrankError as error:
        print(f"bench_generate: skipped: {error}")
        return {"skipped": str(error)}
    share = 0.4 if visible_gpus() and not interpreter.cpu else 0.9  # both are loaded at once
    keys: dict[str, Any] = {"kv_cache_gib": 1, "max_model_len": 2048, "enforce_eager": True, "replicas": 1}
    engine = Vllm(models=str(_MODELS), interpreter=interpreter.path, window=256, gpu_memory_utilization=share, **keys)
    rates: dict[str, list[float]] = {"bare": [], "wrank": []}
    with engine, tempfile.TemporaryFile() as log:
        bare = _start_bare(interpreter.path, engine, log)
        try:
            for turn in range(turns + 1):
                batch = _requests(prompts, turn)
                contestants = [("bare", lambda: _run_bare(bare, batch)), ("wrank", lambda: _run_wrank(engine, batch))]  # noqa: B023
                for name, run in contestants if turn % 2 else reversed(contestants):
                    rates[name].append(run())
        finally:
            bare.stdin.close()  # type: ignore[union-attr]
            bare.wait(timeout=60)
        facts = engine.facts()
    result = _summary({name: values[1:] for name, values in rates.items()})
    print(f"{engine.model} on {facts['device']} by vLLM {facts['vllm']}, {prompts} prompts a turn, {turns} turns each")
    print(f"{'':8} output tokens/s (slowest to fastest)")
    for name in rates:
        print(
            f"{name:8} {result[name]['median']:10.1f}  ({result[name]['slowest']:.1f} to {result[name]['fastest']:.1f})"
        )
    low, high = result["ratio_spread"]
    print(f"wrank / bare: {result['ratio']:.3f} ({low:.3f} to {high:.3f}); overhead {1 - result['ratio']:.1%}")
    return {"prompts": prompts, "turns": turns, "vllm": facts["vllm"], "device": facts["device"], **result}


def _requests(count: int, turn: int) -> list[Request]:
    texts = [json.loads(line)["text"] for line in _QUERIES.read_text(encoding="utf-8").split("\n") if line]
    requests = []
    for place in range(count):
        query = f"{texts[(turn * count + place) % len(texts)]} ({turn}.{place})"
        messages = ({"role": "system", "content": _SYSTEM}, {"role": "user", "content": f"Query: {query}"})
        requests.append(Request(f"{turn}-{place}", messages, _SCHEMA, _SAMPLING))
    return requests


def _run_wrank(engine: Vllm, batch: Sequence[Request]) -> float:
    started = time.perf_counter()
    tokens = sum(reply.output_tokens for reply in engine.generate(batch))
    return tokens / (time.perf_counter() - started)


def _start_bare(python: str, engine: Vllm, log: Any) -> "subprocess.Popen[str]":
    found = find_interpreter(python)
    environment = engine.environment(found, None, on_gpu=not found.cpu and bool(visible_gpus()))
    process = subprocess.Popen(
        [python, str(_SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=environment,
    )
    _ask_bare(process, engine.arguments())
    return process


def _run_bare(process: "subprocess.Popen[str]", batch: Sequence[Request]) -> float:
    messages = [list(request.messages) for request in batch]
    answer = _ask_bare(process, {"messages": messages, "schema": _SCHEMA, "sampling": asdict(_SAMPLING)})
    return float(answer["tokens"] / answer["seconds"])


def _ask_bare(process: "subprocess.Popen[str]", message: Any) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


def _summary(rates: dict[str, list[float]]) -> dict[str, Any]:
    ratios = [ours / bare for bare, ours in zip(rates["bare"], rates["wrank"], strict=True)]
    summary: dict[str, Any] = {
        name: {"median": statistics.median(values), "slowest": min(values), "fastest": max(values)}
        for name, values in rates.items()
    }
    return summary | {"ratio": statistics.median(ratios), "ratio_spread": [min(ratios), max(ratios)]}


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
