"""The words of passages without those of their query, as features for a classifier."""

from collections.abc import Sequence
from typing import Any

from scipy.sparse import csr_array, hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from wrank.generator.text import Text

FIRST = "^"
"""Stands before the first word in names of features: ``^ the`` begins a passage."""

_STEM = 5  # words that share so many first characters with a word of the query count as the query's
_MOST = 60_000  # features of each kind


def own_words(query: str, passage: str) -> list[str]:
    """Tokens of a passage that are not its query's, nor other forms of them (the same first five characters)."""
    asked = set(Text(query).tokens)
    stems = {token[:_STEM] for token in asked if len(token) >= _STEM}
    return [token for token in Text(passage).tokens if token not in asked and token[:_STEM] not in stems]


def overlap(query: str, passage: str) -> float:
    """Share of a query's distinct tokens that the passage holds."""
    asked = set(Text(query).tokens)
    return len(asked & set(Text(passage).tokens)) / len(asked) if asked else 0.0


def weighted(texts: Sequence[str]) -> csr_array:
    """TF-IDF of single words, pairs of words and runs of three and four characters.

    Args:
        texts: tokens joined by spaces.
    """
    least = 2 if len(texts) < 2000 else 4
    parts = []
    kinds: tuple[dict[str, Any], ...] = (
        {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\S+"},
        {"analyzer": "char_wb", "ngram_range": (3, 4)},
    )
    for kind in kinds:
        vectorizer = TfidfVectorizer(lowercase=False, sublinear_tf=True, min_df=least, max_features=_MOST, **kind)
        try:
            parts.append(vectorizer.fit_transform(texts))
        except ValueError:  # no term comes often enough
            continue
    return csr_array(hstack(parts, format="csr")) if parts else csr_array((len(texts), 1))


def present(texts: Sequence[str], least: int) -> tuple[list[str], csr_array]:
    """Which words, pairs of words and first words each text holds.

    Args:
        texts: tokens joined by spaces.
        least: texts that must hold a feature.

    Returns:
        Names, and a matrix of 0 and 1, one row a text.
    """
    vectorizer = CountVectorizer(
        ngram_range=(1, 2), token_pattern=r"\S+", lowercase=False, binary=True, min_df=least, max_features=_MOST
    )
    try:
        matrix = vectorizer.fit_transform([f"{FIRST} {text}" for text in texts])
    except ValueError:  # no term comes often enough
        return [], csr_array((len(texts), 0))
    names = vectorizer.get_feature_names_out().tolist()
    kept = [place for place, name in enumerate(names) if name != FIRST]
    return [names[place] for place in kept], csr_array(matrix)[:, kept]
