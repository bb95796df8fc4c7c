"""Some of the queries: those of a file, or a part that is the same whatever the order."""

import dataclasses

import numpy as np
import pytest

from wrank.data.split import split_queries
from wrank.data.step.base import Pairs
from wrank.data.step.subset import QuerySubset
from wrank.data.table import TextTable
from wrank.errors import WrankError


@pytest.fixture
def pairs(tmp_path):
    """Queries 0 to 39 of 50, in a mixed order, query n with 1 + n % 3 pairs."""
    queries = TextTable.build(((f"q{n}", "text") for n in range(50)), tmp_path / "queries")
    order = np.random.default_rng(0).permutation(40)
    rows = np.repeat(order, 1 + order % 3).astype(np.int32)
    return Pairs(queries, None, rows, np.arange(len(rows), dtype=np.int32), np.ones(len(rows)))


def ids_of(pairs):
    return list(dict.fromkeys(f"q{row}" for row in pairs.query_rows.tolist()))


def test_queries_of_a_file_keep_the_order_of_the_pairs(pairs, tmp_path):
    file = tmp_path / "ids.txt"
    file.write_text("q7\nq3\n\nq49\nq7\nq11\n")
    step = QuerySubset(ids=str(file))
    kept = step(pairs)
    wanted = [place for place, row in enumerate(pairs.query_rows.tolist()) if row in (3, 7, 11)]
    assert kept.passage_rows.tolist() == wanted
    assert step.counts == {"ids_without_pairs": 1, "queries_left_out": 37}
    others = QuerySubset(ids=str(file), exclude=True)
    assert ids_of(others(pairs)) == [id for id in ids_of(pairs) if id not in ("q3", "q7", "q11")]
    assert others.counts == {"ids_without_pairs": 1, "queries_left_out": 3}


@pytest.mark.parametrize(("settings", "count"), [({"count": 10}, 10), ({"share": 0.25}, 10), ({"share": 0.001}, 1)])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_part_is_the_one_that_a_split_holds_out(pairs, settings, count, seed):
    wanted = split_queries(ids_of(pairs), count / 40, seed)[1]
    step = QuerySubset(**settings, seed=seed)
    assert ids_of(step(pairs)) == wanted
    assert step.counts == {"queries_left_out": 40 - count}


def test_seeds_differ_and_the_whole_is_the_whole(pairs):
    one, other = (set(ids_of(QuerySubset(count=10, seed=seed)(pairs))) for seed in (0, 1))
    assert one != other
    assert QuerySubset(share=1)(pairs).passage_rows.tolist() == pairs.passage_rows.tolist()


def test_the_order_of_queries_changes_nothing_and_a_larger_part_holds_the_smaller(pairs):
    rows = np.sort(pairs.query_rows)
    ordered = dataclasses.replace(pairs, query_rows=rows)
    small, large = (set(ids_of(QuerySubset(count=count)(pairs))) for count in (5, 20))
    assert set(ids_of(QuerySubset(count=5)(ordered))) == small < large


def test_with_exclude_every_pair_is_in_one_of_the_two_parts(pairs):
    before = pairs.query_rows.copy()
    one, other = QuerySubset(share=0.3)(pairs), QuerySubset(share=0.3, exclude=True)(pairs)
    assert sorted([*one.passage_rows.tolist(), *other.passage_rows.tolist()]) == list(range(len(pairs)))
    assert set(ids_of(one)).isdisjoint(ids_of(other))
    assert (len(ids_of(one)), pairs.query_rows.tolist()) == (12, before.tolist())


def test_ids_that_are_no_querys_are_named(pairs, tmp_path):
    file = tmp_path / "ids.txt"
    file.write_text("q1\nx1\nx2 \n  \nq2\nx1\nx3\nx4\n")
    with pytest.raises(WrankError, match=r"4 of the 6 ids in .*ids.txt are no query's, e.g. 'x1', 'x2 ', 'x3':"):
        QuerySubset(ids=str(file))(pairs)


def test_a_file_without_an_id_or_that_is_not_there_is_told(pairs, tmp_path):
    (tmp_path / "ids.txt").write_text("\n")
    with pytest.raises(WrankError, match="holds no id"):
        QuerySubset(ids=str(tmp_path / "ids.txt"))(pairs)
    with pytest.raises(WrankError, match=r"none.txt: cannot be read"):
        QuerySubset(ids=str(tmp_path / "none.txt"))(pairs)


def test_more_queries_than_there_are_is_told(pairs):
    assert len(QuerySubset(count=40)(pairs)) == len(pairs)
    with pytest.raises(WrankError, match="QuerySubset count is 41, but there are 40 queries"):
        QuerySubset(count=41)(pairs)


def test_nothing_stays_nothing(pairs, tmp_path):
    empty = pairs.only(np.zeros(len(pairs), dtype=bool))
    (tmp_path / "ids.txt").write_text("q1\n")
    for settings in ({"count": 3}, {"share": 0.5}, {"ids": str(tmp_path / "ids.txt")}):
        assert len(QuerySubset(**settings)(empty)) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "QuerySubset has no key; wanted one of ids, count and share"),
        ({"count": 1, "share": 0.5}, "QuerySubset has count and share"),
        ({"ids": ""}, "QuerySubset ids is ''"),
        ({"ids": 3}, "QuerySubset ids is 3"),
        ({"count": 0}, "QuerySubset count is 0"),
        ({"count": 1.5}, "QuerySubset count is 1.5"),
        ({"share": 0}, "QuerySubset share is 0"),
        ({"share": 1.1}, "QuerySubset share is 1.1"),
        ({"share": "half"}, "QuerySubset share is 'half'"),
        ({"count": 1, "seed": None}, "QuerySubset seed is None"),
        ({"count": 1, "exclude": "no"}, "QuerySubset exclude is 'no'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(WrankError, match=message):
        QuerySubset(**settings)
