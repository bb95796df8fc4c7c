"""vLLM: where it is, and, if told so, whether it starts and holds its replies to a JSON schema."""

import re
from typing import Any

from wrank.doctor.base import Finding, Problem, Settings, State, absent, finding
from wrank.errors import WrankError
from wrank.generator.engine.vllm_interpreter import Interpreter, find_interpreter, visible_gpus

LEAST = (0, 11)
"""The first version whose structured output wrank asks for."""
_NEW = "pip install --upgrade 'vllm>=0.11'"


def look(settings: Settings) -> Finding:
    """Finds vLLM as the engine does; with ``deep`` it also starts it on SmolLM2."""
    try:
        found = find_interpreter(settings.interpreter)
    except WrankError as error:
        if settings.interpreter is not None:
            return finding([], [Problem(State.FAILURE, str(error), "Give interpreter a Python that has vLLM, or null")])
        what, _, advice = str(error).partition(". ")
        return absent(what, advice)
    facts = [f"vLLM {found.version}{' (CPU build)' if found.cpu else ''} of {found.path}"]
    problems = of_version(found)
    if not settings.deep:
        return finding([*facts, "not started (deep=true does)"], problems)
    try:
        started = start(settings)
    except WrankError as error:
        advice = "Read what vLLM said above; generator/engine=transformers writes without it"
        return finding(facts, [*problems, Problem(State.FAILURE, str(error), advice)])
    seconds = started.get("start_seconds", "?")
    device = started.get("device", "?")
    return finding([*facts, f"started in {seconds} s on {device}", "holds a JSON schema"], problems)


def of_version(found: Interpreter) -> list[Problem]:
    """What is wrong with a version, and with a CPU build on a machine with GPUs."""
    problems = []
    number = re.match(r"(\d+)\.(\d+)", found.version)
    if number and (int(number[1]), int(number[2])) < LEAST:
        what = f"older than {LEAST[0]}.{LEAST[1]}: it ignores the schema silently"
        problems.append(Problem(State.FAILURE, what, f"`{found.path} -m {_NEW}`"))
    if found.cpu and visible_gpus():
        advice = (
            "`pip install vllm` into an environment of its own, and name its Python in generator.engine.interpreter"
        )
        problems.append(Problem(State.WARNING, "a CPU build on a machine with a GPU", advice))
    return problems


def start(settings: Settings) -> dict[str, Any]:
    """Starts one small engine, asks the schema probe, ends it.

    Returns:
        The engine's facts.

    Raises:
        WrankError: it does not start, or does not hold the schema.
    """
    from wrank.generator.engine.probe import probe
    from wrank.generator.engine.vllm import Vllm

    engine = Vllm(
        models=str(settings.models),
        interpreter=settings.interpreter,
        max_model_len=1024,
        gpu_memory_utilization=0.3,
        kv_cache_gib=1,
        replicas=1,
        window=4,
        start_timeout=600.0,
    )
    with engine:
        probe(engine)
        return engine.facts()
