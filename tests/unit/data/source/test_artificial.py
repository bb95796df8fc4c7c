"""A collection of made-up sequences: the same rows each time, queries cut out of them, any size."""

import itertools

import pytest

from wrank.data.source.artificial import ArtificialSource
from wrank.data.source.artificial_sequence import Traits
from wrank.errors import WrankError


@pytest.fixture
def load(tmp_path):
    def load(split="train", cache="cache", structure="nesting", **settings):
        traits = Traits(structure=structure, length=(20, 30), vocabulary=500)
        return ArtificialSource(traits, **({"count": 30, "test_count": 5} | settings)).load(split, tmp_path / cache)

    return load


def texts(table):
    return dict(zip(table.ids, table.all_texts, strict=True))


def test_each_query_is_a_run_of_its_passage(load):
    collection = load(crop=(0.2, 0.5))
    assert collection.qrels == {f"ask-a{row}": {f"a{row}": 1.0} for row in range(30)}
    for id, query in texts(collection.queries).items():
        passage = texts(collection.passages)[id.removeprefix("ask-")].split()
        size = len(query.split())
        assert query.split() in [passage[at : at + size] for at in range(len(passage))]
        assert 0.2 * len(passage) - 0.5 <= size <= 0.5 * len(passage) + 0.5


def test_halves_are_joined_by_what_one_opens_and_the_other_closes(load):
    collection = load(ask="half", structure="flat")
    for row in range(30):
        query = collection.query_text(f"ask-a{row}").split()
        passage = texts(collection.passages)[f"a{row}"].split()
        whole = sorted(query + passage)
        assert 0 <= len(passage) - len(query) <= 1
        assert whole[::2] == whole[1::2]  # every token has a partner, here or there


def test_splits_share_passages_and_no_query(load):
    train, test = load(), load("test")
    assert list(test.qrels) == [f"ask-a{row}" for row in range(30, 35)]
    assert train.passages.key == test.passages.key
    assert len(train.passages) == 35
    assert not set(train.qrels) & set(test.qrels)


def test_a_row_is_a_function_of_seed_and_number(load):
    small, again, large, other = load(), load(cache="new"), load(count=60), load(seed=1)
    assert texts(small.passages) == texts(again.passages)
    assert small.fingerprint == again.fingerprint
    assert texts(small.passages).items() <= texts(large.passages).items()
    assert texts(small.queries).items() <= texts(large.queries).items()
    assert not set(texts(small.passages).values()) & set(texts(other.passages).values())
    prints = {one.fingerprint for one in (small, large, other, load(ask="half"), load(structure="flat"))}
    assert len(prints) == 5


def test_rows_are_made_as_they_are_asked_for():
    rows = ArtificialSource(Traits(), count=10**12).passage_rows()
    assert [id for id, _ in itertools.islice(rows, 3)] == ["a0", "a1", "a2"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": 0}, "data.source.count is 0; wanted a whole number from 1 up"),
        ({"test_count": True}, "test_count is True"),
        ({"seed": "0"}, "seed is '0'; wanted a whole number"),
        ({"ask": "third"}, "ask is 'third'; wanted one of crop, half"),
        ({"crop": [0, 1]}, r"crop is .*; wanted \[lowest, highest\] share"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(WrankError, match=message):
        ArtificialSource(Traits(), **settings)


def test_an_unknown_split_is_told(load):
    with pytest.raises(WrankError, match="dev"):
        load("dev")
    with pytest.raises(WrankError, match=r"data\.source\.traits is None"):
        ArtificialSource(None)
