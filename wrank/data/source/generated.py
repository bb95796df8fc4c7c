"""A finished generation of ``wrank generate`` as a collection: passages written by a model, graded by their recipe."""

from pathlib import Path

from wrank.data.source.beir import BeirSource
from wrank.errors import WrankError
from wrank.manifest import MANIFEST, read_manifest

KIND = "generation"


class GeneratedSource(BeirSource):
    """Reads a generation. Its judgements are the split ``train``.

    Args:
        generation: its name, the first digits of its key, or its folder; None is refused, with what to do.
        store: the folder of artifacts (``paths.store``); not looked at where `generation` is a folder.
        name: what the collection is called; None takes the generation's name.

    Raises:
        WrankError: none or several fit, it is not finished, or it is another kind of artifact.
    """

    def __init__(self, generation: str | None, store: str, name: str | None = None) -> None:
        if generation is None:
            raise WrankError(
                "data.generation has no value: give the key, name or folder of a generation, or add generator=graded "
                "to write one in this run"
            )
        folder = find_generation(generation, Path(store).expanduser())
        manifest = read_manifest(folder)
        if manifest["kind"] != KIND:
            raise WrankError(f"{folder}: an artifact of kind {manifest['kind']!r}; wanted a generation")
        super().__init__(str(folder), name=name or str(manifest.get("name") or folder.name))
        self.key = str(manifest["key"])


def find_generation(wanted: str, store: Path) -> Path:
    """The folder of a finished generation.

    Args:
        wanted: a folder, or the name or the first digits of the key of a generation in the store.
        store: the folder of artifacts.

    Raises:
        WrankError: none, several, or one that is not finished.
    """
    if not wanted.strip():
        raise WrankError("generation is empty; wanted a generation's key, name or folder")
    path = Path(wanted).expanduser()
    if path.is_dir():
        if not (path / MANIFEST).is_file():
            raise WrankError(
                f"{path}: no {MANIFEST} in it, so it is no finished generation: run the same `wrank generate` again, "
                f"it goes on where it stopped; a folder without one is read with data=beir"
            )
        return path
    folders = [one for one in (store / KIND).glob("*") if one.is_dir()]
    there = [one for one in folders if not one.name.startswith(".") and (one / MANIFEST).is_file()]
    found = [one for one in there if one.name == wanted] or [one for one in there if _fits(one.name, wanted)]
    if len(found) == 1:
        return found[0]
    if not found and (partial := [one for one in folders if one not in there and _fits(one.name, wanted)]):
        raise WrankError(
            f"generation={wanted}: {partial[0]} is not finished: run the same `wrank generate` again, it goes on "
            f"where it stopped"
        )
    names = ", ".join(sorted(one.name for one in found or there)) or "none; `wrank generate` makes one"
    fit = f"{len(found)} generations fit" if found else "no generation fits"
    raise WrankError(f"generation={wanted}: {fit} in {store}; there are: {names}")


def _fits(folder: str, wanted: str) -> bool:
    key = folder.removeprefix(".partial-") if folder.startswith(".") else folder.rpartition("-")[2]
    return key.startswith(wanted) or (folder.startswith(wanted) and not wanted.startswith("."))
