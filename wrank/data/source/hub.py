"""Data sets of the Hugging Face hub, at a pinned commit, and local folders of the same form. Nothing of them is run.

A part of a data set is named by data files (``data/corpus.parquet``, ``corpus/*.jsonl``, a list of them), which are
read here, or by configuration and split (``corpus/train``, or ``train``), which the package datasets finds and reads,
with types of its own: the id 007 of a CSV file becomes 7 there.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wrank.data.cache import remembered_sha256
from wrank.data.source.tabular import Records, records_of, suffix_of
from wrank.errors import WrankError
from wrank.files import sha256_of_json

_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.")


class DataFolder:
    """A local folder, or a data set of the hub, fetched into the hub's cache when it is asked for.

    Args:
        path: a folder, or an id of the hub.
        revision: commit (40 hexadecimal digits) of the hub's data set; None for a folder.

    Raises:
        WrankError: neither folder nor id, or an id without a commit.
    """

    def __init__(self, path: str, revision: str | None) -> None:
        self.path, self.revision = str(path), revision
        self._folder = Path(path).expanduser()
        self.is_local = self._folder.is_dir()
        if self.is_local:
            if revision is not None:
                raise WrankError(f"{path}: a folder, and revision={revision}; a revision is for a data set of the hub")
            return
        if not _ID.fullmatch(self.path):
            raise WrankError(f"{path}: no such folder, and no id of the Hugging Face hub (OWNER/NAME)")
        if revision is None or not _COMMIT.fullmatch(revision):
            raise WrankError(
                f"{path}: no such folder; as a data set of the Hugging Face hub it needs revision=COMMIT, 40 "
                f"hexadecimal digits (got {revision!r}): a branch or tag can move, and would name other content "
                f"tomorrow"
            )

    def records(self, part: str | Sequence[str]) -> Iterator[tuple[Path, int, dict[str, Any]]]:
        """The records of a part, one by one: file (or part), line or row from 1, record.

        Raises:
            WrankError: no such part, it cannot be fetched, or a record that does not fit.
        """
        if (files := self.files(part)) is None:
            place = self.place(part)
            for number, record in _streamed(self._fetched(None), str(part), place):
                yield Path(place), number, record
            return
        for path in files:
            for number, record in records_of(path):
                yield path, number, record

    def content(self, part: str | Sequence[str], cache: Path | None) -> str:
        """Names a part's content: commit and files, or the files' SHA-256."""
        files = self.files(part)
        kind = "split" if files is None else "files"
        folder = self._fetched(None if files is None else _listed(part))
        if files is None:
            files = _split_files(folder, str(part), self.place(part))
            files += [readme] if (readme := folder / "README.md").is_file() else []  # it may set how files are read
        names = [path.relative_to(folder).as_posix() for path in files]
        if self.is_local:
            names = [f"{suffix_of(path)} {remembered_sha256(path, cache)}" for path in files]
        return sha256_of_json([self.path if self.revision else "", self.revision or "", names, kind])

    def place(self, part: str | Sequence[str]) -> str:
        """Where a part is, for messages."""
        where = f"{self.path}@{self.revision[:8]}" if self.revision else self.path
        return f"{where}/{', '.join(_listed(part))}"

    def files(self, part: str | Sequence[str]) -> list[Path] | None:
        """The data files of a part, on this machine; None for a configuration and split.

        Raises:
            WrankError: none, or some are missing.
        """
        patterns = _listed(part)
        if isinstance(part, str) and suffix_of(part) is None:
            return None
        folder = self._fetched(patterns)
        found: list[Path] = []
        for pattern in patterns:
            if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
                raise WrankError(f"{pattern}: wanted a path inside {self.path}")
            fitting = sorted(path for path in folder.glob(pattern) if path.is_file())
            if not fitting:
                there = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if suffix_of(p))[:10]
                raise WrankError(f"{self.place(pattern)}: no such file; there are: {', '.join(there) or 'none'}")
            found += [path for path in fitting if path not in found]
        _check_shards(found)
        return found

    def _fetched(self, patterns: Sequence[str] | None) -> Path:
        if self.is_local:
            return self._folder
        try:
            from huggingface_hub import snapshot_download
        except ImportError as error:
            raise WrankError(f"huggingface_hub is not installed ({error}): pip install huggingface_hub") from None
        wanted = None if patterns is None else list(patterns)
        facts: dict[str, Any] = {"repo_type": "dataset", "revision": self.revision, "allow_patterns": wanted}
        try:
            if wanted and not any("*" in pattern for pattern in wanted):
                try:
                    folder = Path(snapshot_download(self.path, **facts, local_files_only=True))
                    if all((folder / pattern).is_file() for pattern in wanted):
                        return folder
                except Exception:  # not fetched yet, in whatever words
                    pass
            return Path(snapshot_download(self.path, **facts))
        except Exception as error:
            reason = str(error).strip().partition("\n")[0][:200]
            include = "".join(f" --include '{pattern}'" for pattern in wanted or ())
            raise WrankError(
                f"{self.path}: cannot be fetched ({type(error).__name__}: {reason}). On a machine with a network run "
                f"`hf download {self.path} --repo-type dataset --revision {self.revision}{include}`; it goes into "
                f"{_cache_folder()}, which may be copied (the variable HF_HUB_CACHE names another)"
            ) from error


def _listed(part: str | Sequence[str]) -> list[str]:
    return [part] if isinstance(part, str) else list(part)


def _cache_folder() -> str:
    from huggingface_hub import constants

    return str(constants.HF_HUB_CACHE)


def _check_shards(files: Sequence[Path]) -> None:
    """Refuses a part of which shards are missing, as after a fetch that was cut off."""
    for path in files:
        if shard := _SHARD.search(path.name):
            for number in range(int(shard[2])):
                other = path.with_name(path.name.replace(shard[0], f"-{number:05d}-of-{shard[2]}."))
                if not other.is_file():
                    raise WrankError(f"{other}: missing beside {path.name}: fetch the data set again")


def _builder(folder: Path, part: str, place: str) -> tuple[Any, str]:
    config, _, split = part.rpartition("/")
    try:
        import datasets
    except ImportError as error:
        raise WrankError(
            f"{place}: configurations and splits are read by datasets, which is not installed ({error}): "
            f"pip install datasets, or name data files ({part}/*.parquet)"
        ) from None
    try:
        builder = datasets.load_dataset_builder(str(folder), config or None)
    except Exception as error:  # datasets has many
        raise WrankError(f"{place}: datasets cannot read it ({str(error).strip().partition(chr(10))[0]})") from error
    splits = list(builder.config.data_files or {})
    if split not in splits:
        raise WrankError(f"{place}: no split {split!r}; there are: {', '.join(map(str, splits)) or 'none'}")
    return builder, split


def _split_files(folder: Path, part: str, place: str) -> list[Path]:
    builder, split = _builder(folder, part, place)
    files = [Path(str(path)) for path in builder.config.data_files[split]]
    _check_shards(files)
    return files


def _streamed(folder: Path, part: str, place: str) -> Records:
    _split_files(folder, part, place)
    builder, split = _builder(folder, part, place)
    number = 0
    try:
        for number, record in enumerate(builder.as_streaming_dataset(split=split), start=1):
            yield number, dict(record)
    except Exception as error:  # likewise
        reason = str(error).strip().partition("\n")[0]
        raise WrankError(f"{place}:{number + 1}: datasets cannot read it ({reason})") from error
    if not number:
        raise WrankError(f"{place}: no record in it")
