"""The manifest of an artifact: what it is, what it was made from, how, where and of which files."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from wrank import __version__
from wrank.errors import WrankError
from wrank.files import sha256_of_file, sha256_of_json

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
_PACKAGES = ("torch", "transformers", "pytorch-lightning", "hydra-core", "ir-measures", "numpy", "wandb")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an artifact's folder.

    Raises:
        WrankError: when there is none, or it cannot be read.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WrankError(f"{folder}: no {MANIFEST} in it, so it is no finished artifact of wrank") from None
    except (OSError, ValueError) as error:
        raise WrankError(f"{path}: cannot be read ({error}); remove the folder and run the command again") from None
    if not isinstance(manifest, dict) or not {"key", "kind", "finished", "content_key"} <= manifest.keys():
        raise WrankError(f"{path}: not a manifest of wrank (wanted the keys key, kind, finished, content_key)")
    return manifest


def make_manifest(
    facts: Mapping[str, Any], folder: Path, result: Mapping[str, Any], started: datetime, seconds: float
) -> dict[str, Any]:
    """What is known of a stage when its work is done.

    Args:
        facts: key, kind, name, config, inputs, seeds and details of the stage.
        folder: its files; each is listed with size and SHA-256.
        result: counts and figures of the work.
        started: when it began.
        seconds: how long it took.
    """
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of_file(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    return {
        **facts,
        "schema": SCHEMA_VERSION,
        "content_key": sha256_of_json({name: entry["sha256"] for name, entry in files.items()}),
        "result": dict(result),
        "files": files,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="microseconds"),
        "seconds": round(seconds, 3),
        "wrank": __version__,
        "packages": package_versions(),
        "git": git_state(),
        "hardware": hardware(),
    }


@cache
def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a result."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@cache
def git_state() -> dict[str, Any]:
    """Commit and dirty flag of the checkout wrank runs from; empty when it was installed from a wheel."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists() or shutil.which("git") is None:
        return {}

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except subprocess.CalledProcessError:  # no commit yet, or not our repository
        return {}


def hardware() -> dict[str, Any]:
    """What the stage ran on."""
    facts: dict[str, Any] = {"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count()}
    torch = sys.modules.get("torch")  # reported when in use; never imported for this
    if torch is not None and torch.cuda.is_available():
        facts["gpus"] = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return facts
