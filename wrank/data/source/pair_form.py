"""Which of the forms a file of pairs has: told by its name and its first line."""

from pathlib import Path
from typing import Literal, NamedTuple

from wrank.errors import WrankError
from wrank.files import read_lines, short

Word = Literal["parquet", "jsonl", "run", "trec", "tsv"]
_WORDS: dict[int, Word] = {6: "run", 4: "trec", 3: "tsv"}
_WANTED = (
    "query-id Q0 passage-id rank score tag (a run), query-id 0 passage-id grade (TREC) or "
    "query-id<TAB>corpus-id<TAB>score"
)


class Form(NamedTuple):
    """A file's form.

    Attributes:
        word: ``parquet``, ``jsonl``, ``run``, ``trec`` (judgements of 4 columns) or ``tsv`` (of 3).
        delimiter: between columns of the first line; None where columns are padded, or there are none.
    """

    word: Word
    delimiter: str | None = None


def find_form(path: Path, kind: str) -> Form:
    """The form of a file.

    Args:
        path: the file.
        kind: ``qrels``, ``run``, ``parquet`` or ``auto``.

    Raises:
        WrankError: an empty file, a first line with another number of columns, or a file of another kind.
    """
    form = Form("parquet") if kind == "parquet" else _text_form(path, kind) if kind != "auto" else _told(path)
    kinds = {"qrels": ("jsonl", "trec", "tsv"), "run": ("run",)}
    if form.word not in kinds.get(kind, (form.word,)):
        raise WrankError(f"{path}:1: kind is {kind!r}, but the first line is that of a file of form {form.word}")
    return form


def _told(path: Path) -> Form:
    with path.open("rb") as file:
        if path.suffix == ".parquet" or file.read(4) == b"PAR1":
            return Form("parquet")
    return _text_form(path, "auto")


def _text_form(path: Path, kind: str) -> Form:
    number, line = next(((n, line) for n, line in read_lines(path) if line.strip()), (0, ""))
    if not number:
        raise WrankError(f"{path}: empty; wanted lines {_WANTED}")
    if ".jsonl" in path.suffixes or line.lstrip().startswith("{"):
        return Form("jsonl")
    cells = line.split("\t") if "\t" in line else line.split()
    delimiter = "\t" if "\t" in line else " " if line.split(" ") == cells else None
    if len(cells) not in _WORDS or (len(cells) == 3 and "\t" not in line):
        hint = "; its columns are to be separated by tabs, not spaces" if len(cells) == 3 else ""
        raise WrankError(f"{path}:{number}: {len(cells)} columns; wanted {_WANTED}{hint} ({short(line)})")
    return Form(_WORDS[len(cells)], delimiter)
