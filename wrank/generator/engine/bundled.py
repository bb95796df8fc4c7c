"""Which language model is meant: one that comes as a Python package, a folder, or an id of the hub.

The bundled one, ``bundled:smollm2``, is `wrank.language_model`.
"""

import hashlib
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.files import sha256_of_file, sha256_of_json
from wrank.language_model import BUNDLED, PREFIX, SHA256, bundled_name, language_model_folder

_SMALL = 64 * 2**20  # bytes; configuration and tokenizer files are hashed whole up to this size
_LARGE = 10 * 10**9  # bytes of weights; above it only headers and sizes are hashed


def resolve_model(model: str, cache: Path) -> str:
    """What an engine is told to load.

    Args:
        model: ``bundled:NAME``, a folder, or an id of the Hugging Face hub.
        cache: folder that holds converted bundled models.

    Returns:
        A folder's absolute path, or the hub id as it came.

    Raises:
        WrankError: no such bundled model or folder, a folder that holds no safetensors model.
    """
    if model.startswith(PREFIX):
        return str(language_model_folder(model, cache))
    folder = _folder(model)
    return model if folder is None else str(folder)


def model_identity(model: str, revision: str | None) -> dict[str, Any]:
    """What makes this model another one, as JSON values, for keys: content, not place.

    A bundled model: the hash of its published file. A folder: one hash over its configuration and tokenizer files and
    its weights (above 10 GB of weights their headers and sizes only, which ``hashed`` says). A hub id: name, revision.

    Raises:
        WrankError: unknown bundled name, a folder that holds no safetensors model.
    """
    if model.startswith(PREFIX):
        return {"name": f"{PREFIX}{bundled_name(model)}", "sha256": SHA256}
    folder = _folder(model)
    if folder is None:
        return {"name": model, "revision": revision}
    weights = sorted(folder.glob("*.safetensors"))
    small = [path for kind in ("json", "jinja", "txt", "model") for path in folder.glob(f"*.{kind}")]
    small = [path for path in small if path.is_file() and path.stat().st_size <= _SMALL]
    whole = sum(path.stat().st_size for path in weights) <= _LARGE
    hashes = {path.name: sha256_of_file(path) for path in sorted(small)}
    hashes |= {path.name: sha256_of_file(path) if whole else _hash_of_header(path) for path in weights}
    return {"sha256": sha256_of_json(hashes), "hashed": "files" if whole else "headers and sizes of the weights"}


def _folder(model: str) -> Path | None:
    """The folder a model names; None: it is an id of the hub."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if model.startswith((".", "/", "~")) or model.count("/") > 1 or not model:
            raise WrankError(
                f"generator.engine.model={model!r}: there is no such folder. Give a folder with config.json and "
                f"*.safetensors, an id of the hub (owner/name), or {PREFIX}{BUNDLED[0]}."
            )
        return None
    if not (folder / "config.json").is_file():
        raise WrankError(f"generator.engine.model={model}: the folder has no config.json, so it is no model.")
    if not any(folder.glob("*.safetensors")):
        pickles = sorted(path.name for kind in ("bin", "pt", "pth") for path in folder.glob(f"*.{kind}"))
        found = f"weights only as pickle ({pickles[0]}), which can run code when opened" if pickles else "no weights"
        raise WrankError(
            f"generator.engine.model={model}: the folder has {found}. Wanted *.safetensors: if you trust it, convert "
            "it once with AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(OTHER), and its tokenizer too."
        )
    return folder.absolute()


def _hash_of_header(path: Path) -> str:
    """SHA-256 of a safetensors file's header (names, shapes, offsets) and size."""
    with path.open("rb") as file:
        length = min(int.from_bytes(file.read(8), "little"), _SMALL)
        return hashlib.sha256(file.read(length) + str(path.stat().st_size).encode()).hexdigest()
