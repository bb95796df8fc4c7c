"""What wrank asks of ir_datasets, with errors that say what to fetch and where to put it."""

import difflib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wrank.errors import WrankError

_DEPTH = 8  # of objects that hold one another: a reader, what unpacks, what downloads


def library() -> Any:
    """The package.

    Raises:
        WrankError: it is not installed.
    """
    try:
        import ir_datasets
    except ImportError as error:
        raise WrankError(f"ir_datasets is not installed ({error}): pip install ir_datasets") from None
    return ir_datasets


def load_dataset(id: str) -> Any:
    """A dataset by its id; nothing is fetched yet.

    Raises:
        WrankError: no such id; near ones are named.
    """
    registry = library().registry
    try:
        return registry[id]
    except KeyError:
        near = difflib.get_close_matches(id, list(registry), n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise WrankError(f"{id}: ir_datasets knows no such dataset{hint} (all: https://ir-datasets.com)") from None


def splits_of(id: str, dataset: Any) -> dict[str, str]:
    """Split -> id of the datasets with queries and judgements: itself under its last word, or those one level below."""
    if dataset.has_queries() and dataset.has_qrels():
        return {id.rpartition("/")[2]: id}
    below = [one for one in library().registry if one.startswith(f"{id}/") and "/" not in one[len(id) + 1 :]]
    found = {one: load_dataset(one) for one in below}
    return {one[len(id) + 1 :]: one for one, other in found.items() if other.has_queries() and other.has_qrels()}


def stream(dataset: Any, id: str, what: str) -> Iterator[Any]:
    """The rows of a dataset.

    Args:
        dataset: of ir_datasets.
        id: its id, for messages.
        what: ``docs``, ``queries`` or ``qrels``.

    Raises:
        WrankError: they cannot be fetched, or read.
    """
    number = 0
    try:
        for number, row in enumerate(getattr(dataset, f"{what}_iter")(), start=1):  # noqa: B007
            yield row
    except WrankError:
        raise
    except OSError as error:  # of requests, too
        raise WrankError(_fetch_message(dataset, id, what, error)) from error
    except Exception as error:  # whatever a reader of ir_datasets raises for a file that is not as it should be
        broken = "All download sources failed" in str(error) or "Verification" in type(error).__name__
        text = _fetch_message(dataset, id, what, error) if broken else ""
        raise WrankError(
            text
            or f"{id}/{what}:{number + 1}: ir_datasets cannot read it ({type(error).__name__}: {error}): mend the "
            f"file, or remove it from {_home()} so that it is fetched again"
        ) from error


def _home() -> str:
    return os.environ.get("IR_DATASETS_HOME", str(Path.home() / ".ir_datasets"))


def _fetch_message(dataset: Any, id: str, what: str, error: Exception) -> str:
    held = list(leaves(getattr(dataset, f"{what}_handler")()))
    downloads = [one for one in held if hasattr(one, "mirrors")]
    mirrors = [mirror for one in downloads for mirror in one.mirrors]
    places = [str(one._cache_path) for one in downloads if getattr(one, "_cache_path", None)]
    places += [str(one._path) for one in [*mirrors, *held] if getattr(one, "_path", None) and hasattr(one, "_message")]
    urls = [str(mirror.url) for mirror in mirrors if hasattr(mirror, "url")]
    fetch = f" Fetch {' or '.join(urls)} on a machine with a network" if urls else " Fetch it as ir_datasets says"
    put = (
        f" and put it at {' or '.join(dict.fromkeys(places))}" if places else f" and copy what it wrote into {_home()}"
    )
    return (
        f"{id}: ir_datasets could not get its {what} ({type(error).__name__}: {str(error)[:200]}).{fetch}{put}; "
        f"`ir_datasets export {id} {what} > /dev/null` fetches it there, too. The folder is {_home()}; the variable "
        f"IR_DATASETS_HOME names another"
    )


def leaves(thing: Any, depth: int = _DEPTH) -> Iterator[Any]:
    """An object of ir_datasets and those it holds: readers, unpackers, downloads."""
    yield thing
    if depth:
        held = thing if isinstance(thing, list | tuple) else list(getattr(thing, "__dict__", {}).values())
        for one in held:
            if isinstance(one, list | tuple) or type(one).__module__.startswith("ir_datasets"):
                yield from leaves(one, depth - 1)


def document_text(doc: Any, place: Path, number: int) -> str:
    """A document's default text, else title and text; without outer white space.

    Raises:
        WrankError: it has none of these.
    """
    if hasattr(doc, "default_text"):
        return str(doc.default_text() or "").strip()
    body = next((word for word in ("text", "body", "abstract", "contents") if hasattr(doc, word)), None)
    if body is None:
        raise WrankError(f"{place}:{number}: no text in it; the fields are {', '.join(getattr(doc, '_fields', ()))}")
    return f"{getattr(doc, 'title', '') or ''} {getattr(doc, body) or ''}".strip()


def query_text(query: Any, place: Path, number: int) -> str:
    """A query's default text, else its text or title.

    Raises:
        WrankError: it has none of these.
    """
    if hasattr(query, "default_text"):
        return str(query.default_text() or "")
    word = next((word for word in ("text", "title", "query") if hasattr(query, word)), None)
    if word is None:
        raise WrankError(f"{place}:{number}: no text in it; the fields are {', '.join(getattr(query, '_fields', ()))}")
    return str(getattr(query, word) or "")
