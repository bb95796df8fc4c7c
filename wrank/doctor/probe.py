"""What is asked in a process of its own: it may crash, hang, hold a lock or be killed without harm to the checks."""

import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wrank.doctor.base import first_line, told

_ROOT = Path(__file__).resolve().parents[2]


def command(name: str, *words: str) -> list[str]:
    """The command line of a process that runs a probe.

    Args:
        name: one of `PROBES`.
        words: its arguments.
    """
    code = (  # -P: files of the current folder, or of this one, must not pass for packages
        f"import sys; sys.path.append({str(_ROOT)!r}); from wrank.doctor.probe import PROBES; "
        "PROBES[sys.argv[1]](*sys.argv[2:])"
    )
    return [sys.executable, "-P", "-c", code, name, *words]


def answer(name: str, *words: str, seconds: float = 90.0) -> dict[str, Any]:
    """What a probe says; ``died`` tells why it said nothing.

    Args:
        name: one of `PROBES`.
        words: its arguments.
        seconds: how long it may take.
    """
    try:
        done = subprocess.run(
            command(name, *words), capture_output=True, text=True, errors="replace", timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return {"died": f"no answer in {seconds:g} s"}
    try:
        said = json.loads(done.stdout.strip().split("\n")[-1])
    except ValueError:
        lines = [line for line in done.stderr.strip().split("\n") if line.strip()]
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        return {"died": f"{how}: {first_line(lines[-1]) if lines else 'no message'}"}
    return said if isinstance(said, dict) else {"died": f"it said {said!r}"}


def torch_facts() -> None:
    """Prints what torch sees: its builds, GPUs with their memory, and whether each can really compute."""
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        usable = torch.cuda.is_available()
    facts: dict[str, Any] = {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "hip": torch.version.hip,
        "usable": usable,
        "reason": first_line(str(caught[-1].message)) if caught and not usable else "",
        "gpus": [_gpu(number) for number in range(torch.cuda.device_count())] if usable else [],
        "nccl": torch.distributed.is_available() and torch.distributed.is_nccl_available(),
        "mps": torch.backends.mps.is_available(),
        "threads": torch.get_num_threads(),
        "amx": _told_by(torch.cpu, "_is_amx_tile_supported"),
        "avx512_bf16": _told_by(torch.cpu, "_is_avx512_bf16_supported"),
    }
    print(json.dumps(facts))


def _told_by(module: Any, name: str) -> bool:
    function = getattr(module, name, None)
    return bool(function()) if function is not None else False


def _gpu(number: int) -> dict[str, Any]:
    """One GPU; ``error`` when it cannot compute."""
    import torch

    try:
        facts: dict[str, Any] = {"name": torch.cuda.get_device_name(number)}
        with torch.cuda.device(number):
            facts["free"], facts["total"] = torch.cuda.mem_get_info()
            facts["bf16"] = torch.cuda.is_bf16_supported()
            square = torch.ones(64, 64, device="cuda")
            right = float((square @ square).sum()) == 64.0**3
        return facts | {"error": "" if right else "a product of two matrices came out wrong"}
    except Exception as error:
        return {"name": f"GPU {number}", "free": 0, "total": 0, "bf16": False, "error": told(error)}


def hold_lock(path: str) -> None:
    """Takes a lock, says so, and holds it until standard input ends or the process is killed."""
    from filelock import FileLock

    lock = FileLock(path)
    lock.acquire(timeout=10)
    print(type(lock).__name__, flush=True)
    sys.stdin.read()


def try_lock(path: str) -> None:
    """Prints whether a lock was refused, which it must be while another process holds it."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(path).acquire(timeout=0):
            refused = False
    except Timeout:
        refused = True
    print(json.dumps({"refused": refused}))


def wandb_run(folder: str) -> None:
    """Opens and closes an offline run of W&B as a training does, and prints whether that went well."""
    from wrank.tracking.identity import RunIdentity
    from wrank.tracking.wandb import WandbTracker

    warned: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warned.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("wrank").addHandler(handler)
    tracker = WandbTracker(mode="offline", folder=folder)
    tracker.start(RunIdentity(id="doctor", name="doctor", group="doctor", job_type="doctor"))
    tracker.log({"doctor": 1.0})
    tracker.finish(0)
    written = [path.name for path in Path(folder).rglob("*.wandb")]
    print(json.dumps({"well": bool(written) and not warned, "warned": first_line(" ".join(warned))}))


PROBES: dict[str, Callable[..., None]] = {
    "torch": torch_facts,
    "hold": hold_lock,
    "try": try_lock,
    "wandb": wandb_run,
}
"""Name -> what is run in the process."""
