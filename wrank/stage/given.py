"""What a key of ``data`` names: a file, a folder, or a finished artifact by its name or the first digits of its key."""

from pathlib import Path

from omegaconf import OmegaConf

from wrank.errors import WrankError
from wrank.manifest import MANIFEST
from wrank.stage.context import Context


def given_path(context: Context, key: str, kind: str, command: str) -> Path | None:
    """The file or folder that a key names.

    Args:
        context: the job.
        key: e.g. ``data.preferences``; one that the data option lacks is null.
        kind: of artifact, where it is no path.
        command: what makes such an artifact, for messages.

    Raises:
        WrankError: none of that name, or several.
    """
    value = OmegaConf.select(context.cfg, key)
    if value is None:
        return None
    wanted = str(value).strip()
    if not wanted:
        raise WrankError(f"{key} is empty; wanted a path, the name or key of what `{command}` made, or null")
    path = Path(wanted).expanduser()
    if path.exists():
        return path
    there = [one for one in (context.store.root / kind).glob("[!.]*") if (one / MANIFEST).is_file()]
    found = [one for one in there if one.name == wanted]
    found = found or [one for one in there if one.name.startswith(wanted) or _key(one).startswith(wanted)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(one.name for one in found or there)) or f"none; `{command}` makes one"
    fit = f"{len(found)} fit" if found else "no such file or folder, and none fits"
    raise WrankError(f"{key}={wanted}: {fit} in {context.store.root / kind}; there are: {names}")


def file_in(path: Path, key: str, name: str, command: str) -> Path:
    """The file itself, or that of a name in the folder that was given.

    Raises:
        WrankError: the folder has none.
    """
    if path.is_dir() and not (path / name).is_file():
        raise WrankError(f"{key}={path}: no {name} in that folder; `{command}` makes one")
    return path / name if path.is_dir() else path


def _key(folder: Path) -> str:
    return folder.name.rpartition("-")[2]
