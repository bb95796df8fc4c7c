"""Slurm by what its commands print; a cluster that does not answer, has no node, or would not see the store."""

import pytest

from wrank.doctor import slurm
from wrank.doctor.base import State
from wrank.doctor.mounts import Mount

CONFIG = """Configuration data as of 2026-01-01T00:00:00
AccountingStorageType   = {storage}
JobRequeue              = {requeue}
SLURM_VERSION           = 23.11.4
"""


@pytest.fixture
def cluster(program, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setattr(slurm, "mount_of", lambda folder: Mount("nfs4"))
    monkeypatch.setattr(slurm, "installed", lambda name: "1.2.0")

    def start(rows, storage="accounting_storage/slurmdbd", requeue=1):
        program("sbatch", "exit 1")
        program("sinfo", f"cat <<'END'\n{rows}\nEND")
        program("scontrol", f"cat <<'END'\n{CONFIG.format(storage=storage, requeue=requeue)}\nEND")

    return start


def test_no_slurm_is_not_here(settings, program):
    found = slurm.look(settings)
    assert found.state == State.ABSENT
    assert "no sbatch and no sinfo" in found.found
    assert "module load slurm" in found.advice[0]


def test_cluster_is_told_with_partitions_gpus_and_accounting(settings, cluster):
    cluster("gpu|up|4|idle|1-00:00:00|gpu:h100:4\ngpu|up|2|mixed|1-00:00:00|gpu:h100:4\ncpu|up|9|idle|infinite|(null)")
    found = slurm.look(settings)
    assert found.state == State.OK
    assert "Slurm 23.11.4" in found.found
    assert "gpu: 4 idle with gpu:h100:4, 2 mixed with gpu:h100:4, 1-00:00:00" in found.found
    assert "cpu: 9 idle, infinite; accounting on" in found.found


def test_cluster_without_accounting_is_harmless(settings, cluster):
    cluster("debug|up|1|idle|infinite|(null)", storage="accounting_storage/none")
    found = slurm.look(settings)
    assert found.state == State.OK
    assert "no accounting" in found.found


def test_controller_that_does_not_answer_is_a_failure(settings, program):
    program("sbatch", "exit 1")
    program("sinfo", "echo 'slurm_load_partitions: Unable to contact slurm controller' >&2; exit 1")
    found = slurm.look(settings)
    assert found.state == State.FAILURE
    assert "Unable to contact slurm controller" in found.found
    assert "scontrol ping" in found.advice[0]


def test_commands_without_a_cluster_are_not_here(settings, program):
    """Debian's package installed, and nothing configured."""
    program("sbatch", "exit 1")
    program("sinfo", "echo 'sinfo: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown host' >&2; exit 1")
    found = slurm.look(settings)
    assert found.state == State.ABSENT
    assert "SLURM_CONF" in found.advice[0]


@pytest.mark.parametrize(
    "row", ["debug|up|1|down*|infinite|(null)", "debug|up|1|drained|1:00|(null)", "a|down|1|idle|1|x", ""]
)
def test_no_node_that_takes_a_job_is_a_failure(settings, cluster, row):
    cluster(row)
    found = slurm.look(settings)
    assert found.state == State.FAILURE
    assert "no partition has a node" in found.found


def test_store_that_other_nodes_may_not_see_is_a_warning(settings, cluster, monkeypatch):
    monkeypatch.setattr(slurm, "mount_of", lambda folder: Mount("ext4"))
    cluster("debug|up|1|idle|infinite|(null)")
    assert slurm.look(settings).state == State.OK
    cluster("debug|up|2|idle|infinite|(null)")
    found = slurm.look(settings)
    assert found.state == State.WARNING
    assert "other nodes may not see" in found.found


def test_launcher_that_is_not_installed_is_a_warning(settings, cluster, monkeypatch):
    monkeypatch.setattr(slurm, "installed", lambda name: None)
    cluster("debug|up|1|idle|infinite|(null)")
    found = slurm.look(settings)
    assert found.state == State.WARNING
    assert "wrank[cluster]" in found.advice[0]


def test_cluster_that_does_not_requeue_is_a_warning(settings, cluster):
    cluster("debug|up|1|idle|infinite|(null)", requeue=0)
    assert slurm.look(settings).state == State.WARNING


def test_job_is_named_when_inside_one(settings, cluster, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    cluster("debug|up|1|alloc|infinite|(null)")
    assert "inside job 17" in slurm.look(settings).found
