"""`wrank train` started by a launcher, one command a rank: the training of ranks that wrank starts itself."""

import hashlib
import socket
import subprocess
import sys

import pytest

from tests.integration.conftest import SMOKE

TRAIN = ("train", *SMOKE, "trainer=ddp", "trainer.accelerator=cpu", "trainer.workers=0", "trainer.batch_size=2")


def start_ranks(wrank, store, *words, ranks=2):
    """Start one process a rank with torchrun's variables; return their (exit code, output, errors)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for rank in range(ranks):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        environment = wrank.environment | {name: str(value) for name, value in place.items()}
        command = [sys.executable, "-m", "wrank.cli", *words]
        environment["WRANK_STORE"] = str(store)
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, cwd=wrank.folder, env=environment, **pipe))
    outputs = [process.communicate(timeout=300) for process in processes]
    return [(process.returncode, *words) for process, words in zip(processes, outputs, strict=True)]


def digests(store):
    """Folder's name -> SHA-256 of the trained weights."""
    found = (path for path in store.glob("model/[!.]*/last/model.safetensors"))
    return {path.parents[1].name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.mark.slow
def test_launched_ranks_train_as_spawned_ones_do(wrank, tmp_path):
    wrank(*TRAIN)
    launched = tmp_path / "launched"
    results = start_ranks(wrank, launched, *TRAIN, "trainer.strategy=ddp", "trainer.cache_gradients=true")
    assert [code for code, _, _ in results] == [0, 0], results
    spawned = digests(wrank.store)
    assert len(spawned) == 1
    assert digests(launched) == spawned  # the same key, too
    assert not list(launched.glob("model/.partial-*"))
    assert str(launched) in results[0][1]
    assert results[1][1] == ""  # what is told is told once
    again = start_ranks(wrank, launched, *TRAIN, "trainer.strategy=ddp")
    assert [code for code, _, _ in again] == [0, 0], again
    assert "found" in again[0][2]


def test_error_of_the_ranks_ends_them_all(wrank, tmp_path):
    """A lonely rank must not wait for ever for the others."""
    results = start_ranks(wrank, tmp_path / "launched", *TRAIN, "trainer.strategy=ddp", "trainer.learning_rate=1e9")
    assert [code for code, _, _ in results] == [2, 2], results
    assert all("trainer.learning_rate" in errors for _, _, errors in results)
