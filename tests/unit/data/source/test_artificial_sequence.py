"""Sequences have the traits they are asked for."""

import numpy as np
import pytest

from wrank.data.position import generator_at
from wrank.data.source.artificial_sequence import Traits, sequence, word
from wrank.errors import WrankError


def drawn(count=50, **traits):
    one = Traits(**traits)
    return [sequence(one, generator_at("test", number)) for number in range(count)]


def test_a_nested_sequence_is_read_by_a_stack():
    """Each partner closes what was opened last: with tokens that are pairs of their own, a stack empties."""
    for tokens in drawn(structure="nesting", distribution="uniform", vocabulary=10**6, length=(10, 41)):
        stack, most = [], 0
        for token in tokens.tolist():
            if stack and stack[-1] == token:
                stack.pop()
            else:
                stack.append(token)
            most = max(most, len(stack))
        assert not stack
        assert len(tokens) % 2 == 0
        assert most > 1 or len(tokens) < 12


def test_opening_more_nests_deeper():
    def way(opening):
        found = drawn(structure="nesting", distribution="uniform", vocabulary=10**6, length=(64, 64), opening=opening)
        return np.mean([np.diff(np.flatnonzero(tokens == token))[0] for tokens in found for token in set(tokens)])

    assert way(0.2) < way(0.5) < way(0.8)


@pytest.mark.parametrize("distance", [(1, 1), (3, 3), (1, 8)])
def test_partners_of_a_flat_sequence_stand_at_their_distance(distance):
    found = []
    for tokens in drawn(structure="flat", distribution="uniform", vocabulary=10**6, length=(60, 60), distance=distance):
        places = {token: np.flatnonzero(tokens == token) for token in set(tokens.tolist())}
        assert all(len(two) == 2 for two in places.values())
        found += [int(two[1] - two[0]) for two in places.values()]
    inside = np.mean([distance[0] <= way <= distance[1] for way in found])
    assert inside == 1 if distance == (1, 1) else inside > 0.75  # the others gave way to places that were taken


def test_pairs_of_a_flat_sequence_cross():
    crossed = 0
    for tokens in drawn(structure="flat", distribution="uniform", vocabulary=10**6, length=(40, 40), distance=(2, 9)):
        places = sorted(tuple(np.flatnonzero(tokens == token)) for token in set(tokens.tolist()))
        crossed += any(a < c < b < d for a, b in places for c, d in places)
    assert crossed == 50


@pytest.mark.parametrize("window", [2, 5, 16])
def test_a_shuffled_run_holds_its_own_tokens_in_every_window(window):
    moved = 0
    for tokens in drawn(structure="shuffle", vocabulary=40, window=window, length=(30, 33)):
        begins = [first for first in range(40) if _is_run(tokens, first, window)]
        assert len(begins) == 1
        moved += not np.array_equal(tokens, (begins[0] + np.arange(len(tokens))) % 40)
    assert moved > 40


def _is_run(tokens, first, window):
    wanted = (first + np.arange(len(tokens))) % 40
    return all(
        sorted(tokens[at : at + window]) == sorted(wanted[at : at + window]) for at in range(0, len(tokens), window)
    )


def test_tokens_follow_their_distribution():
    """Zipf-Mandelbrot by hand for five tokens; uniform: a fifth each."""
    weights = np.array([1 / (rank + 2.7) for rank in range(1, 6)])
    for distribution, wanted in (("zipf", weights / weights.sum()), ("uniform", np.full(5, 0.2))):
        tokens = np.concatenate(drawn(200, structure="none", distribution=distribution, vocabulary=5))
        shares = np.bincount(tokens, minlength=5) / len(tokens)
        assert np.abs(shares - wanted).max() < 0.012


def test_lengths_are_those_asked_for():
    lengths = {len(tokens) for tokens in drawn(200, structure="none", length=(5, 9))}
    assert lengths == {5, 6, 7, 8, 9}


def test_each_token_is_another_word():
    words = [word(token) for token in range(20_000)]
    assert len(set(words)) == 20_000
    assert (words[0], words[79], words[80], words[6480]) == ("ba", "zu", "baba", "bababa")


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"structure": "tree"}, "structure is 'tree'; wanted one of none, flat, nesting, shuffle"),
        ({"distribution": "normal"}, "distribution is 'normal'"),
        ({"vocabulary": 1}, "vocabulary is 1; wanted a whole number from 2 up"),
        ({"window": 1.5}, "window is 1.5"),
        ({"length": (3, 9)}, r"length is \(3, 9\); wanted \[fewest, most\], two whole numbers from 4 up"),
        ({"length": (9, 5)}, "length is"),
        ({"distance": [0, 5]}, "distance is"),
        ({"opening": 1}, "opening is 1; wanted a number above 0 and below 1"),
        ({"exponent": 0}, "exponent is 0; wanted a number above 0"),
    ],
)
def test_traits_that_cannot_be_are_refused(traits, message):
    with pytest.raises(WrankError, match=message):
        Traits(**traits)
