"""FSDP2 on two processes of this machine: the training of DDP, with weights shared out.

The processes stand for a launcher's: they have torchrun's variables, and each calls fit() in the same folders.
"""

import os
import socket
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from tests.unit.training.test_fit import KillAt, Killed, training, weights
from wrank.data.source.beir import BeirSource
from wrank.model.bi_encoder import BiEncoder
from wrank.training.fit import fit
from wrank.training.launch import connected

SETTINGS = {"max_steps": 4, "batch_size": 2, "devices": 2, "in_batch": "global", "learning_rate": 1e-3, "dev_steps": 2}
DDP, FSDP2 = {"strategy": "ddp"}, {"strategy": "fsdp2"}
CASES = {
    "plain": {},
    "cached": {"passage_chunk": 1, "cache_gradients": True},
    "accumulated": {"accumulate": 2, "clip": 0.05},
    "moving": {"temperatures": {"model.temperature": {"end": 0.1}}},
}


def score(model):
    training = model.training
    model.eval()  # else dropout decides which weights are the best
    with torch.no_grad():
        vectors = model.embed(model.tokenize(["alpha beta", "gamma"], "query"), "query")
    model.train(training)
    return {"nDCG@10": 1 - float(vectors[0].abs().mean())}


def train(collection, folder, killed_at=None, learnt=False, **changes):
    folder.mkdir(exist_ok=True)
    model = BiEncoder("random:tiny", query_length=32, passage_length=64, dropout=0.1, learn_temperature=learnt)
    callbacks = [] if killed_at is None else [KillAt(killed_at)]
    job = training(collection, model, dev=score, callbacks=callbacks, **(SETTINGS | changes))
    with connected(job.settings):
        return fit(job, folder)


def work(rank, folder, port):
    torch.set_num_threads(1)
    given = {"RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in given.items()}
    folder = Path(folder)
    collection = BeirSource(str(folder / "mini")).load("train", folder / "tables")
    for name, changes in CASES.items():
        learnt = name == "accumulated"  # a number that cannot be shared out
        train(collection, folder / f"ddp-{name}", learnt=learnt, **DDP, **changes)
        train(collection, folder / f"fsdp2-{name}", learnt=learnt, **FSDP2, **changes)
    with pytest.raises(Killed):
        train(collection, folder / "broken", killed_at=3, **FSDP2)
    found = train(collection, folder / "broken", **FSDP2)
    assert rank > 0 or found["resumed_at"] == 2


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of all cases, trained by two ranks."""
    from tests.unit.training.conftest import write_collection

    folder = tmp_path_factory.mktemp("sharded")
    write_collection(folder / "mini").load("train", folder / "tables")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.start_processes(work, (str(folder), port), nprocs=2, start_method="spawn")
    return folder


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("which", ["best", "last"])
def test_weights_are_those_of_ddp(case, which, trained):
    expected, found = weights(trained / f"ddp-{case}" / which), weights(trained / f"fsdp2-{case}" / which)
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=2e-6)


def test_a_temperature_that_moves_is_saved_where_it_is(trained):
    ended = [BiEncoder(path=str(trained / f"{name}-moving" / "last")).temperature for name in ("ddp", "fsdp2")]
    assert ended == pytest.approx([0.1, 0.1])


def test_training_moves_the_weights(trained):
    start = BiEncoder("random:tiny", query_length=32, passage_length=64, dropout=0.1).state_dict()
    found = weights(trained / "fsdp2-plain" / "last")
    assert max((found[name] - start[name]).abs().max() for name in start) > 1e-3


def test_saved_model_is_a_plain_one(trained):
    assert (trained / "fsdp2-plain" / "last" / "model.safetensors").is_file()
    assert not list((trained / "fsdp2-plain").glob("*.ckpt"))


def test_killed_and_resumed_training_ends_with_the_same_weights(trained):
    whole, broken = weights(trained / "fsdp2-plain" / "last"), weights(trained / "broken" / "last")
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
