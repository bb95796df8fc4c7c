"""From a Hugging Face id to a local folder: one look at the hub, safetensors only, quick and clear when it fails."""

from collections.abc import Collection
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import ModelInfo

from wrank.errors import WrankError

OFFLINE_PRESETS = (
    "Without a hub: model=minilm (a real encoder in a Python package), model=tiny (random weights), "
    "model=path (a folder)."
)
_SECONDS = 5.0
_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "README.md"]
_UNWANTED = ["onnx/*", "openvino/*", "coreml/*", "original/*"]


def hub_folder(model_id: str, *, revision: str | None, code: bool) -> Path:
    """Folder in Hugging Face's cache with a model's files.

    Asks the hub once, with a limit of 5 seconds. If the hub cannot be reached, a copy that is already in the cache is
    used. Weights in pickle files are never fetched.

    Args:
        model_id: e.g. ``intfloat/e5-base-unsupervised``.
        revision: branch, tag or commit; None: the default branch.
        code: fetch the model's own Python files too (for trust_remote_code).

    Returns:
        The snapshot's folder.

    Raises:
        WrankError: no such model or revision, hub not reachable, access not granted, weights only as pickle.
    """
    what = f"model {model_id!r}" + (f" at revision {revision!r}" if revision else "")
    try:
        info = _ask(model_id, revision, what)
    except OSError as error:
        return _cached_folder(model_id, revision, what, error)
    check_weight_files([file.rfilename for file in info.siblings or []], what, model_id)
    patterns = [*_WANTED, "*.py"] if code else _WANTED
    try:
        return Path(snapshot_download(model_id, revision=info.sha, allow_patterns=patterns, ignore_patterns=_UNWANTED))
    except Exception as error:
        raise WrankError(f"{what}: its files could not be fetched ({_first_line(error)}). Try again.") from error


def reach_hub(model_id: str, *, revision: str | None) -> Path | None:
    """Whether a model can be had; fetches nothing. Asks the hub once, with a limit of 5 seconds.

    Args:
        model_id: e.g. ``intfloat/e5-base-unsupervised``.
        revision: branch, tag or commit; None: the default branch.

    Returns:
        The snapshot's folder where a copy is in the cache; None: the hub has it, and it would be fetched.

    Raises:
        WrankError: as of `hub_folder`.
    """
    what = f"model {model_id!r}" + (f" at revision {revision!r}" if revision else "")
    try:
        info = _ask(model_id, revision, what)
    except OSError as error:
        return _cached_folder(model_id, revision, what, error)
    check_weight_files([file.rfilename for file in info.siblings or []], what, model_id)
    try:
        return Path(snapshot_download(model_id, revision=info.sha, local_files_only=True))
    except OSError:
        return None


def check_weight_files(files: Collection[str], what: str, model_id: str | None) -> None:
    """Refuse a model that has no safetensors weights.

    Args:
        files: names of its files, relative to its folder.
        what: how the message names it.
        model_id: its id on the hub, or None for a folder.

    Raises:
        WrankError: no ``*.safetensors`` among the files; says so when there are pickles.
    """
    if any(name.endswith(".safetensors") for name in files):
        return
    pickles = sorted(name for name in files if name.endswith((".bin", ".pt", ".pth", ".ckpt")))
    if not pickles:
        raise WrankError(f"{what} holds no weights (*.safetensors). {OFFLINE_PRESETS}")
    converted = (
        f"Look at https://huggingface.co/{model_id}/discussions for the conversion bot's pull request and give "
        "model.revision=refs/pr/NUMBER; or, if you trust the file, convert it once"
        if model_id
        else "If you trust the file, convert it once"
    )
    raise WrankError(
        f"{what} has its weights only as pickle ({pickles[0]}), which can run code when it is opened, so wrank does "
        f"not load it. {converted}: AutoModel.from_pretrained(ID).save_pretrained(FOLDER), the same with "
        "AutoTokenizer, then model=path model.path=FOLDER."
    )


def _ask(model_id: str, revision: str | None, what: str) -> ModelInfo:
    """One question to the hub. WrankError: the hub answered no; OSError: it did not answer."""
    try:
        return HfApi().model_info(model_id, revision=revision, timeout=_SECONDS)
    except HFValidationError as error:
        raise WrankError(f"{what}: neither a folder here nor an id of the hub ({error}). {OFFLINE_PRESETS}") from error
    except GatedRepoError as error:
        raise WrankError(f"{what}: its owner grants access on request. Ask there, then `hf auth login`.") from error
    except RevisionNotFoundError as error:
        raise WrankError(f"{what}: the hub knows the model but not this revision.") from error
    except RepositoryNotFoundError as error:
        raise WrankError(
            f"{what}: the hub has no such public model. Is the id misspelt? A private one needs `hf auth login`. "
            f"{OFFLINE_PRESETS}"
        ) from error
    except Exception as error:
        raise OSError(_first_line(error)) from error


def _cached_folder(model_id: str, revision: str | None, what: str, reason: OSError) -> Path:
    try:
        return Path(snapshot_download(model_id, revision=revision, local_files_only=True))
    except OSError:
        raise WrankError(
            f"{what}: the hub cannot be reached ({reason}) and no copy is in the cache. If it should be a folder: "
            f"there is none of that name here. {OFFLINE_PRESETS}"
        ) from reason


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip()}".split("\n", maxsplit=1)[0][:200]
