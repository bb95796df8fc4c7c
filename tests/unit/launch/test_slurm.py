"""What Slurm is told and how its answers are read; no Slurm is needed."""

import json
import os
from pathlib import Path

import pytest

from wrank.errors import WrankError
from wrank.launch.plan import Needs, Planned
from wrank.launch.slurm import Slurm, cancel_ids, longest_array, queue_of
from wrank.launch.sweep import SweepJob


def asked(needs=None, **keys):
    return Slurm(**keys).parameters(needs or Needs(), 7)


def sbatch_text(needs=None, **keys):
    """submitit's own batch file of a job."""
    from submitit.slurm.slurm import SlurmExecutor, _make_sbatch_string

    named = {name.removeprefix("slurm_"): value for name, value in asked(needs, **keys).items()}
    named = {
        {"timeout_min": "time", "tasks_per_node": "ntasks_per_node", "mem_gb": "mem"}.get(name, name): value
        for name, value in named.items()
    }
    if "mem" in named:
        named["mem"] = f"{named['mem']}GB"
    assert set(named) <= SlurmExecutor._valid_parameters() | {"time", "mem"}
    return _make_sbatch_string("python -m x", "/folder/%j", **named)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Puts scripts on the path; each writes down how it was called."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}/usr/bin{os.pathsep}/bin")

    def put(name, out="", err="", code=0):
        script = place / name
        (place / f"{name}.out").write_text(out)
        (place / f"{name}.err").write_text(err)
        files = f"{place}/{name}"
        script.write_text(f'#!/bin/sh\necho "$@" >> {files}.calls\ncat {files}.out\ncat {files}.err >&2\nexit {code}\n')
        script.chmod(0o755)
        return lambda: [line for line in (place / f"{name}.calls").read_text().split("\n") if line]

    return put


@pytest.mark.parametrize(
    ("needs", "wanted"),
    [
        (Needs(), {"nodes": 1, "tasks_per_node": 1, "cpus_per_task": 4, "mem_gb": 32}),
        (
            Needs(devices=4, gpus=4),
            {"tasks_per_node": 1, "cpus_per_task": 16, "mem_gb": 128, "slurm_gpus_per_node": "4"},
        ),
        (
            Needs(nodes=2, tasks=4, devices=4, gpus=4),
            {"nodes": 2, "tasks_per_node": 4, "cpus_per_task": 4, "mem_gb": 128, "slurm_gpus_per_node": "4"},
        ),
        (Needs(gpus=4), {"tasks_per_node": 1, "cpus_per_task": 16, "mem_gb": 128, "slurm_gpus_per_node": "4"}),
        (
            Needs(tasks=2, devices=2, gpus=4),
            {"tasks_per_node": 2, "cpus_per_task": 8, "mem_gb": 128, "slurm_gpus_per_node": "4"},
        ),
        (Needs(tasks=2, devices=2, gpus=3), {"cpus_per_task": 8, "mem_gb": 96}),
    ],
)
def test_machines_tasks_cores_and_memory_come_from_the_trainer(needs, wanted):
    told = asked(needs)
    assert {key: told[key] for key in wanted} == wanted
    assert ("slurm_gpus_per_node" in told) == bool(needs.gpus)


@pytest.mark.parametrize(
    ("gpus", "needs", "asked_for", "memory"),
    [(0, Needs(devices=2, gpus=2), None, 64), (8, Needs(gpus=1), "8", 256), (1, Needs(), "1", 32)],
)
def test_gpus_that_are_given_take_the_place_of_the_jobs(gpus, needs, asked_for, memory):
    told = asked(needs, gpus=gpus)
    assert (told.get("slurm_gpus_per_node"), told["mem_gb"]) == (asked_for, memory)


def test_every_key_reaches_the_batch_file():
    text = sbatch_text(
        Needs(gpus=2, devices=2),
        timeout_min=90,
        partition="gpu",
        account="me",
        qos="high",
        constraint="a100",
        reservation="course",
        exclude="node[1-3]",
        gpu_type="a100",
        signal_s=60,
        setup=["module load cuda"],
        extra=["mail-user:me@here"],
        srun=["--mpi=none"],
        container="image.sqsh",
        mounts="/a:/b",
    )
    for line in (
        "--time=90",
        "--partition=gpu",
        "--account=me",
        "--qos=high",
        "--constraint=a100",
        "--reservation=course",
        "--exclude='node[1-3]'",
        "--gpus-per-node=a100:2",
        "--signal=USR2@60",
        "--mail-user=me@here",
        "--requeue",
        "--mem=64GB",
        "--cpus-per-task=8",
    ):
        assert f"#SBATCH {line}" in text.split("\n"), text
    assert "\nmodule load cuda\n" in text
    assert "--mpi=none --container-image=image.sqsh --container-mounts=/a:/b" in text


def test_nothing_is_said_of_what_the_cluster_decides():
    text = sbatch_text(mem_gb_per_device=None)
    for word in ("--partition", "--account", "--qos", "--mem", "--gpus", "--constraint", "--container", "--exclude"):
        assert word not in text


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"timeout_min": 0}, "timeout_min=0: wanted 1 or more"),
        ({"cpus_per_device": 0}, "cpus_per_device=0: wanted 1 or more"),
        ({"at_once": 0}, "at_once=0: wanted 1 or more"),
        ({"gpus": -1}, "gpus=-1: wanted 0 or more, or null"),
        ({"requeue": -1}, "requeue=-1: wanted 0 or more"),
        ({"signal_s": 120, "timeout_min": 2}, "signal_s=120 is not below timeout_min=2 minutes"),
        ({"mounts": "/a:/b"}, "mounts without hydra.launcher.container"),
    ],
)
def test_what_cannot_be_is_refused(keys, said):
    with pytest.raises(WrankError, match=said):
        Slurm(**keys)


def test_queue_is_read_job_by_job(programs):
    calls = programs("squeue", out="12_0 RUNNING None\n12_1 PENDING Priority, and more\n\n13 COMPLETING None\nodd\n")
    known = queue_of(["12_1", "12_0", "13"])
    assert known == {"12_0": "RUNNING", "12_1": "PENDING Priority, and more", "13": "COMPLETING"}
    assert calls() == ["--noheader --array --format=%i %T %r --jobs 12,13"]
    assert queue_of([]) == {}
    assert len(calls()) == 1, "no jobs, no question"


def test_jobs_that_slurm_has_forgotten_are_no_failure_of_slurm(programs):
    programs("squeue", err="slurm_load_jobs error: Invalid job id specified\n", code=1)
    assert queue_of(["12_0"]) == {}
    programs("squeue", err="slurm_load_jobs error: Unable to contact slurm controller\n", code=1)
    assert queue_of(["12_0"]) is None


def test_machine_without_slurm_says_nothing_of_its_jobs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert queue_of(["12_0"]) is None
    cancel_ids(["12_0"])
    with pytest.raises(WrankError, match="no sbatch here"):
        Slurm().check([])


def test_jobs_are_cancelled_once_and_together(programs):
    calls = programs("scancel")
    cancel_ids([])
    cancel_ids(["12_1", "12_0"])
    assert calls() == ["--quiet 12_0 12_1"]


def planned(tmp_path, *needs):
    jobs = [Planned(SweepJob(n, ("a=b",), str(n), str(tmp_path / str(n))), one, {}) for n, one in enumerate(needs)]
    return jobs, {one.job.number: ["run", "a='b c'"] for one in jobs}


def test_jobs_of_equal_needs_are_one_array(programs, tmp_path):
    programs("srun")
    calls = programs("sbatch", out="Submitted batch job 77\n")
    backend = Slurm(at_once=5)
    jobs, commands = planned(tmp_path, Needs(), Needs(devices=2), Needs())
    ids = backend.start(jobs, commands, tmp_path)
    assert ids == {0: "77_0", 2: "77_1", 1: "77_0"} or ids == {0: "77_0", 2: "77_1", 1: "77"}
    assert len(calls()) == 2
    killed = programs("scancel")
    backend.cancel()
    assert "77_1" in killed()[0]


def arrays(calls, tmp_path):
    """What each batch file says of its array."""
    texts = [Path(call.split()[-1]).read_text() for call in calls()]
    return [next((line[16:] for line in text.split("\n") if line.startswith("#SBATCH --array=")), "") for text in texts]


def kept_batch_files(programs):
    """``sbatch`` that keeps a copy of each file: submitit writes over it."""
    calls = programs("sbatch", out="Submitted batch job 77\n")
    place = Path(os.environ["PATH"].split(os.pathsep)[0])
    script = f"#!/bin/sh\nn=$(ls {place} | wc -l)\ncp $1 {place}/file$n\necho {place}/file$n >> {place}/sbatch.calls\n"
    (place / "sbatch").write_text(f"{script}echo Submitted batch job 77\n")
    return calls


def test_jobs_at_once_are_those_of_the_sweep_not_of_an_array(programs, tmp_path):
    programs("srun")
    programs("scontrol", code=1)
    calls = kept_batch_files(programs)
    jobs, commands = planned(tmp_path, *[Needs()] * 6, *[Needs(devices=2)] * 2, *[Needs(devices=3)] * 2)
    Slurm(at_once=5).start(jobs, commands, tmp_path)
    assert arrays(calls, tmp_path) == ["0-5%3", "0-1%1", "0-1%1"]


def test_each_array_runs_though_there_are_more_than_may_run_at_once(programs, tmp_path):
    programs("srun")
    programs("scontrol", code=1)
    calls = kept_batch_files(programs)
    jobs, commands = planned(tmp_path, *[Needs()] * 2, *[Needs(devices=2)] * 2)
    Slurm(at_once=1).start(jobs, commands, tmp_path)
    assert arrays(calls, tmp_path) == ["0-1%1", "0-1%1"]


def test_arrays_are_no_longer_than_slurm_takes(programs, tmp_path):
    programs("srun")
    programs("scontrol", out="Configuration data\nMaxArraySize            = 3\nMaxArraySizeX = 9\n")
    calls = kept_batch_files(programs)
    jobs, commands = planned(tmp_path, *[Needs()] * 7)
    ids = Slurm().start(jobs, commands, tmp_path)
    assert [one.partition("%")[0] for one in arrays(calls, tmp_path)] == ["0-2", "0-2", ""]
    assert sorted(ids) == list(range(7))


@pytest.mark.parametrize(
    ("out", "code", "wanted"),
    [
        ("MaxArraySize            = 20001\n", 0, 20001),
        ("MaxArraySize = 0\n", 0, 1),
        ("MaxJobCount = 5\n", 0, 1001),
        ("", 1, 1001),
    ],
)
def test_longest_array_is_slurms_own_or_its_default(out, code, wanted, programs):
    calls = programs("scontrol", out=out, code=code)
    assert longest_array() == wanted
    assert calls() == ["show config"]


def test_a_rehearsal_asks_about_one_job_of_each_size_and_queues_none(programs, tmp_path):
    programs("srun")
    calls = programs("sbatch", err="sbatch: Job 9 to start at noon\n")
    jobs, _ = planned(tmp_path, Needs(), Needs(devices=2), Needs())
    said, refused = Slurm(partition="gpu").rehearse(jobs)
    assert said == [
        "Slurm, asked about #0 and 1 more of its size: Job 9 to start at noon",
        "Slurm, asked about #1: Job 9 to start at noon",
    ]
    assert refused == 0
    assert len(calls()) == 2
    assert all(call.startswith("--test-only ") for call in calls())


def test_what_slurm_would_refuse_is_counted_and_no_slurm_is_a_remark(programs, tmp_path, monkeypatch):
    jobs, _ = planned(tmp_path, Needs(), Needs(), Needs(devices=2))
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(tmp_path))
        (said,), refused = Slurm().rehearse(jobs)
    assert "no sbatch here" in said
    assert refused == 0
    programs("srun")
    programs("sbatch", err="allocation failure: Invalid partition name specified\n", code=1)
    said, refused = Slurm(partition="gpu").rehearse(jobs)
    assert refused == 3
    assert said == [
        f"sbatch would refuse {which}: allocation failure: Invalid partition name specified"
        for which in ("#0 and 1 more of its size", "#2")
    ]


def test_the_script_asks_for_what_was_asked_for_and_nothing_of_submitits_own(tmp_path, programs):
    programs("srun")
    script = Slurm(partition="gpu", account="lab")._script(Needs(), tmp_path)
    assert "#SBATCH --partition=gpu" in script
    assert "#SBATCH --account=lab" in script
    assert "wckey" not in script


def test_array_that_is_refused_takes_the_others_back(programs, tmp_path):
    programs("srun")
    killed = programs("scancel")
    programs("sbatch", err="sbatch: error: invalid partition specified: gpu\n", code=1)
    jobs, commands = planned(tmp_path, Needs(), Needs())
    with pytest.raises(WrankError, match=r"sbatch refused: .*invalid partition specified: gpu"):
        Slurm(partition="gpu").start(jobs, commands, tmp_path)
    place = Path(os.environ["PATH"].split(os.pathsep)[0])
    (place / "sbatch").write_text(
        f"#!/bin/sh\nif [ -e {place}/second ]; then echo quota >&2; exit 1; fi\ntouch {place}/second\n"
        "echo Submitted batch job 78\n"
    )
    jobs, commands = planned(tmp_path, Needs(), Needs(), Needs(devices=2), Needs(devices=2))
    with pytest.raises(WrankError, match="quota"):
        Slurm().start(jobs, commands, tmp_path)
    assert killed() == ["--quiet 78_0 78_1"]


def test_what_is_put_back_into_the_queue_is_the_same(tmp_path):
    from wrank.launch.slurm import _Restartable

    again = _Restartable().checkpoint(["run"], {"A": "1"}, "folder")
    assert (again.args, json.dumps(again.kwargs)) == ((["run"], {"A": "1"}, "folder"), "{}")
