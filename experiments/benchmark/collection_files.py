"""A BEIR folder of any size, to measure reading with: texts of MS MARCO's length, made of pieces of a real collection.

MS MARCO's size with four judgements a query (3.5 GB)::

    python -m experiments.benchmark.collection_files \
        --passages 8841823 --queries 502939 --judgements 2011756 --out FOLDER

A passage is 4 to 10 pieces of about 48 bytes, drawn from all the passages of `--text`; a query is 4 to 8 of its words.
So the words and their lengths are real, nearly every text differs, and nothing makes sense: good for measuring files,
memory and speed, for nothing else. The judgements of a query name different passages, spread over the whole corpus,
with grades 3, 2, 1, 0, 3, ... The content is a function of the seed, the sizes and the text alone.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import wrank
from wrank.errors import WrankError
from wrank.files import read_jsonl, sha256_of_file

SAMPLE = Path(wrank.__file__).parent / "data" / "sample"
PIECE = 48  # bytes, about
PIECES = (4, 10)  # of a passage: 7 x 48 = 340 bytes on average
WORDS = (4, 8)  # of a query
BLOCK = 20_000  # lines drawn and written at once
PASSAGE_STREAM, QUERY_STREAM, JUDGEMENT_STREAM = range(3)  # each file has random numbers of its own


@dataclass(frozen=True)
class Size:
    """How large a collection shall be."""

    passages: int
    queries: int
    judgements: int

    def __post_init__(self) -> None:
        if min(self.passages, self.queries, self.judgements) < 1:
            raise WrankError(f"{self}: wanted at least one of each")
        if -(-self.judgements // self.queries) > self.passages:
            raise WrankError(f"{self}: a query would be judged on more passages than there are")


def write_collection(size: Size, out: Path, *, text: Path = SAMPLE, seed: int = 0) -> Path:
    """Writes ``corpus.jsonl``, ``queries.jsonl``, ``qrels/train.tsv`` and ``made.json``, which tells from what.

    Args:
        size: the numbers of lines.
        out: the folder; it appears when it is whole. One made with the same arguments is left as it is.
        text: a folder with the ``corpus.jsonl`` whose words are taken.
        seed: of the draws.

    Returns:
        `out`.

    Raises:
        WrankError: `out` holds something else, or `text` no text.
    """
    source = text / "corpus.jsonl"
    made = json.dumps({**asdict(size), "seed": seed, "text": sha256_of_file(source)}, indent=1) + "\n"
    note = out / "made.json"
    if note.is_file() and note.read_text(encoding="utf-8") == made:
        return out
    if out.exists():
        raise WrankError(f"{out}: there is something else there already; wanted a new folder, or the same arguments")
    pieces, words = _pieces(source)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        (partial / "qrels").mkdir()
        _write(partial / "corpus.jsonl", _passages(pieces, size.passages, seed))
        _write(partial / "queries.jsonl", _queries(words, size.queries, seed))
        _write(partial / "qrels" / "train.tsv", _judgements(size, seed))
        (partial / note.name).write_text(made, encoding="utf-8")
        partial.chmod(0o755)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out


def _pieces(source: Path) -> tuple[list[str], list[str]]:
    """What passages and queries are made of, escaped for JSON, without doubles."""
    pieces: dict[str, None] = {}
    words: dict[str, None] = {}
    for _, record in read_jsonl(source):
        piece = ""
        for word in record["text"].split():
            words[_escaped(word)] = None
            piece = f"{piece} {word}".lstrip()
            if len(piece.encode()) >= PIECE - 3:  # the last word goes over the edge by about three bytes
                pieces[_escaped(piece)] = None
                piece = ""
    if not pieces:
        raise WrankError(f"{source}: holds no passage of {PIECE} bytes to take text from")
    return list(pieces), list(words)


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _write(path: Path, blocks: Iterator[str]) -> None:
    with path.open("wb") as file:
        file.writelines(block.encode("utf-8") for block in blocks)


def _texts(parts: list[str], counts: tuple[int, int], lines: int, seed: list[int]) -> Iterator[tuple[int, list[str]]]:
    """Blocks of texts, each made of some of the parts; with the number of the block's first text."""
    fewest, most = counts
    for first in range(0, lines, BLOCK):
        draw = np.random.default_rng([*seed, first])
        rows = draw.integers(len(parts), size=(BLOCK, most)).tolist()
        lengths = draw.integers(fewest, most + 1, size=BLOCK).tolist()
        some = zip(rows[: lines - first], lengths, strict=False)
        yield first, [" ".join([parts[place] for place in row[:length]]) for row, length in some]


def _passages(pieces: list[str], lines: int, seed: int) -> Iterator[str]:
    for first, texts in _texts(pieces, PIECES, lines, [seed, PASSAGE_STREAM]):
        yield "".join(f'{{"_id": "{row}", "title": "", "text": "{text}"}}\n' for row, text in enumerate(texts, first))


def _queries(words: list[str], lines: int, seed: int) -> Iterator[str]:
    for first, texts in _texts(words, WORDS, lines, [seed, QUERY_STREAM]):
        yield "".join(f'{{"_id": "q{row}", "text": "{text}"}}\n' for row, text in enumerate(texts, first))


def _judgements(size: Size, seed: int) -> Iterator[str]:
    """Rows of ``train.tsv``; a query's passages lie a random step apart, so that none comes twice."""
    yield "query-id\tcorpus-id\tscore\n"
    longest_step = max(1, size.passages // -(-size.judgements // size.queries))
    for first in range(0, size.queries, BLOCK):
        draw = np.random.default_rng([seed, JUDGEMENT_STREAM, first])
        starts = draw.integers(size.passages, size=BLOCK)
        steps = draw.integers(1, longest_step + 1, size=BLOCK)
        queries = np.arange(first, min(first + BLOCK, size.queries))
        ends = (np.arange(first, first + len(queries) + 1) * size.judgements) // size.queries
        counts = np.diff(ends)
        places = np.arange(counts.sum()) - np.repeat(ends[:-1] - ends[0], counts)
        passages = (np.repeat(starts[: len(queries)], counts) + places * np.repeat(steps[: len(queries)], counts)) % (
            size.passages
        )
        rows = zip(np.repeat(queries, counts).tolist(), passages.tolist(), (3 - places % 4).tolist(), strict=True)
        yield "".join(f"q{query}\t{passage}\t{grade}\n" for query, passage, grade in rows)


def main() -> None:
    """Writes the collection that the command line asks for."""
    parser = argparse.ArgumentParser(description="write a BEIR folder of any size, to measure reading with")
    for name in ("passages", "queries", "judgements"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--text", type=Path, default=SAMPLE, help="folder with the corpus.jsonl to take text from")
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    size = Size(words.passages, words.queries, words.judgements)
    try:
        print(write_collection(size, words.out, text=words.text, seed=words.seed))
    except WrankError as error:
        sys.exit(f"collection_files: {error}")


if __name__ == "__main__":
    main()
