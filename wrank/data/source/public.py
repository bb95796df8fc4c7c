"""Public collections of BEIR by name (arXiv 2104.08663): fetched once, checked, and read as a folder from then on."""

import difflib
import zipfile
import zlib
from pathlib import Path
from typing import Any

from wrank.data.source.beir import BeirSource
from wrank.data.source.fetched import RECORD, make_once, parse_record, write_record
from wrank.errors import WrankError
from wrank.files import sha256_of_file, short

NAMES = (
    *(
        "arguana",
        "climate-fever",
        "cqadupstack",
        "dbpedia-entity",
        "fever",
        "fiqa",
        "hotpotqa",
        "msmarco",
        "msmarco-v2",
    ),
    *("nfcorpus", "nq", "nq-train", "quora", "scidocs", "scifact", "trec-covid", "webis-touche2020"),
)
URL = "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets"

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)  # RuntimeError: encrypted


class PublicSource(BeirSource):
    """Reads a collection that ``wrank data pull NAME`` has fetched.

    Args:
        name: one of BEIR's names; ``cqadupstack/android`` and the like for its parts.
        folder: where collections are kept (``paths.collections``).
        sha256: of the archive it must have come from; None takes whichever was fetched, and a folder that a person put
            there.

    Attributes:
        fetched: the folder with the record, which is above `path` for a part.

    Raises:
        WrankError: an unknown name, not fetched yet, fetched from another archive, or a name with parts and no part.
    """

    def __init__(self, name: str, folder: str, sha256: str | None = None) -> None:
        top, slash, part = str(name).partition("/")
        place = Path(folder).expanduser()
        self.fetched = place / check_name(top)
        there = "unknown" if self._is_brought() else str(read_record(self.fetched)["sha256"])
        if sha256 is not None and str(sha256).lower() != there:
            raise WrankError(
                f"{self.fetched}: made from an archive with SHA-256 {there}; wanted {sha256}: fetch that one, or "
                f"change data.source.sha256"
            )
        parts = parts_of(self.fetched)
        if (slash and part not in parts) or (parts and not part):
            wanted = f"one of {', '.join(f'{top}/{one}' for one in parts)}" if parts else top
            raise WrankError(f"data.source.name is {name!r}; wanted {wanted}")
        super().__init__(str(self.fetched / part), name=str(name).replace("/", "-"))

    def _is_brought(self) -> bool:
        """Whether a person has put the folder there: it is read as it is; its content is hashed like any folder's."""
        return self.fetched.is_dir() and not (self.fetched / RECORD).is_file()


def check_name(name: str) -> str:
    """The name, when it is one of BEIR's.

    Raises:
        WrankError: otherwise; a near one is offered, or all are listed.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name.lower().partition("/")[0], NAMES, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"wanted one of {', '.join(NAMES)}"
        raise WrankError(f"{name!r}: no public collection of BEIR; {hint}")
    return name


def parts_of(folder: Path) -> list[str]:
    """The collections that a fetched folder holds below itself, e.g. android; none where it is one collection."""
    if any(folder.glob("corpus.jsonl*")) or (folder / "qrels").is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if any(path.glob("corpus.jsonl*")))


def read_record(folder: Path) -> dict[str, Any]:
    """What a fetched folder was made of: url, sha256 (of the archive), files (path -> SHA-256).

    Raises:
        WrankError: there is none, or none that can be read.
    """
    record = folder / RECORD
    if not record.is_file():
        if folder.exists():
            raise WrankError(
                f"{folder}: no {RECORD} in it, so wrank did not fetch it: read it with data=beir data.path={folder}"
            )
        raise WrankError(
            f"{folder}: not fetched yet: run `wrank data pull {folder.name}` where there is a network, or unpack "
            f"{URL}/{folder.name}.zip there, so that {folder}/corpus.jsonl is a file"
        )
    return parse_record(folder, "sha256")


def pull(name: str, folder: Path, url: str = URL) -> Path:
    """Fetches and unpacks a collection, unless it is there; of several processes one fetches, the others wait.

    Args:
        name: one of BEIR's names.
        folder: where collections are kept; made if need be.
        url: where ``NAME.zip`` is.

    Returns:
        The collection's folder; ``fetched.json`` in it names address, SHA-256 of the archive and of each file.

    Raises:
        WrankError: an unknown name, no network, no such file there, a damaged archive, a full disk.
    """
    final = folder / check_name(name)

    def fill(partial: Path) -> Path:
        if final.exists():
            raise WrankError(f"{final}: there already, but not fetched by wrank: use data=beir data.path={final}")
        archive, address = partial / "archive.zip", f"{url}/{name}.zip"
        _fetch(address, archive, final)
        return _unpack(archive, partial / "unpacked", name, address)

    make_once(final, fill)
    return final


def verify(folder: Path) -> list[str]:
    """Compares a fetched folder with what was recorded when it was fetched.

    Returns:
        What is wrong, a sentence a file; empty when all is well.

    Raises:
        WrankError: there is no record.
    """
    wrong = []
    for name, sha256 in read_record(folder)["files"].items():
        if not (folder / name).is_file():
            wrong.append(f"{folder / name}: missing; remove {folder} and fetch it again")
        elif (now := sha256_of_file(folder / name)) != sha256:
            wrong.append(f"{folder / name}: its SHA-256 is {now}; it was {sha256} when it was fetched")
    return wrong


def _fetch(url: str, archive: Path, final: Path) -> None:
    try:
        import requests
        from beir.util import download_url
    except ImportError as error:
        raise WrankError("the package beir is not installed: `pip install beir`") from error
    try:
        download_url(url, str(archive))  # its chunk size is its bar's unit too: leave it at 1024
    except (requests.RequestException, TimeoutError) as error:
        reason = str(error).partition("(Caused by")[0][:200]
        raise WrankError(
            f"{url}: cannot be fetched ({type(error).__name__}: {reason}): fetch it where there is a network, "
            f"unpack it so that it is the folder {final}; or read it anywhere with data=beir data.path=FOLDER"
        ) from error


def _unpack(archive: Path, unpacked: Path, name: str, url: str) -> Path:
    """Unpacks the folder `name`, writes into it what it was made of, and returns it."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(unpacked)  # which keeps every member below `unpacked`
    except _DAMAGED as error:
        raise WrankError(f"{url}: {_what_came(archive)} ({error})") from None
    top = unpacked / name
    if not top.is_dir():
        there = ", ".join(sorted(path.name for path in unpacked.glob("*"))[:10]) or "nothing"
        raise WrankError(f"{url}: the archive holds no folder {name}, but {there}")
    write_record(top, {"url": url, "sha256": sha256_of_file(archive)})
    return top


def _what_came(archive: Path) -> str:
    """A server's page (beir saves those too) in its own words, or what a cut-off archive is."""
    with archive.open("rb") as file:
        start = file.read(400)
    if start.startswith(b"PK"):
        return "a damaged or cut-off zip archive came: fetch it again"
    text = short(" ".join(start.decode("utf-8", "replace").split())) if b"\0" not in start else ""
    return f"what came is no zip archive{f', but {text!r}' if text else ''}: is there such a file?"
