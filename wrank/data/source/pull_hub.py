"""Data sets of the Hugging Face hub, fetched into a folder of their own at one commit, with a record of every file.

`wrank.data.source.hub` reads data sets from the hub's own cache; what is here stands beside the collections that
`wrank data pull` fetches from elsewhere, can be copied to a machine without a network, and is verified like them.
"""

import errno
import fnmatch
import logging
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wrank.data.source.fetched import RECORD, make_once, parse_record, write_record
from wrank.errors import WrankError
from wrank.files import sha256_of_json

MAIN = "main"
"""The branch that is fetched where no revision is named."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
_SECONDS = 10.0  # for the hub's first answer
_log = logging.getLogger(__name__)


def pull_dataset(
    repo: str, final: Path, patterns: Sequence[str], revision: str = MAIN, endpoint: str | None = None
) -> Path:
    """Fetches files of a data set, unless it is there; of several processes one fetches, the others wait.

    A branch or tag is resolved to its commit first, and that commit is fetched and recorded. A folder that was put
    there by hand is left as it is.

    Args:
        repo: the data set's id, OWNER/NAME.
        final: the folder to make.
        patterns: which files, e.g. ``corpus/*.parquet``; each must fit at least one.
        revision: branch, tag or commit.
        endpoint: the hub's address; None takes the one that huggingface_hub knows (the variable HF_ENDPOINT).

    Returns:
        `final`; ``fetched.json`` in it names data set, revision, commit, and the SHA-256 of each file.

    Raises:
        WrankError: no network, no such data set, revision or file, a full disk; or it is there at another commit
            than the one asked for.
    """

    def fill(partial: Path) -> Path:
        return _fetch(repo, final, partial / "files", patterns, revision, endpoint)

    if final.is_dir() and not (final / RECORD).is_file():
        _log.warning("%s: there already, not fetched by wrank: left as it is; remove it to fetch %s", final, repo)
        return final
    make_once(final, fill)
    check_commit(final, revision if _COMMIT.fullmatch(revision) else None, "revision")
    return final


def check_commit(folder: Path, commit: str | None, key: str) -> None:
    """Refuses a fetched folder of another commit than the wanted one.

    Args:
        folder: the data set's folder.
        commit: the wanted one; None takes any, and a folder that was put there by hand.
        key: where it was set, for the message.

    Raises:
        WrankError: another commit, or none is recorded.
    """
    if commit is None:
        return
    if not (folder / RECORD).is_file():
        raise WrankError(f"{folder}: no {RECORD} in it, so its commit is not known; set {key}=null to read it as it is")
    there = str(parse_record(folder, "commit")["commit"])
    if there != commit:
        raise WrankError(
            f"{folder}: fetched at commit {there}; wanted {commit}: remove the folder and fetch that one "
            f"(`wrank data pull NAME revision={commit}`), or change {key}"
        )


def fetched_folder(folder: Path, name: str, repo: str, patterns: Sequence[str]) -> Path:
    """A folder that must have been fetched.

    Raises:
        WrankError: it was not; what to run, or to fetch and where to put it, is said.
    """
    if not folder.is_dir():
        raise WrankError(
            f"{folder}: not fetched yet: run `wrank data pull {name}` where there is a network, or "
            f"{_by_hand(repo, MAIN, patterns, folder)}"
        )
    return folder


def _by_hand(repo: str, revision: str, patterns: Sequence[str], final: Path) -> str:
    include = "".join(f" --include '{pattern}'" for pattern in patterns)
    return (
        f"`hf download {repo} --repo-type dataset --revision {revision}{include} --local-dir {final.name}`, and put "
        f"the folder {final.name} at {final}"
    )


def _fetch(repo: str, final: Path, folder: Path, patterns: Sequence[str], revision: str, endpoint: str | None) -> Path:
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError as error:
        raise WrankError(f"huggingface_hub is not installed ({error}): pip install huggingface_hub") from None
    try:
        info = HfApi(endpoint=endpoint).dataset_info(repo, revision=revision, timeout=_SECONDS)
        commit = str(info.sha)
        _check_files([file.rfilename for file in info.siblings or []], repo, commit, patterns)
        facts: dict[str, Any] = {"repo_type": "dataset", "revision": commit, "endpoint": endpoint}
        snapshot_download(repo, local_dir=folder, allow_patterns=list(patterns), **facts)
    except WrankError:
        raise
    except Exception as error:  # the hub's own errors, the transport's, and those of its cache
        if isinstance(error, OSError) and error.errno in _DISK:
            raise
        raise WrankError(
            f"{repo}: cannot be fetched from the Hugging Face hub ({_reason(error)}): try again where there is a "
            f"network, or there {_by_hand(repo, revision, patterns, final)}"
        ) from error
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the hub's own notes
    there = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    _check_files(there, repo, commit, patterns)
    write_record(folder, {"url": repo, "revision": revision, "commit": commit, "sha256": _content(repo, commit, there)})
    return folder


def _content(repo: str, commit: str, files: Sequence[str]) -> str:
    return sha256_of_json([repo, commit, sorted(files)])


def _check_files(files: Sequence[str], repo: str, commit: str, patterns: Sequence[str]) -> None:
    for pattern in patterns:
        if not fnmatch.filter(files, pattern):
            raise WrankError(
                f"{repo}@{commit[:8]}: no file {pattern}; there are: {', '.join(sorted(files)[:10]) or 'none'}: the "
                f"data set has changed; fetch an older commit with revision=COMMIT"
            )


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
