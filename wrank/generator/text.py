"""Texts made ready for comparison, in any language: tokens, words, shingles.

A token is a word in a script that puts spaces between words (compatibility forms and case folded, punctuation left
out), and a character in one that does not (Chinese, Japanese, Thai, ...).
"""

import unicodedata
from collections.abc import Sequence
from functools import cached_property

BOUND = 20_000
"""Characters of a text that are looked at: whatever a query holds, a comparison stays cheap."""

_CHARACTERS_A_WORD = 2  # a Chinese or Thai word is about two characters long
_UNSPACED = (
    (0x0E00, 0x109F),  # Thai, Lao, Tibetan, Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


def is_unspaced(character: str) -> bool:
    """Whether a character belongs to a script without spaces between words."""
    return any(low <= ord(character) <= high for low, high in _UNSPACED)


class _Table(dict[int, str]):
    """What becomes of a character, for `str.translate`; found out once a character."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kind = unicodedata.category(character)
        if character in "'’ʼ":
            made = ""
        elif is_unspaced(character):
            made = f" {character} " if kind[0] in "LN" else "" if kind[0] == "M" else " "
        else:
            made = character if kind[0] in "LNM" else " "
        self[code] = made
        return made


_table = _Table()


class Text:
    """A text made ready for comparison.

    Args:
        raw: the text; what comes after its first 20,000 characters is not looked at.

    Attributes:
        raw: the text, cut there.
        tokens: its tokens, in order.
        normal: the tokens joined by single spaces: equal for texts that differ in case, punctuation and space alone.
    """

    def __init__(self, raw: str) -> None:
        self.raw = raw[:BOUND]
        self.tokens = unicodedata.normalize("NFKC", self.raw).casefold().translate(_table).split()
        self.normal = " ".join(self.tokens)

    @cached_property
    def words(self) -> float:
        """The number of words; two characters of a script without spaces count as one."""
        return count_words(self.tokens)

    @cached_property
    def is_unspaced(self) -> bool:
        """Whether most of it is in a script without spaces."""
        return self.words < 0.75 * len(self.tokens)

    def shingles(self, words: int) -> set[tuple[str, ...]]:
        """Every run of so many words (of twice as many characters where `is_unspaced`)."""
        return shingles(self.tokens, words * _CHARACTERS_A_WORD if self.is_unspaced else words)


def count_words(tokens: Sequence[str]) -> float:
    """Words in tokens; a character of a script without spaces counts half."""
    characters = sum(len(token) == 1 and is_unspaced(token) for token in tokens if token > "\u0dff")
    return len(tokens) - characters + characters / _CHARACTERS_A_WORD


def shingles(tokens: Sequence[str], length: int) -> set[tuple[str, ...]]:
    """Every run of `length` tokens."""
    return set(zip(*(tokens[start:] for start in range(length)), strict=False))
