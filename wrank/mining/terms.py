"""Texts to terms: lower case, words of two characters or more, stop words left out, stems.

A word is a run of letters, digits and underscores. So a language written without spaces (Chinese, Japanese, Thai) has
whole phrases as words, and BM25 finds little in it: mine with an encoder there.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from wrank.errors import WrankError

_WORDS = re.compile(r"\b\w\w+\b").findall
_LEFT_OUT = -1


class Terms(dict[str, int]):
    """Word -> number of its term; words are looked up, stemmed and numbered when they first come.

    Args:
        stemmer: name of a Snowball algorithm, e.g. ``english``; None = words as they are.
        stopwords: language of the list that is left out, e.g. ``en``; None = none.
        numbers: term -> number, of an index that is made; None = new terms get the next number.

    Attributes:
        numbers: term -> number.

    Raises:
        WrankError: a library is missing, or has no such stemmer or list.
    """

    def __init__(self, stemmer: str | None, stopwords: str | None, numbers: Mapping[str, int] | None = None) -> None:
        super().__init__()
        self._stem, self._stopwords = make_stem(stemmer), stopword_list(stopwords)
        self._fixed = numbers is not None
        self.numbers: dict[str, int] = {} if numbers is None else dict(numbers)

    def __missing__(self, word: str) -> int:
        if word in self._stopwords:
            number = _LEFT_OUT
        elif self._fixed:
            return self.numbers.get(self._stem(word), _LEFT_OUT)  # not kept: queries hold any number of new words
        else:
            number = self.numbers.setdefault(self._stem(word), len(self.numbers))
        self[word] = number
        return number

    def of(self, text: str) -> list[int]:
        """The numbers of a text's terms, in order, repeated ones too; unknown ones of a finished index are left out."""
        return [number for word in _WORDS(text.lower()) if (number := self[word]) != _LEFT_OUT]


def make_stem(name: str | None) -> Callable[[str], str]:
    """The function that stems a word.

    Args:
        name: of a Snowball algorithm; None = words stay.

    Raises:
        WrankError: PyStemmer is missing, or has no such algorithm.
    """
    if name is None:
        return str
    stemming: Any = need("Stemmer", "PyStemmer")
    if name not in stemming.algorithms():
        raise WrankError(f"miner.stemmer is {name!r}; wanted null or one of {', '.join(stemming.algorithms())}")
    stem: Callable[[str], str] = stemming.Stemmer(name).stemWord
    return stem


def stopword_list(name: str | None) -> frozenset[str]:
    """The words left out.

    Args:
        name: a language, e.g. ``en``; None = none.

    Raises:
        WrankError: bm25s is missing, or has no such list.
    """
    if name is None:
        return frozenset()
    library = need("bm25s", "bm25s")
    try:
        if not isinstance(name, str):
            raise ValueError(name)
        return frozenset(library.tokenization.Tokenizer(stopwords=name).stopwords)
    except ValueError:
        raise WrankError(
            f"miner.stopwords is {name!r}; wanted null or a language of bm25s in quotes, e.g. 'en', 'en_plus', 'german'"
        ) from None


def need(module: str, package: str) -> Any:
    """Imports a library that only this miner needs.

    Raises:
        WrankError: it cannot be imported.
    """
    import importlib
    import logging

    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise WrankError(f"miner=bm25 needs the library {package} ({error}): pip install {package}") from error
    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it asks for debug messages, which Hydra's handlers print
    return found
