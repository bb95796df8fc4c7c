"""Words of a text, also where a script writes none apart; and pieces put together again."""

import re
from collections.abc import Sequence

# CJK punctuation, kana, ideographs, full-width forms: written without white space, so each character counts as a word.
_UNSPACED = "\u3001-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")


def split_words(text: str) -> list[str]:
    """The words of a text: what white space separates, and each Chinese or Japanese character by itself.

    Thai, Lao, Khmer and Burmese are written without white space, too, but are not taken apart.
    """
    return _WORD.findall(text)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the words of `split_words` begin and end."""
    return [match.span() for match in _WORD.finditer(text)]


def join_pieces(pieces: Sequence[str]) -> str:
    """Words or sentences as one text: one space between two, none between two Chinese or Japanese characters.

    Args:
        pieces: none is empty.
    """
    parts: list[str] = []
    for piece in pieces:
        if parts and not (_IS_UNSPACED.match(parts[-1][-1]) and _IS_UNSPACED.match(piece[0])):
            parts.append(" ")
        parts.append(piece)
    return "".join(parts)
