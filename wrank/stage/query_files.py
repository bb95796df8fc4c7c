"""What a user knows of queries beside their texts: how often each is asked, and which are wordings of one question.

One file is for all test sets of an evaluation. Of each set it is kept what is about judged queries.
"""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.trec import is_header, parse_number, split_cells

_log = logging.getLogger(__name__)


def read_frequencies(path: str, collections: Mapping[str, Collection]) -> dict[str, dict[str, float] | None]:
    """How often queries are asked, from lines ``query-id<TAB>count``; a first line of just these words is skipped.

    Args:
        path: the file.
        collections: test set's name -> its collection.

    Returns:
        Set's name -> judged query -> count, queries ascending; None for a set none of whose queries is in the file. A
        warning names such sets, and how many queries of the others are not in it.

    Raises:
        WrankError: a line that does not fit, a count that is no finite number from 0 up, a query twice, no judged query
            of any set.
    """
    file = Path(path).expanduser()
    counts: dict[str, float] = {}
    for line, query_id, cell in _lines(file, "count"):
        counts[query_id] = parse_number(cell, "count", file, line)
        if counts[query_id] < 0:
            raise WrankError(f"{file}:{line}: the count {cell} of query {query_id!r} is below 0; wanted 0 or more")
    found: dict[str, dict[str, float] | None] = {}
    for name, collection in collections.items():
        judged = _judged(collection)
        found[name] = {query_id: counts[query_id] for query_id in judged if query_id in counts} or None
        if lacking := len(judged) - len(found[name] or judged):
            _log.warning(
                "%s: %d of the %d judged queries of %s are not in it: they are in no third by frequency",
                *(file, lacking, len(judged), name),
            )
    _tell_lacking(file, found, "none of the judged queries", collections)
    return found


def read_paraphrases(path: str, collections: Mapping[str, Collection]) -> dict[str, dict[str, list[str]] | None]:
    """Wordings of one question, from lines ``query-id<TAB>question``; a first line of just these words is skipped.

    Args:
        path: the file.
        collections: test set's name -> its collection.

    Returns:
        Set's name -> question -> two or more judged queries, both ascending; None for a set that has no such question.
        A warning names such sets.

    Raises:
        WrankError: a line that does not fit, a query twice, no question with two judged wordings in any set.
    """
    file = Path(path).expanduser()
    questions = {query_id: question for _, query_id, question in _lines(file, "question")}
    found: dict[str, dict[str, list[str]] | None] = {}
    for name, collection in collections.items():
        groups: dict[str, list[str]] = {}
        for query_id in _judged(collection):
            if query_id in questions:
                groups.setdefault(questions[query_id], []).append(query_id)
        found[name] = {question: groups[question] for question in sorted(groups) if len(groups[question]) > 1} or None
    _tell_lacking(file, found, "no question with two wordings among the judged queries", collections)
    return found


def _lines(file: Path, second: str) -> Iterator[tuple[int, str, str]]:
    """(Line, query id, second cell), without a header; every query once."""
    lines: dict[str, int] = {}
    for place, (number, (query_id, cell)) in enumerate(split_cells(file, "\t", 2, f"query-id<TAB>{second}")):
        if place == 0 and is_header([query_id, cell], ["query-id", second]):
            continue
        if query_id in lines:
            raise WrankError(
                f"{file}:{number}: query {query_id!r} comes twice, first in line {lines[query_id]}; wanted one "
                f"{second} a query"
            )
        lines[query_id] = number
        yield number, query_id, cell


def _judged(collection: Collection) -> list[str]:
    return sorted(query_id for query_id, grades in collection.qrels.items() if grades)


def _tell_lacking(file: Path, found: Mapping[str, object], what: str, collections: Mapping[str, Collection]) -> None:
    lacking = [name for name, one in found.items() if one is None]
    if len(lacking) == len(found):
        example = next((query_id for one in collections.values() for query_id in _judged(one)), "")
        raise WrankError(f"{file}: {what} of {', '.join(lacking)} is in it; their ids are e.g. {example!r}")
    if lacking:
        _log.warning("%s: %s of these sets is in it: %s", file, what, ", ".join(lacking))
