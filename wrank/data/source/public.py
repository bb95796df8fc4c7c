"""Public collections of BEIR by name (arXiv 2104.08663): fetched once, checked, and read as a folder from then on."""

import json
import shutil
import zipfile
from pathlib import Path

from filelock import FileLock

from wrank.data.source.beir import BeirSource
from wrank.errors import WrankError
from wrank.files import sha256_of_file, write_atomic

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
RECORD = "fetched.json"
"""Where a fetched folder keeps what it was made of."""


class PublicSource(BeirSource):
    """Reads a collection that ``wrank data pull NAME`` has fetched.

    Args:
        name: one of BEIR's names; ``cqadupstack/android`` and the like for its parts.
        folder: where collections are kept (``paths.collections``).
        sha256: of the archive it must have come from; None takes whichever was fetched.

    Raises:
        WrankError: an unknown name, not fetched yet, or fetched from another archive.
    """

    def __init__(self, name: str, folder: str, sha256: str | None = None) -> None:
        top = check_name(name.partition("/")[0])
        place = Path(folder).expanduser()
        record = place / top / RECORD
        if not record.is_file():
            raise WrankError(
                f"{place / top}: not fetched yet: run `wrank data pull {top}` where there is a network, or unpack "
                f"{URL}/{top}.zip and put the folder somewhere: data=beir data.path=FOLDER reads it"
            )
        there = json.loads(record.read_text(encoding="utf-8"))["sha256"]
        if sha256 is not None and sha256 != there:
            raise WrankError(
                f"{place / top}: made from an archive with SHA-256 {there}; wanted {sha256}: fetch that one, or change "
                f"data.source.sha256"
            )
        super().__init__(str(place / name), name=name.replace("/", "-"))


def check_name(name: str) -> str:
    """The name, when it is one of BEIR's.

    Raises:
        WrankError: otherwise; the names are listed.
    """
    if name not in NAMES:
        raise WrankError(f"{name!r}: no public collection of BEIR; wanted one of {', '.join(NAMES)}")
    return name


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
    final, partial = folder / check_name(name), folder / f".{name}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{name}.lock"):
            if (final / RECORD).is_file():
                return final
            if final.exists():
                raise WrankError(f"{final}: there already, but not fetched by wrank: use data=beir data.path={final}")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            try:
                _fetch(f"{url}/{name}.zip", partial / "archive.zip", final)
                _unpack(partial, name, f"{url}/{name}.zip")
                (partial / name).rename(final)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise WrankError(
            f"{folder}: cannot be written ({error.strerror or error}): wanted free space, and the right to write"
        ) from error
    return final


def verify(folder: Path) -> list[str]:
    """Compares a fetched folder with what was recorded when it was fetched.

    Returns:
        What is wrong, a sentence a file; empty when all is well.

    Raises:
        WrankError: there is no record.
    """
    record = folder / RECORD
    if not record.is_file():
        raise WrankError(f"{folder}: no {RECORD} in it, so there is nothing to hold its files against")
    files: dict[str, str] = json.loads(record.read_text(encoding="utf-8"))["files"]
    wrong = []
    for name, sha256 in files.items():
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
        download_url(url, str(archive), 1 << 20)
    except (requests.RequestException, TimeoutError) as error:
        reason = str(error).partition("(Caused by")[0][:200]
        raise WrankError(
            f"{url}: cannot be fetched ({type(error).__name__}: {reason}): fetch it where there is a network, unpack "
            f"it, and read the folder with data=beir data.path=FOLDER (wrank would have put it into {final})"
        ) from error


def _unpack(partial: Path, name: str, url: str) -> None:
    archive = partial / "archive.zip"
    try:
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(partial)  # which keeps every member below `partial`
    except zipfile.BadZipFile as error:
        raise WrankError(f"{url}: what came is no zip archive ({error}): is there such a file?") from None
    if not (partial / name).is_dir():
        raise WrankError(f"{url}: the archive holds no folder {name}")
    files = {
        str(path.relative_to(partial / name)): path for path in sorted((partial / name).rglob("*")) if path.is_file()
    }
    record = {
        "url": url,
        "sha256": sha256_of_file(archive),
        "files": {relative: sha256_of_file(path) for relative, path in files.items()},
    }
    write_atomic(partial / name / RECORD, json.dumps(record, indent=1) + "\n")
