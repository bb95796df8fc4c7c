"""One sequence of made-up tokens: its length, the distribution of its tokens, and what depends on what."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np

from wrank.errors import WrankError

Structure = Literal["none", "flat", "nesting", "shuffle"]
Distribution = Literal["zipf", "uniform"]
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aeiou"
_SYLLABLES = [first + second for first in _CONSONANTS for second in _VOWELS]


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a sequence is like; after arXiv 2109.03537.

    Args:
        length: fewest and most tokens; with partners, an odd number becomes the even one below it.
        vocabulary: number of tokens, 2 or more.
        distribution: of the tokens (with partners: of the pairs): ``zipf``: proportional to ``(rank + 2.7)^-exponent``
            (Zipf-Mandelbrot), or ``uniform``.
        exponent: of ``zipf``, above 0.
        structure: ``none``: tokens are independent. Explicit dependencies, a token and its equal partner later on:
            ``nesting``: like brackets in brackets, a partner closes what was opened last; ``flat``: pairs cross each
            other freely, a partner follows after `distance` tokens. Implicit ones: ``shuffle``: a run of consecutive
            tokens of the vocabulary, shuffled within windows of `window` tokens, so that which tokens come is told by
            others up to a window away (`distribution` says where the run begins).
        opening: ``nesting``: probability that the next token opens a pair, above 0, below 1.
        distance: ``flat``: shortest and longest way from a token to its partner, tokens; a place that is taken already,
            or lies behind the end, gives way to the nearest free one.
        window: ``shuffle``: tokens that are shuffled among themselves, 2 or more.

    Raises:
        WrankError: a value that cannot be used.
    """

    length: tuple[int, int] = (64, 128)
    vocabulary: int = 1000
    distribution: Distribution = "zipf"
    exponent: float = 1.0
    structure: Structure = "nesting"
    opening: float = 0.5
    distance: tuple[int, int] = (1, 16)
    window: int = 8

    def __post_init__(self) -> None:
        words = (("structure", self.structure, Structure), ("distribution", self.distribution, Distribution))
        for key, value, known in words:
            if value not in get_args(known):
                raise WrankError(f"data.source.traits.{key} is {value!r}; wanted one of {', '.join(get_args(known))}")
        for key, number in (("vocabulary", self.vocabulary), ("window", self.window)):
            if not _whole(number) or number < 2:
                raise WrankError(f"data.source.traits.{key} is {number!r}; wanted a whole number from 2 up")
        for key, pair, least in (("length", self.length, 4), ("distance", self.distance, 1)):
            numbers = list(pair) if isinstance(pair, list | tuple) else []
            if len(numbers) != 2 or not all(map(_whole, numbers)) or not least <= numbers[0] <= numbers[1]:
                wanted = f"[fewest, most], two whole numbers from {least} up"
                raise WrankError(f"data.source.traits.{key} is {pair!r}; wanted {wanted}")
            object.__setattr__(self, key, tuple(numbers))
        for key, share, most in (("exponent", self.exponent, np.inf), ("opening", self.opening, 1.0)):
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < most:
                below = "" if np.isinf(most) else " and below 1"
                raise WrankError(f"data.source.traits.{key} is {share!r}; wanted a number above 0{below}")

    def identity(self) -> dict[str, Any]:
        """What can change a sequence, as JSON values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def sequence(traits: Traits, generator: np.random.Generator) -> np.ndarray:
    """The tokens of one sequence: int64, from 0 to the vocabulary's size - 1.

    Args:
        traits: what it is like.
        generator: of the draws.
    """
    length = int(generator.integers(traits.length[0], traits.length[1] + 1))
    if traits.structure == "none":
        return _drawn(traits, length, generator)
    if traits.structure == "shuffle":
        tokens = (_drawn(traits, 1, generator) + np.arange(length)) % traits.vocabulary
        for start in range(0, length, traits.window):
            generator.shuffle(tokens[start : start + traits.window])
        return tokens
    pairs = _drawn(traits, length // 2, generator)
    return _nested(traits, pairs, generator) if traits.structure == "nesting" else _flat(traits, pairs, generator)


def word(token: int) -> str:
    """A token as a word that can be read: syllables of a consonant and a vowel, each token another word."""
    syllables = [_SYLLABLES[token % len(_SYLLABLES)]]
    while token := token // len(_SYLLABLES):
        token -= 1
        syllables.append(_SYLLABLES[token % len(_SYLLABLES)])
    return "".join(reversed(syllables))


def _nested(traits: Traits, pairs: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    opens = generator.random(2 * len(pairs)) < traits.opening
    tokens, waiting, used = np.empty(2 * len(pairs), dtype=np.int64), list[int](), 0
    for place, is_open in enumerate(opens.tolist()):
        if used < len(pairs) and (is_open or not waiting):
            waiting.append(int(pairs[used]))
            tokens[place] = waiting[-1]
            used += 1
        else:
            tokens[place] = waiting.pop()
    return tokens


def _flat(traits: Traits, pairs: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    size = 2 * len(pairs)
    tokens, free = np.full(size, -1, dtype=np.int64), set(range(size))
    ways = generator.integers(traits.distance[0], traits.distance[1] + 1, size=len(pairs))
    first = 0
    for token, way in zip(pairs.tolist(), ways.tolist(), strict=True):
        while first not in free:
            first += 1
        free.remove(first)
        partner = first + way
        if partner not in free:  # of equally near ones the later
            partner = min(_near(free, partner, size), key=lambda place: (abs(place - first - way), -place))
        free.remove(partner)
        tokens[[first, partner]] = token
    return tokens


def _near(free: set[int], wanted: int, size: int) -> list[int]:
    """The nearest free places before and after one; all free places lie behind the pair's first."""
    reach = range(1, size + abs(wanted - size) + 1)
    found = (next((place for step in reach if (place := wanted + sign * step) in free), None) for sign in (1, -1))
    return [place for place in found if place is not None]


def _drawn(traits: Traits, count: int, generator: np.random.Generator) -> np.ndarray:
    if traits.distribution == "uniform":
        return generator.integers(traits.vocabulary, size=count)
    bounds = _bounds(traits.vocabulary, traits.exponent)
    return np.asarray(bounds.searchsorted(generator.random(count) * bounds[-1], side="right"), dtype=np.int64)


@lru_cache(maxsize=4)
def _bounds(vocabulary: int, exponent: float) -> np.ndarray:
    """Cumulated weights of the tokens by rank."""
    return np.cumsum((np.arange(1, vocabulary + 1) + 2.7) ** -exponent)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
