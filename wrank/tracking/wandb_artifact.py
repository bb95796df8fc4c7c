"""What W&B is told of an artifact of the store: name, type, files and facts, all from its manifest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrank.manifest import MANIFEST, read_manifest
from wrank.store import KEY_LENGTH, slug
from wrank.tracking.identity import scrub, scrub_text

TYPES = {"generation": "dataset"}
"""Kind of stage -> type of artifact, where it is another word."""

COLLECTION = "collection.json"
"""The one file of a collection's artifact."""

MEGABYTE = 10**6
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".npy", ".npz")
_FACTS = ("kind", "name", "key", "content_key", "inputs", "seeds", "wrank", "packages", "git", "hardware", "finished")
_DETAILS = ("collection", "split", "study", "choices", "generation", "model")
_NAME = 128  # characters of an artifact's name


@dataclass(frozen=True)
class ArtifactFacts:
    """One artifact as W&B has it.

    Attributes:
        name: kind and name; its versions are the artifacts of the store that are called so.
        type: ``dataset``, ``model``, ``evaluation``, ...
        alias: the beginning of the content key, which names the version.
        metadata: facts of the manifest, without secrets.
        files: what goes with it, below its folder; the manifest is the first, unless it holds secrets.
        manifest: the manifest without its secrets, where it holds some; of a collection what `COLLECTION` holds.
    """

    name: str
    type: str
    alias: str
    metadata: Mapping[str, Any]
    files: tuple[str, ...]
    manifest: str | None = None


def artifact_facts(folder: Path, limit_mb: float, weights: bool = False) -> ArtifactFacts:
    """Reads them from a finished artifact's manifest.

    The same folder gives the same name, files and content wherever it is read, so that W&B knows an artifact that one
    run made and another one used as the same.

    Args:
        folder: the artifact's.
        limit_mb: the largest file that goes with the manifest, in MB; 0 = none goes.
        weights: files of weights and vectors go, too, however large.

    Raises:
        WrankError: no finished artifact.
    """
    manifest = read_manifest(folder)
    clean = scrub(manifest)
    kind = str(manifest["kind"])
    files = [
        name
        for name, entry in manifest["files"].items()
        if (weights if name.endswith(_WEIGHTS) else entry["bytes"] <= limit_mb * MEGABYTE and limit_mb > 0)
        and (folder / name).is_file()
    ]
    details = clean.get("details") or {}
    metadata = {key: clean[key] for key in _FACTS if key in clean}
    metadata |= {"config": clean.get("config"), "seconds": manifest.get("seconds")}
    metadata |= {key: details[key] for key in _DETAILS if details.get(key) is not None}
    metadata["result"] = _figures(clean.get("result") or {})
    return ArtifactFacts(
        name=slug(f"{kind}-{scrub_text(manifest['name'])}")[:_NAME],
        type=TYPES.get(kind, kind),
        alias=str(manifest["content_key"])[:KEY_LENGTH],
        metadata=metadata,
        files=tuple(files) if clean != manifest else (MANIFEST, *files),
        manifest=json.dumps(clean, indent=1, ensure_ascii=False) + "\n" if clean != manifest else None,
    )


def data_facts(name: str, fingerprint: str, facts: Mapping[str, Any]) -> ArtifactFacts:
    """A collection as an artifact: the same for every run that is made from it.

    Args:
        name: the collection's.
        fingerprint: SHA-256 of its content.
        facts: counts and inputs; no texts.
    """
    content = scrub({"name": name, "content_key": fingerprint, **facts})
    return ArtifactFacts(
        name=slug(f"data-{scrub_text(name)}")[:_NAME],
        type="data",
        alias=fingerprint[:KEY_LENGTH],
        metadata=content,
        files=(),
        manifest=json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n",
    )


def _figures(result: Mapping[str, Any]) -> dict[str, Any]:
    """Figures and words of a result, and those one level below; no lists of rows."""
    found: dict[str, Any] = {}
    for key, value in result.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{name}": one for name, one in value.items() if isinstance(one, str | int | float)}
        elif isinstance(value, str | int | float):
            found[key] = value
    return found
