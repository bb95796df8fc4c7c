"""A corpus encoded in shards: the same vectors however many take part, nothing done twice, nothing lost."""

import resource
import threading
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from wrank.errors import WrankError
from wrank.evaluation import encode as encode_module
from wrank.evaluation import shards as shards_module
from wrank.evaluation import vectors as vectors_module
from wrank.evaluation.encode import encode
from wrank.evaluation.shards import ShardJob, complete, encode_shards
from wrank.evaluation.vectors import Vectors

TEXTS = ["a", "bb", "abc", "", "cc", "aab", "b"]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    for module in (encode_module, shards_module, vectors_module):
        monkeypatch.setattr(module, "SHARD_ROWS", 2)


@pytest.fixture
def job(tmp_path):
    (tmp_path / "work").mkdir()
    return ShardJob(TEXTS, "passage", tmp_path / "work", tmp_path, "name", 8, "float32", "float32")


def nothing(count):
    pass


def test_shards_hold_what_encoding_at_once_gives(letter_encoder, job):
    told = []
    encode_shards(letter_encoder(passage_length=2), job, "cpu", 0, 1, told.append)
    assert complete(job, 3) == 4
    read = Vectors(job.folder)
    at_once = encode(letter_encoder(passage_length=2), TEXTS, "passage", batch_tokens=8)
    assert read.chunk(0, 7).tobytes() == at_once.vectors_ND.tobytes()
    assert read.truncated == at_once.truncated == 4
    assert sum(told) == len(TEXTS)
    assert sorted(path.name for path in job.folder.iterdir()) == [
        *(f"vectors-0000{shard}.npy" for shard in range(4)),
        "vectors.json",
    ]
    assert not list(job.locks.glob("*.lock"))


def test_a_later_try_makes_only_what_is_missing(letter_encoder, job):
    broken = letter_encoder()
    embed = broken.embed
    broken.embed = lambda ids, role: embed(ids, role) * (float("nan") if len(ids[0]) == 3 else 1)
    with pytest.raises(WrankError, match="holds NaN"):
        encode_shards(broken, job, "cpu", 0, 1, nothing)
    done = [shard for shard in range(4) if job.pieces.is_done(shard)]
    assert done == [0]
    model, told = letter_encoder(), []
    encode_shards(model, job, "cpu", 0, 1, told.append)
    assert sum(map(len, model.batches)) == 5
    assert sum(told) == len(TEXTS)


def test_a_file_without_its_record_is_made_again(letter_encoder, job):
    """Killed between the two writes."""
    (job.folder / "vectors-00001.npy").write_bytes(b"half")
    encode_shards(letter_encoder(), job, "cpu", 0, 1, nothing)
    complete(job, 3)
    assert len(Vectors(job.folder)) == 7


def test_ranks_begin_apart(letter_encoder, job):
    model = letter_encoder()
    encode_shards(model, job, "cpu", 1, 2, nothing)
    assert model.batches[0] == [3, 2]  # cc and aab, of the third shard of four


def test_no_more_locks_are_open_than_are_worked_under(letter_encoder, tmp_path):
    """One open file a shard would end at the limit of open files: MS MARCO has 2,158 shards."""
    (tmp_path / "work").mkdir()
    texts = ["a", "b"] * 60
    job = ShardJob(texts, "passage", tmp_path / "work", tmp_path, "name", 8, "float32", "float32")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 25, hard))
    try:
        encode_shards(letter_encoder(), job, "cpu", 0, 1, nothing)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    complete(job, 3)
    assert len(Vectors(job.folder)) == 120


def test_two_at_once_share_the_work(letter_encoder, job):
    models = [letter_encoder(), letter_encoder()]
    meet = threading.Barrier(2)
    for model in models:
        embed = model.embed
        seen = []

        def slow(ids, role, embed=embed, seen=seen):
            if not seen:
                seen.append(1)
                meet.wait(10)  # each has taken a shard before either goes on
            return embed(ids, role)

        model.embed = slow
    threads = [
        threading.Thread(target=encode_shards, args=(model, job, "cpu", rank, 2, nothing))
        for rank, model in enumerate(models)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    counts = [sum(map(len, model.batches)) for model in models]
    assert sum(counts) == len(TEXTS)
    assert min(counts) > 0
    complete(job, 3)
    assert np.array_equal(Vectors(job.folder).chunk(0, 7), encode(letter_encoder(), TEXTS, "passage").vectors_ND)


def test_what_another_holds_is_waited_for_and_taken_over_when_it_dies(letter_encoder, job):
    lock = FileLock(job.pieces.lock(2).lock_file)
    lock.acquire()
    model = letter_encoder()
    thread = threading.Thread(target=encode_shards, args=(model, job, "cpu", 0, 1, nothing))
    thread.start()
    thread.join(1)
    assert thread.is_alive()
    assert [job.pieces.is_done(shard) for shard in range(4)] == [True, True, False, True]
    lock.release()  # as the kernel does for a killed process
    thread.join(10)
    assert not thread.is_alive()
    assert job.pieces.is_done(2)


def test_a_helper_makes_no_shard_again_when_the_records_are_being_removed(letter_encoder, job):
    encode_shards(letter_encoder(), job, "cpu", 0, 1, nothing)
    complete(job, 3)
    model = letter_encoder()
    encode_shards(model, job, "cpu", 1, 2, nothing)
    assert not model.batches


def test_a_helper_ends_when_the_folder_has_been_completed(letter_encoder, job):
    job.folder.rename(job.folder.with_name("finished"))
    encode_shards(letter_encoder(), job, "cpu", 0, 1, nothing)
    assert not job.folder.exists()
