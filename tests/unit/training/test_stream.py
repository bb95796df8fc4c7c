"""The whole data path is a function of seed, epoch and step: on any ranks and workers, after any stop.

The lists come from a mix with random draws and a schedule, drawn by source, filled with random or dense negatives, with
noise on their words (`tests.fixtures.mixture`).
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import chain

import pytest

from tests.fixtures.mixture import QUERIES, STAGES, mixture, mixture_sampler
from wrank.training.datamodule import StreamLoader

BATCHES, JOINED = 14, 4  # 56 positions: five epochs, with the schedule's stages beginning at positions 11 and 33


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return mixture(tmp_path_factory.mktemp("mixture"))


@pytest.fixture(params=["random", "dense"])
def sampler(request, mixed):
    return mixture_sampler(mixed, request.param)


def stream(sampler, ranks=1, rank=0, workers=0):
    return StreamLoader(
        sampler,
        sampler.collection.known_keys,
        batches=BATCHES,
        batch_size=JOINED // ranks,
        rank=rank,
        world_size=ranks,
        workers=workers,
    )


def items_of(loader):
    """What the batches hold, with every field of every list: ids, texts, grades, sources, weight, keys."""
    loader.collate = list
    return [[repr(item) for item in batch] for batch in loader]


def joined(sampler, ranks, given=0, workers=0):
    """The batches of all ranks, joined in rank order, from batch `given` on."""
    parts = []
    for rank in range(ranks):
        loader = stream(sampler, ranks, rank, workers)
        loader.load_state_dict({"given": given})
        parts.append(items_of(loader))
    return [list(chain(*step)) for step in zip(*parts, strict=True)]


def content(batch):
    """What a collated batch holds, without the padding, whose width is a matter of the batch."""
    rows = zip(batch.query_ids, batch.queries, batch.passage_ids, batch.passages, batch.mask_BK.sum(1), strict=True)
    texts = [(id, query, ids[:n], passages[:n]) for id, query, ids, passages, n in rows]
    numbers = [batch.grades_BK, batch.keys_BK]
    grades = [[row[mask].tolist() for row, mask in zip(rows, batch.mask_BK, strict=True)] for rows in numbers]
    return texts, grades, [row[row >= 0].tolist() for row in batch.known_BJ], batch.weight_B.tolist()


def test_the_stream_under_test_holds_all_that_could_go_wrong(sampler):
    """Otherwise the tests below would prove little."""
    items = [[sampler.sample(epoch, index) for index in range(QUERIES)] for epoch in (3, 4)]
    plain = mixture_sampler(sampler.collection, sampler.negatives, augment=None)
    sources = {source for item in items[0] for source in item.sources}
    assert sources == {"real", "mined", "synthetic", sampler.negatives}
    assert {item.weight for item in items[0]} == {1.0, 3.0}
    assert all(one.passage_ids != other.passage_ids for one, other in zip(*items, strict=True)), "drawn anew each epoch"
    assert all(item.passages != plain.sample(3, index).passages for index, item in enumerate(items[0])), "noise"
    eligible = [len(set(sampler.order(stage["epoch"]).tolist())) for stage in STAGES]
    assert eligible == [QUERIES, 8, QUERIES], "in one stage queries come more than once an epoch"
    assert all(stage["epoch"] * QUERIES % JOINED for stage in STAGES[1:]), "stages begin within a batch"


@pytest.mark.parametrize("ranks", [2, 4])
def test_joined_batch_of_ranks_is_the_batch_of_one_at_each_step(ranks, sampler):
    assert joined(sampler, ranks) == joined(sampler, 1)


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")
@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_gives_the_same_batches(workers, sampler):
    alone = [content(batch) for batch in stream(sampler)]
    assert [content(batch) for batch in stream(sampler, workers=workers)] == alone
    assert joined(sampler, 2, workers=workers) == joined(sampler, 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_stopped_after_any_batch_it_goes_on_exactly(workers, mixed):
    """In mid-epoch, at the end of one (batch 2 ends epoch 0), and around both changes of stage; workers read ahead."""
    sampler = mixture_sampler(mixed, "dense")
    whole = items_of(stream(sampler))
    for stop in range(1, BATCHES + 1) if workers == 0 else (2, 3, 8):
        first = stream(sampler, workers=workers)
        first.collate = list
        batches = iter(first)
        begun = [[repr(item) for item in next(batches)] for _ in range(stop)]
        rest = stream(mixture_sampler(mixed, "dense"), workers=workers)  # as after a restart: nothing is remembered
        rest.load_state_dict(first.state_dict())
        assert begun + items_of(rest) == whole, f"stopped after {stop} batches"


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 2)])
def test_stopped_on_some_ranks_it_goes_on_exactly_on_others(before, after, sampler):
    whole = joined(sampler, 1)
    given = 5
    assert joined(sampler, before)[:given] + joined(sampler, after, given) == whole


def test_another_seed_gives_other_lists(sampler):
    other = mixture_sampler(sampler.collection, sampler.negatives, seed=1)
    one, two = items_of(stream(sampler)), items_of(stream(other))
    assert all(left != right for left, right in zip(one, two, strict=True))
    assert items_of(stream(mixture_sampler(sampler.collection, sampler.negatives))) == one


def test_a_mix_built_elsewhere_from_the_same_files_gives_the_same_lists(sampler, tmp_path):
    elsewhere = mixture_sampler(mixture(tmp_path), sampler.negatives)
    assert items_of(stream(elsewhere)) == items_of(stream(sampler))


def test_spawned_process_draws_the_same(mixed, monkeypatch):
    """The sampler travels pickled, as to spawned ranks; strings hash otherwise there, so no set's order may matter."""
    loader = stream(mixture_sampler(mixed, "dense"))
    positions = [position for batch in range(BATCHES) for position in loader.positions(batch)]
    monkeypatch.setenv("PYTHONHASHSEED", "4")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(hash, "q1").result() != hash("q1")
        found = [repr(item) for item in pool.map(loader.stream.__getitem__, positions, chunksize=len(positions))]
    assert found == [item for batch in items_of(loader) for item in batch]


def test_positions_of_a_long_training_are_not_held_in_memory(sampler):
    """A list of all of them would be 80 GB, and the workers' collector would touch each."""
    loader = stream(sampler)
    loader.batches = 10**9
    first = next(iter(loader))
    assert content(first) == content(next(iter(stream(sampler))))
