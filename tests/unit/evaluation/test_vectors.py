"""Vectors on disk: what is written is what is read, whatever the shards; what is damaged is told."""

import pickle

import numpy as np
import pytest
import torch

from wrank.errors import WrankError
from wrank.evaluation import vectors as module
from wrank.evaluation.vectors import InMemory, Vectors, finish, narrowed, shard_name, shards_of, write_array

VECTORS = np.random.default_rng(0).normal(size=(11, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(module, "SHARD_ROWS", 4)


def written(folder, vectors=VECTORS, storage="float32", truncated=0):
    for shard in range(shards_of(len(vectors))):
        part = torch.from_numpy(vectors[shard * 4 : shard * 4 + 4])
        write_array(folder / shard_name(shard), narrowed(part, storage))
    finish(folder, len(vectors), vectors.shape[1], storage, truncated)
    return folder


@pytest.mark.parametrize("storage", ["float32", "float16", "bfloat16"])
def test_every_format_reads_back_as_the_nearest_it_can_hold(tmp_path, storage):
    read = Vectors(written(tmp_path, storage=storage))
    wanted = torch.from_numpy(VECTORS).to(getattr(torch, storage)).float().numpy()
    assert (len(read), read.dimension) == (11, 3)
    assert read.chunk(0, 11).dtype == np.float32
    assert read.chunk(0, 11).tobytes() == wanted.tobytes()


@pytest.mark.parametrize(("start", "stop"), [(0, 4), (3, 5), (1, 10), (8, 99), (5, 5), (11, 12)])
def test_a_chunk_may_cross_shards_and_end_early(tmp_path, start, stop):
    for read in (Vectors(written(tmp_path)), InMemory(VECTORS)):
        assert read.chunk(start, stop).tobytes() == VECTORS[start:stop].tobytes()
        assert read.chunk(start, stop).shape == VECTORS[start:stop].shape


def test_rows_come_in_the_order_asked_for_and_as_often(tmp_path):
    rows = np.array([10, 0, 4, 4, 3])
    for read in (Vectors(written(tmp_path)), InMemory(VECTORS)):
        assert read.rows(rows).tobytes() == VECTORS[rows].tobytes()
        assert read.rows(np.array([], dtype=np.int64)).shape == (0, 3)


def test_more_shards_than_files_may_be_open_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_OPEN_SHARDS", 2)
    read = Vectors(written(tmp_path))
    rows = np.array([0, 4, 8, 1, 9, 5])
    assert read.rows(rows).tobytes() == VECTORS[rows].tobytes()
    assert read.chunk(0, 11).tobytes() == VECTORS.tobytes()
    assert len(read._open_shards) == 2


def test_another_process_maps_the_same_files(tmp_path):
    copy = pickle.loads(pickle.dumps(Vectors(written(tmp_path, truncated=7))))
    assert copy.chunk(0, 11).tobytes() == VECTORS.tobytes()
    assert copy.truncated == 7


def test_numpy_alone_can_read_a_shard(tmp_path):
    written(tmp_path)
    assert np.load(tmp_path / "vectors-00002.npy").tobytes() == VECTORS[8:].tobytes()


def test_no_passages_are_no_vectors(tmp_path):
    read = Vectors(written(tmp_path, VECTORS[:0]))
    assert len(read) == 0
    assert read.chunk(0, 5).shape == (0, 3)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "vectors.json").unlink(), "no vectors"),
        (lambda folder: (folder / "vectors.json").write_text("{"), "no vectors"),
        (lambda folder: (folder / "vectors-00001.npy").unlink(), "vectors-00001.npy: cannot be read"),
        (lambda folder: (folder / "vectors-00001.npy").write_bytes(b"x"), "cannot be read"),
        (lambda folder: np.save(folder / "vectors-00001.npy", np.ones((4, 5), np.float32)), r"holds \(4, 5\) of"),
        (lambda folder: np.save(folder / "vectors-00001.npy", np.ones((4, 3))), "float64, wanted .* of float32"),
    ],
)
def test_damage_is_told_before_a_search_begins(tmp_path, damage, message):
    damage(written(tmp_path))
    with pytest.raises(WrankError, match=message):
        Vectors(tmp_path)


def test_a_vector_too_large_for_float16_is_an_error_not_infinity():
    with pytest.raises(WrankError, match="70000 is too large for float16"):
        narrowed(torch.tensor([[7e4, 0.0]]), "float16")


def test_what_is_in_memory_must_be_a_matrix():
    with pytest.raises(WrankError, match="wanted a matrix"):
        InMemory(np.ones(3, dtype=np.float32))
