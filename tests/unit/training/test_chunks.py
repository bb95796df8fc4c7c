"""Chunks keep padding low, memory bounded, and passes few."""

import pytest

from wrank.training.chunks import FULL_TEXT, SPARE, chunk_sizes, padding_share


def test_equal_short_texts_are_one_pass():
    assert chunk_sizes([24] * 64, 16) == [64]


def test_long_texts_are_as_many_a_chunk_as_the_key_says():
    assert chunk_sizes([FULL_TEXT] * 40, 16) == [16, 16, 8]


def test_very_different_lengths_are_apart():
    assert chunk_sizes([250] * 3 + [20] * 40, 16) == [5, 38]


def test_no_chunk_is_larger_than_the_bound_nor_padded_beyond_what_a_pass_costs():
    lengths = [(7 * n * n) % 250 + 6 for n in range(100)]
    sizes, ordered, start = chunk_sizes(lengths, 4), sorted(lengths, reverse=True), 0
    assert sum(sizes) == len(lengths)
    for size in sizes:
        part = ordered[start : start + size]
        assert part[0] * size <= 4 * FULL_TEXT
        assert part[0] * size - sum(part) <= SPARE
        start += size


def test_no_bound_is_one_chunk_and_no_text_is_none():
    assert chunk_sizes([5, 90, 7], None) == [3]
    assert chunk_sizes([], None) == chunk_sizes([], 4) == []


@pytest.mark.parametrize(("sizes", "share"), [([3], 1 - 60 / 90), ([1, 2], 1 - 60 / 70), ([1, 1, 1], 0.0)])
def test_padding_share_counts_each_chunk_s_longest(sizes, share):
    assert padding_share([10, 30, 20], sizes) == pytest.approx(share)
