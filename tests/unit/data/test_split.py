import random

import pytest

from wrank.data.split import split_queries
from wrank.errors import WrankError

IDS = [f"q{n}" for n in range(200)]


def test_the_parts_hold_each_query_once_in_the_given_order():
    train, dev = split_queries(IDS, 0.1, 0)
    assert len(dev) == 20
    assert sorted(train + dev) == sorted(IDS)
    assert train == [id for id in IDS if id in set(train)]


def test_the_order_of_queries_does_not_decide():
    shuffled = random.Random(1).sample(IDS, len(IDS))
    assert set(split_queries(IDS, 0.3, 5)[1]) == set(split_queries(shuffled, 0.3, 5)[1])


def test_a_seed_is_a_seed_and_zero_too():
    parts = [tuple(split_queries(IDS, 0.1, seed)[1]) for seed in (0, 1, 2)]
    assert len(set(parts)) == 3


def test_neither_part_is_empty():
    assert [len(part) for part in split_queries(["a", "b", "c"], 0.01, 0)] == [2, 1]
    assert [len(part) for part in split_queries(["a", "b", "c"], 0.99, 0)] == [1, 2]


def test_share_zero_holds_nothing_out():
    assert split_queries(IDS, 0, 0) == (IDS, [])


@pytest.mark.parametrize(
    ("ids", "share", "fragment"),
    [
        (IDS, 1, "wanted 0"),
        (IDS, -0.1, "wanted 0"),
        (IDS, float("nan"), "wanted 0"),
        (["a", "a"], 0.5, "twice"),
        (["a"], 0.5, "cannot be split"),
    ],
)
def test_what_cannot_be_split_is_refused(ids, share, fragment):
    with pytest.raises(WrankError, match=fragment):
        split_queries(ids, share, 0)
