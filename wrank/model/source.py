"""From what a user names as a model to a folder on disk, and what that folder says."""

from dataclasses import dataclass
from pathlib import Path

from wrank.errors import WrankError
from wrank.model.bundled import bundled_folder
from wrank.model.hub import OFFLINE_PRESETS, hub_folder
from wrank.model.layout import MODULES_FILE, Layout, holds_cross_encoder, read_layout

RANDOM = ("random:tiny", "random:tiny_decoder")
"""Models with random weights."""


@dataclass(frozen=True)
class Source:
    """Where a model comes from.

    Attributes:
        name: as the user named it.
        layout: its folders and what they say; None for one of ``RANDOM``, which is built from code.
    """

    name: str
    layout: Layout | None


def open_source(
    source: str | None,
    path: str | None,
    *,
    revision: str | None,
    trust_remote_code: bool,
    models: str | None = None,
) -> Source:
    """Find the model's folder, fetching it from the hub if need be.

    Args:
        source: ``bundled:NAME``, one of ``RANDOM``, a Hugging Face id or a folder.
        path: a folder. Exactly one of the two is given.
        revision: branch, tag or commit on the hub.
        trust_remote_code: fetch the model's own Python files too.
        models: folder in which a bundled decoder is kept once it is converted; None: the user's cache.

    Raises:
        WrankError: none or both given, or no model there.
    """
    if (source is None) == (path is None):
        raise WrankError(f"model.source={source!r} and model.path={path!r}: give exactly one of them.")
    if path is not None:
        return Source(path, read_layout(_folder(path)))
    assert source is not None
    kind, _, name = source.partition(":")
    if kind == "random":
        if source not in RANDOM:
            raise WrankError(f"model.source={source!r}: the models with random weights are {', '.join(RANDOM)}.")
        return Source(source, None)
    if kind == "bundled":
        return Source(source, read_layout(bundled_folder(name, models)))
    if Path(source).expanduser().is_dir() or source.startswith((".", "/", "~")):
        return Source(source, read_layout(_folder(source)))
    return Source(source, read_layout(hub_folder(source, revision=revision, code=trust_remote_code)))


def check_bi_encoder(source: Source) -> None:
    """Refuses a cross-encoder's folder where a bi-encoder is wanted: its vectors were never trained, yet score.

    Raises:
        WrankError: what to say instead.
    """
    if source.layout is not None and holds_cross_encoder(source.layout.root):
        raise WrankError(
            f"{source.name} holds a cross-encoder, which scores pairs and makes no vectors: say model=cross_encoder "
            f"model.source=null model.path={source.name}, or teacher=cross_encoder teacher.model={source.name}"
        )


def _folder(path: str) -> Path:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise WrankError(f"model folder {path}: there is no such folder. {OFFLINE_PRESETS}")
    if (folder / MODULES_FILE).is_file() or (folder / "config.json").is_file():
        return folder
    if (folder / "best").is_dir():
        raise WrankError(f"{path} is what `wrank train` wrote, not a model: give {path}/best or {path}/last.")
    raise WrankError(f"{path} is not a model: it has neither modules.json nor config.json. {OFFLINE_PRESETS}")
