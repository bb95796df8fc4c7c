"""The stream of batches is a function of position alone."""

import pytest

from wrank.data.lists import ListSampler
from wrank.training.datamodule import StreamLoader


@pytest.fixture
def sampler(collection):
    return ListSampler(collection, size=3, choice="random", judged=2, negatives="random", seed=0)


def content(batch):
    return [(q, tuple(p)) for q, p in zip(batch.query_ids, batch.passage_ids, strict=True)]


def loader(sampler, collection, **changes):
    facts = {"batches": 6, "batch_size": 4}
    return StreamLoader(sampler, collection.known_keys, **(facts | changes))


def test_resumed_stream_goes_on_where_it_stopped(sampler, collection):
    whole = [content(batch) for batch in loader(sampler, collection)]
    first = loader(sampler, collection)
    stream = iter(first)
    begun = [content(next(stream)) for _ in range(2)]
    rest = loader(sampler, collection)
    rest.load_state_dict(first.state_dict())
    assert begun + [content(batch) for batch in rest] == whole
    assert len(rest) == 6


def test_workers_change_nothing(sampler, collection):
    alone = [content(batch) for batch in loader(sampler, collection)]
    assert [content(batch) for batch in loader(sampler, collection, workers=2)] == alone


def test_joined_batch_of_ranks_is_the_batch_of_one(sampler, collection):
    one = [content(batch) for batch in loader(sampler, collection)]
    ranks = [
        [content(batch) for batch in loader(sampler, collection, batch_size=2, rank=rank, world_size=2)]
        for rank in range(2)
    ]
    assert [left + right for left, right in zip(*ranks, strict=True)] == one


def test_every_query_comes_once_an_epoch_and_epochs_differ(sampler, collection):
    batches = list(loader(sampler, collection, batches=4))
    epochs = [batches[one].query_ids + batches[two].query_ids for one, two in ((0, 1), (2, 3))]
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(collection.qrels)
    assert epochs[0] != epochs[1]


def test_batches_are_full_across_the_end_of_an_epoch(sampler, collection):
    assert [len(batch.query_ids) for batch in loader(sampler, collection, batch_size=5, batches=3)] == [5, 5, 5]
