"""Helping processes: how many, on which device, and that they change nothing but the time."""

import pytest
import torch

from wrank.data.table import TextTable
from wrank.errors import WrankError
from wrank.evaluation import processes
from wrank.evaluation.encode import encode
from wrank.evaluation.processes import count_processes, helpers, launched, local_device
from wrank.evaluation.shards import ShardJob, complete, encode_shards
from wrank.evaluation.vectors import SHARD_ROWS, Vectors
from wrank.model.bi_encoder import BiEncoder

LAUNCHERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    for name in LAUNCHERS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("names", [("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS")])
def test_a_rank_knows_itself_by_its_launcher(monkeypatch, names):
    assert launched() == (0, 1)
    for name, value in zip(names, ("3", "8"), strict=True):
        monkeypatch.setenv(name, value)
    assert launched() == (3, 8)


def test_auto_is_one_a_gpu_and_one_under_a_launcher(monkeypatch):
    assert count_processes("auto", "cpu") == 1
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert count_processes("auto", "cuda") == 4
    assert count_processes(2, "cuda") == 2
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert count_processes("auto", "cuda") == 1


@pytest.mark.parametrize("asked", [0, -1, "many", 1.5, True, None])
def test_a_number_that_is_none_is_refused(asked):
    with pytest.raises(WrankError, match="processes"):
        count_processes(asked, "cpu")


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(WrankError, match="there are 2 GPUs"):
        count_processes(3, "cuda")


def test_a_rank_takes_its_own_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert local_device("cuda") == "cuda"
    monkeypatch.setenv("SLURM_LOCALID", "2")
    assert local_device("cuda") == "cuda:2"
    assert local_device("cpu") == "cpu"


def test_a_helper_that_dies_delays_the_work_and_breaks_nothing(tmp_path, monkeypatch):
    texts = [f"text number {n} " * (n % 7) for n in range(40)]
    model = BiEncoder("random:tiny")
    wanted = encode(model, texts, "passage").vectors_ND
    (tmp_path / "work").mkdir()
    job = ShardJob(texts, "passage", tmp_path / "work", tmp_path, "name", 4096, "float32", "float32")
    started = []
    process = processes.multiprocessing.get_context("spawn").Process
    monkeypatch.setattr(process, "start", lambda self, start=process.start: (start(self), started.append(self)))
    threads = torch.get_num_threads()
    with helpers(model, job, "cpu", 2, 0, 1):
        for child in started:
            child.kill()
        encode_shards(model, job, "cpu", 0, 2, lambda count: None)
    assert torch.get_num_threads() == threads
    complete(job, model.dimension)
    assert Vectors(job.folder).chunk(0, 40).tobytes() == wanted.tobytes()


def test_two_real_processes_make_the_shards_of_a_real_table(tmp_path):
    count = SHARD_ROWS + 5
    texts = TextTable.build(((f"d{row}", "a few words") for row in range(count)), tmp_path / "table").all_texts
    model = BiEncoder("random:tiny")
    (tmp_path / "work").mkdir()
    job = ShardJob(texts, "passage", tmp_path / "work", tmp_path, "name", 65_536, "bfloat16", "float16")
    with helpers(model, job, "cpu", 2, 0, 1):
        encode_shards(model, job, "cpu", 0, 2, lambda count: None)
    complete(job, model.dimension)
    read = Vectors(job.folder)
    assert len(read) == len(texts)
    assert (read.chunk(0, len(texts)) == read.chunk(0, 1)).all()


@pytest.mark.parametrize(("rank", "ranks"), [("abc", "2"), ("0", "0"), ("1", "1"), ("-1", "2"), ("0.5", "2")])
def test_ranks_that_are_none_are_refused(monkeypatch, rank, ranks):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", ranks)
    with pytest.raises(WrankError, match=f"RANK={rank} WORLD_SIZE={ranks}"):
        launched()
