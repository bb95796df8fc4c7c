"""Ranks that a launcher starts: their place is read right, and what cannot run is refused before any work."""

import importlib.util

import pytest

from wrank.errors import WrankError
from wrank.training.launch import LaunchedEnvironment, Place, check_launch, connected, is_first, launched_place
from wrank.training.settings import TrainerSettings

TORCHRUN = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "MASTER_ADDR": "a",
    "MASTER_PORT": "29",
    "GROUP_RANK": "1",
}
SLURM = {
    "SLURM_PROCID": "3",
    "SLURM_NTASKS": "4",
    "SLURM_LOCALID": "1",
    "SLURM_JOB_ID": "7123456",
    "SLURM_NODEID": "1",
    "SLURM_NODELIST": "node[07-08]",
}


@pytest.fixture
def environment(monkeypatch):
    """Sets a launcher's variables, after the machine's own are gone."""

    def put(given):
        for name in (*TORCHRUN, *SLURM, "SLURM_STEP_NODELIST", "LOCAL_WORLD_SIZE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in given.items():
            monkeypatch.setenv(name, value)

    put({})
    return put


def cpu(**changes):
    return TrainerSettings(accelerator="cpu", precision="32-true", **changes)


def test_place_among_torchruns_ranks(environment):
    environment(TORCHRUN)
    assert launched_place() == Place(rank=5, ranks=8, local=1, node=1, address="a", port=29)


def test_place_among_slurms_tasks(environment):
    environment(SLURM)
    assert launched_place() == Place(rank=3, ranks=4, local=1, node=1, address="node07", port=15000 + 3456)


@pytest.mark.parametrize("given", [{}, TORCHRUN | {"RANK": "0", "WORLD_SIZE": "1"}, SLURM | {"SLURM_NTASKS": "1"}])
def test_alone_there_is_no_place(given, environment):
    environment(given)
    assert launched_place() is None


def test_variables_that_are_no_numbers_are_named(environment):
    environment(TORCHRUN | {"RANK": "first"})
    with pytest.raises(WrankError, match="RANK=first"):
        launched_place()


@pytest.mark.parametrize("strategy", ["ddp", "fsdp2"])
def test_no_launcher_is_refused_with_the_command(strategy, environment):
    with pytest.raises(WrankError, match=r"torchrun --nnodes 1 --nproc-per-node 2"):
        check_launch(cpu(strategy=strategy, devices=2))


def test_another_number_of_ranks_is_refused(environment):
    environment(TORCHRUN)
    with pytest.raises(WrankError, match=r"devices=2 trainer\.nodes=2 are 4 ranks.*started 8"):
        check_launch(cpu(strategy="ddp", devices=2, nodes=2))
    check_launch(cpu(strategy="ddp", devices=4, nodes=2))


def test_processes_of_our_own_do_not_ask_for_a_launcher(environment):
    for settings in (cpu(), cpu(devices=2), cpu(strategy="ddp_fork", devices=2), cpu(strategy="ddp")):
        check_launch(settings)
    environment(TORCHRUN)
    assert is_first(cpu(devices=2))
    assert not is_first(cpu(strategy="ddp", devices=8))
    with connected(cpu(devices=2)) as meeting:
        assert meeting is None


def test_deepspeed_that_is_not_installed_is_an_error_with_the_command(environment):
    if importlib.util.find_spec("deepspeed"):
        pytest.skip("DeepSpeed is installed here")
    with pytest.raises(WrankError, match="pip install deepspeed"):
        check_launch(TrainerSettings(strategy="deepspeed"))


def test_lightning_is_told_the_launchers_ranks():
    told = LaunchedEnvironment(Place(rank=5, ranks=8, local=1, node=1, address="a", port=29))
    assert told.creates_processes_externally
    assert (told.global_rank(), told.world_size(), told.local_rank(), told.node_rank()) == (5, 8, 1, 1)
    assert (told.main_address, told.main_port) == ("a", 29)
