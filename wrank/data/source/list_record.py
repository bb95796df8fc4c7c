"""One line of a file of lists, checked; see `wrank.data.source.listed` for the forms."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrank.data.source.common import check_query, parse_grade, parse_string
from wrank.data.source.seen import text_id
from wrank.errors import WrankError
from wrank.files import as_id, read_jsonl, short
from wrank.records import Passage
from wrank.trec import Negative, parse_number

FLAT = {"positive": 1.0, "positive_passages": 1.0, "negative": 0.0, "negative_passages": 0.0}
"""Keys of the flat form, and the grade that each means."""


@dataclass(frozen=True, slots=True)
class ListedPassage:
    """A passage of a list: id (its own, or made of the text), full text, grade and teacher's score where given."""

    id: str
    text: str
    grade: float | None
    score: float | None


@dataclass(frozen=True, slots=True)
class ListRecord:
    """A list: its line, the query, its passages."""

    number: int
    query_id: str
    query: str
    passages: list[ListedPassage]


def read_lists(path: Path, negative: Negative) -> Iterator[ListRecord]:
    """The lists of a file.

    Args:
        path: the file.
        negative: what becomes of a grade below 0.

    Raises:
        WrankError: a line that does not fit, or none at all.
    """
    empty = True
    for number, record in read_jsonl(path):
        empty = False
        query = check_query(parse_string(record, "query", path, number), path, number)
        own = record.get("query_id")
        id = text_id(query) if own is None else as_id(own, "query_id", path, number)
        yield ListRecord(number, id, query, _passages(record, negative, path, number))
    if empty:
        raise WrankError(f"{path}: empty; wanted one JSON object a line: a query with its passages")


def _passages(record: Mapping[str, Any], negative: Negative, path: Path, number: int) -> list[ListedPassage]:
    flat = [key for key in FLAT if key in record]
    if "passages" in record and flat:
        raise WrankError(f"{path}:{number}: both 'passages' and {flat[0]!r}; wanted one of the two forms")
    if "passages" in record:
        items = _list(record, "passages", path, number)
        passages = [_graded(item, negative, path, number) for item in items]
    elif flat:
        passages = [passage for key in flat for passage in _flat(record, key, path, number)]
    else:
        raise WrankError(
            f"{path}:{number}: no 'passages', and none of {', '.join(FLAT)}; the keys there are "
            f"{', '.join(map(repr, record))}"
        )
    if not passages:
        raise WrankError(f"{path}:{number}: no passage in the list")
    return passages


def _list(record: Mapping[str, Any], key: str, path: Path, number: int) -> list[Any]:
    if not isinstance(record[key], list):
        raise WrankError(f"{path}:{number}: {key!r} is of type {type(record[key]).__name__}; wanted a list")
    return list(record[key])


def _graded(item: Any, negative: Negative, path: Path, number: int) -> ListedPassage:
    id, text = _identified(item, "passages", "id", path, number)
    grade, score = item.get("grade"), item.get("score")
    return ListedPassage(
        id,
        text,
        None if grade is None else parse_grade(grade, negative, path, number),
        None if score is None else parse_number(score, "score", path, number),
    )


def _flat(record: Mapping[str, Any], key: str, path: Path, number: int) -> Iterator[ListedPassage]:
    if key.endswith("_passages"):
        for item in _list(record, key, path, number):
            yield ListedPassage(*_identified(item, key, "docid", path, number), FLAT[key], None)
        return
    texts = [record[key]] if isinstance(record[key], str) else _list(record, key, path, number)
    for text in texts:
        if not isinstance(text, str):
            raise WrankError(
                f"{path}:{number}: {key!r} holds a {type(text).__name__}; wanted a text or a list of texts"
            )
        yield ListedPassage(text_id(_full(text, key, path, number)), text.strip(), FLAT[key], None)


def _identified(item: Any, key: str, id_key: str, path: Path, number: int) -> tuple[str, str]:
    """Id and full text of a passage given as an object."""
    if not isinstance(item, dict):
        raise WrankError(
            f"{path}:{number}: {key!r} holds a {type(item).__name__} ({short(str(item))}); wanted objects with "
            f"{id_key}, title, text"
        )
    title = parse_string(item, "title", path, number) if item.get("title") is not None else ""
    text = _full(Passage("", parse_string(item, "text", path, number), title).full_text, key, path, number)
    own = item.get(id_key)
    return text_id(text) if own is None else as_id(own, id_key, path, number), text


def _full(text: str, key: str, path: Path, number: int) -> str:
    if not text.strip():
        raise WrankError(f"{path}:{number}: a text of {key!r} is empty")
    return text.strip()
