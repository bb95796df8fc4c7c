"""Words that read better than keys: ``wrank diff A B`` for ``wrank diff runs=[A,B]``. Imports nothing heavy."""

import re
from collections.abc import Collection, Sequence

KEYS = {
    "report": "where.words",
    "diff": "runs",
    "trace": "of",
    **dict.fromkeys(("status", "resume", "cancel", "sync"), "which"),
}
"""Verb -> the list of words that may be written without its key."""

JOBS = ("generate", "audit", "mine", "score", "train", "evaluate", "run", "data")
"""Verbs whose jobs keep a record, so that they can be planned, detached, and run elsewhere."""

WHERE = ("study", "name", "loss", "model", "data", "tags", "kind", "since", "until")
"""Keys of ``where`` that may be written without it: Hydra would take ``loss=kl`` for the choice of an option."""

_LISTS = ("words", "study", "name", "loss", "model", "data", "tags", "sets", "formats")
_KEY = re.compile(r"[+~]{0,2}[a-z_][a-z_0-9./@]*=|~[a-z_]")


def as_key(verb: str, words: Sequence[str], flags: Collection[str]) -> list[str]:
    """The words as Hydra wants them: those that are no ``key=value`` become one list; ``loss=a,b`` is a list, too.

    Args:
        verb: one of `KEYS`.
        words: what stands after it.
        flags: flags that take a value, which is the next word.
    """
    plain: list[str] = []
    keys: list[str] = []
    again: list[str] = []  # for the command that is resumed
    rest: list[str] = []  # they go last: argparse takes no keys on both sides of them
    for before, word in zip(["", *words], words, strict=False):
        if before in flags or word.startswith("-"):
            rest.append(word)
        elif _KEY.match(word):
            keys.append(_spelled(word) if verb == "report" else word)
            if verb == "resume" and not word.startswith(("paths", "which=")):
                again.append(keys.pop())
        else:
            plain.append(word)
    keys += [f"words=[{','.join(map(quoted, again))}]"] if again else []
    return ([f"{KEYS[verb]}=[{','.join(map(quoted, plain))}]"] if plain else []) + keys + rest


def _spelled(word: str) -> str:
    key, _, value = word.partition("=")
    key = "where.words" if key == "filter" else f"where.{key}" if key in WHERE else key
    if key.removeprefix("where.") in _LISTS and "," in value and value[0] not in "[{'\"":
        value = f"[{value}]"
    return f"{key}={value}"


def quoted(word: str) -> str:
    """In quotes of Hydra's grammar, in which a backslash counts before a quote alone."""
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", word)
    trailing = re.search(r"\\*$", escaped)
    return f"'{escaped}{trailing[0] if trailing else ''}'"
