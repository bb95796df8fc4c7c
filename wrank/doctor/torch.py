"""torch: its build, the GPUs it sees and those it should see, and bf16 on the processor."""

import os
import shutil
from typing import Any

from wrank.doctor.base import Finding, Problem, Settings, State, ask, finding, in_gib, told
from wrank.doctor.probe import answer

_CHOOSE = "the build that pytorch.org names under 'Get Started' for this machine"


def look(settings: Settings) -> Finding:
    """Asks torch in a process of its own, and the NVIDIA driver beside it."""
    del settings
    facts = answer("torch")
    if "died" in facts:
        advice = f"Install torch again: `make install` in a checkout, or with pip {_CHOOSE}"
        return finding([], [Problem(State.FAILURE, f"torch does not start: {facts['died']}", advice)])
    driver = nvidia_driver()
    problems = [*mismatch(facts, driver), *_of_gpus(facts)]
    built = f"CUDA {facts['cuda']}" if facts["cuda"] else f"ROCm {facts['hip']}" if facts["hip"] else "no CUDA"
    found = [f"torch {facts['version']} (built for {built})" if built != "no CUDA" else f"torch {facts['version']}"]
    found += [_gpu_words(gpu) for gpu in facts["gpus"] if not gpu["error"]]
    found.append("Apple GPU (device=mps)" if facts["mps"] else "")
    if not facts["gpus"] and not facts["mps"]:
        found.append("GPUs hidden by CUDA_VISIBLE_DEVICES" if hidden() and driver.get("gpus") else "no GPU")
    return finding([*found, _processor(facts)], problems)


def nvidia_driver() -> dict[str, Any]:
    """What nvidia-smi says: ``gpus`` (names), ``version``; ``error`` when it fails; empty without nvidia-smi."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    try:
        said = ask(program, "--query-gpu=driver_version,name", "--format=csv,noheader")
    except OSError as error:
        return {"error": told(error)}
    rows = [line.split(",", 1) for line in said.strip().split("\n") if "," in line]
    return {"gpus": [row[1].strip() for row in rows], "version": rows[0][0].strip() if rows else "unknown"}


def hidden() -> bool:
    """Whether CUDA_VISIBLE_DEVICES hides every GPU."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1")


def mismatch(facts: dict[str, Any], driver: dict[str, Any]) -> list[Problem]:
    """What is wrong between torch and the driver.

    Args:
        facts: of `wrank.doctor.probe.torch_facts`.
        driver: of `nvidia_driver`.
    """
    if "error" in driver and not facts["usable"]:
        advice = "Install the NVIDIA driver again, or ask the administrator; in a container: start it with its GPUs"
        return [Problem(State.FAILURE, f"the NVIDIA driver does not answer: {driver['error']}", advice)]
    if facts["usable"] or hidden() or not driver.get("gpus"):
        return []
    seen = f"{len(driver['gpus'])} x {driver['gpus'][0]} with driver {driver['version']}"
    if not facts["cuda"]:
        what = f"this torch is built without CUDA, but there is {seen}"
        return [Problem(State.WARNING, what, f"To use the GPU, install {_CHOOSE}")]
    reason = f" ({facts['reason']})" if facts["reason"] else ""
    advice = (
        f"Update the NVIDIA driver to one for CUDA {facts['cuda']}, or install a torch that is built for an older "
        f"CUDA: {_CHOOSE}"
    )
    return [Problem(State.FAILURE, f"torch for CUDA {facts['cuda']} cannot use {seen}{reason}", advice)]


def _of_gpus(facts: dict[str, Any]) -> list[Problem]:
    problems = []
    for number, gpu in enumerate(facts["gpus"]):
        if gpu["error"]:
            what = f"GPU {number} ({gpu['name']}) cannot compute: {gpu['error']}"
            advice = (
                f"'no kernel image': install {_CHOOSE}, made for this GPU; 'out of memory' or 'busy': another process "
                "holds the GPU (nvidia-smi names it), or choose another with CUDA_VISIBLE_DEVICES"
            )
            problems.append(Problem(State.FAILURE, what, advice))
        elif gpu["free"] < gpu["total"] / 2:
            what = f"GPU {number}: only {in_gib(gpu['free'])} of {in_gib(gpu['total'])} are free"
            advice = "Another process holds the GPU: nvidia-smi names it; or choose another with CUDA_VISIBLE_DEVICES"
            problems.append(Problem(State.WARNING, what, advice))
    if len(facts["gpus"]) > 1 and not facts["nccl"] and not facts["hip"]:
        what = f"{len(facts['gpus'])} GPUs, but this torch has no NCCL"
        problems.append(Problem(State.WARNING, what, f"For training on several GPUs, install {_CHOOSE}"))
    return problems


def _gpu_words(gpu: dict[str, Any]) -> str:
    return f"{gpu['name']}, {in_gib(gpu['total'])}{', bf16' if gpu['bf16'] else ', no bf16'}"


def _processor(facts: dict[str, Any]) -> str:
    native = [word for word, has in (("AMX", facts["amx"]), ("AVX-512", facts["avx512_bf16"])) if has]
    if native:
        return f"processor: bf16 by {' and '.join(native)}"
    return "processor: no native bf16 (trainer.precision=auto trains in 32-true there)"
