"""The files of TREC and BEIR: judgements (qrels) in three forms, pairs, runs. Every error names file and line."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from wrank.errors import WrankError
from wrank.files import as_id, atomic_writer, parse_id, read_jsonl, read_lines, short
from wrank.records import Judgement

Negative = Literal["error", "zero"]
"""What becomes of a grade below 0: refused, or read as 0 (what trec_eval makes of it)."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FLOAT32_MAX = (2 - 2**-23) * 2.0**127
_QRELS_HEADER = ("query-id", "corpus-id", "score")


def read_judgements(path: Path, negative: Negative = "error") -> Iterator[tuple[int, Judgement]]:
    """Judgements with their lines, from qrels in any of three forms; the first line decides which.

    TSV ``query-id<TAB>corpus-id<TAB>score`` with or without that header; TREC ``query-id 0 passage-id grade``, split
    at white space; JSONL ``{"qid": .., "docid": [..], "score": [..]}``. Any of them may be gzipped.

    Args:
        path: the file.
        negative: what becomes of a grade below 0.

    Yields:
        (line number from 1, judgement).

    Raises:
        WrankError: a line that does not fit, a grade that is no finite number or below 0, or no judgement.
    """
    first = next(((n, line) for n, line in read_lines(path) if line.strip()), None)
    if first is None:
        raise WrankError(f"{path}: empty; wanted judgements")
    if ".jsonl" in path.suffixes or first[1].lstrip().startswith("{"):
        rows = jsonl_judgements(path)
    elif (
        ".trec" in path.suffixes
        or len(first[1].split("\t")) == 4
        or ("\t" not in first[1] and len(first[1].split()) == 4)
    ):
        rows = (
            (n, cells[0], cells[2], cells[3]) for n, cells in split_cells(path, None, 4, "query-id 0 passage-id grade")
        )
    else:
        rows = tsv_judgements(path)
    empty = True
    for number, query_id, passage_id, grade in rows:
        empty = False
        yield number, Judgement(query_id, passage_id, _as_grade(grade, path, number, negative))
    if empty:
        raise WrankError(f"{path}: only a header, no judgement; wanted lines query-id<TAB>corpus-id<TAB>score")


def read_qrels(path: Path, negative: Negative = "error") -> list[Judgement]:
    """All judgements of a qrels file, in its order; see `read_judgements`."""
    return [judgement for _, judgement in read_judgements(path, negative)]


def read_pairs(path: Path) -> list[tuple[int, str, str]]:
    """Pairs of query and passage (``excluded.tsv``), with or without the header ``query-id<TAB>corpus-id``.

    Returns:
        (line number from 1, query id, passage id).

    Raises:
        WrankError: a line that does not fit, or no pair at all.
    """
    rows = [
        (number, query_id, passage_id)
        for number, (query_id, passage_id) in split_cells(path, "\t", 2, "query-id<TAB>corpus-id")
    ]
    if rows and is_header(rows[0][1:], _QRELS_HEADER[:2]):
        rows.pop(0)
    if not rows:
        raise WrankError(f"{path}: no pair in it; wanted lines query-id<TAB>corpus-id, or no such file")
    return rows


def write_run(path: Path, rankings: Mapping[str, Sequence[tuple[str, float]]], tag: str = "wrank") -> None:
    """Writes rankings as a TREC run: ``query-id Q0 passage-id rank score tag``, scores in full.

    Args:
        path: the file; replaced whole or not at all.
        rankings: query id -> (passage id, score), best first.
        tag: the run's name; no white space.

    Raises:
        WrankError: an id with white space in it (the format cannot hold it), a score that is not finite, a full disk.
    """
    with atomic_writer(path) as file:
        for query_id, ranking in rankings.items():
            for rank, (passage_id, score) in enumerate(ranking, start=1):
                for word in (query_id, passage_id, tag):
                    if len(word.split()) != 1 or word != word.strip():
                        raise WrankError(
                            f"{path}: {word!r} has white space in it (or is empty), which a TREC run cannot hold"
                        )
                if not math.isfinite(score):
                    raise WrankError(
                        f"{path}: the score of {passage_id!r} for {query_id!r} is {score}; wanted a finite number"
                    )
                file.write(f"{query_id} Q0 {passage_id} {rank} {float(score)!r} {tag}\n".encode())


def read_run(path: Path) -> dict[str, list[tuple[str, float]]]:
    """Reads a TREC run.

    Returns:
        Query id -> (passage id, score), highest score first; equal scores stay in the file's order. Ranks are not
        read.

    Raises:
        WrankError: a line without six columns, a score that is no number or none that float32 holds, a passage twice,
            no line.
    """
    scores: dict[str, dict[str, float]] = {}
    for number, (query_id, _, passage_id, _, score, _) in split_cells(
        path, None, 6, "query-id Q0 passage-id rank score tag"
    ):
        ranking = scores.setdefault(query_id, {})
        if passage_id in ranking:
            raise WrankError(f"{path}:{number}: passage {passage_id!r} comes twice for query {query_id!r}")
        ranking[passage_id] = parse_number(score, "score", path, number)
        if abs(ranking[passage_id]) > _FLOAT32_MAX:
            raise WrankError(f"{path}:{number}: score {short(score)} does not fit into float32; scale the scores")
    if not scores:
        raise WrankError(f"{path}: empty; wanted a TREC run, lines query-id Q0 passage-id rank score tag")
    return {query_id: sorted(ranking.items(), key=lambda item: -item[1]) for query_id, ranking in scores.items()}


def split_cells(path: Path, separator: str | None, count: int, wanted: str) -> Iterator[tuple[int, list[str]]]:
    """(Line, cells) of lines with `count` cells, none empty; blank lines are skipped; `wanted` says what, for messages.

    Raises:
        WrankError: another number of cells, or an empty one.
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        cells = line.split(separator)
        if len(cells) != count:
            hint = (
                "; columns are separated by tabs, not spaces"
                if separator == "\t" and len(line.split()) == count
                else ""
            )
            raise WrankError(f"{path}:{number}: {len(cells)} columns, wanted {count}: {wanted}{hint} ({short(line)})")
        if not all(cells):
            raise WrankError(f"{path}:{number}: an empty column; wanted {wanted} ({short(line)})")
        yield number, cells


def tsv_judgements(path: Path) -> Iterator[tuple[int, str, str, Any]]:
    """(Line, query id, passage id, grade as written) of lines ``query-id<TAB>corpus-id<TAB>score``, header or not."""
    for index, (number, cells) in enumerate(split_cells(path, "\t", 3, "query-id<TAB>corpus-id<TAB>score")):
        if index or not is_header(cells, _QRELS_HEADER):
            yield number, cells[0], cells[1], cells[2]


def is_header(cells: Sequence[str], header: Sequence[str]) -> bool:
    """Whether the cells of a first line are the names of columns, in whatever case, with ``_`` or ``-``."""
    return [cell.strip().lower().replace("_", "-") for cell in cells] == list(header)


def jsonl_judgements(path: Path) -> Iterator[tuple[int, str, str, Any]]:
    """(Line, query id, passage id, grade as written) of lines ``{qid, docid: [..], score: [..]}``."""
    for number, record in read_jsonl(path):
        query_id = parse_id(record, "qid", path, number)
        ids, scores = record.get("docid"), record.get("score")
        if not isinstance(ids, list) or not isinstance(scores, list) or len(ids) != len(scores):
            raise WrankError(
                f"{path}:{number}: wanted 'docid' and 'score', two lists of one length; the keys are {list(record)}"
            )
        for passage_id, score in zip(ids, scores, strict=True):
            yield number, query_id, as_id(passage_id, "docid", path, number), score


def _as_grade(value: Any, path: Path, number: int, negative: Negative) -> float:
    grade = parse_number(value, "grade", path, number)
    if grade < 0 and negative == "error":
        raise WrankError(
            f"{path}:{number}: grade {grade:g} is below 0; wanted 0 or more "
            f"(data.source.negative_grades=zero reads it as 0)"
        )
    return max(grade, 0.0)


def parse_number(value: Any, what: str, path: Path, number: int) -> float:
    """A finite number, given as one or as text; `what` names it in the message.

    Raises:
        WrankError: anything else.
    """
    if isinstance(value, str):
        fits = bool(_NUMBER.fullmatch(value))
    else:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        result = float(value) if fits else math.nan
    except OverflowError:  # a whole number that no float holds
        result = math.inf
    if not math.isfinite(result):
        raise WrankError(f"{path}:{number}: {what} {short(str(value))!r} is not a finite number")
    return result
