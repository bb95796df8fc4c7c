"""One job inside a scheduler's process."""

import runpy
import sys

import pytest

from wrank.launch.child import JobFailed, run_job

WORDS = ["run", "name='a b'", "hydra.run.dir='/it\\'s here/0'", "hydra.mode=RUN"]


@pytest.fixture
def ended(monkeypatch):
    """Runs a job that ends with an exit code; returns its words."""
    seen = []
    monkeypatch.setattr(sys, "argv", ["before"])

    def run(code, **environment):
        for name in ("SLURM_PROCID", "SLURM_NTASKS", "WRANK_SWEEP"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

        def module(name, run_name):
            seen.append((name, run_name, list(sys.argv)))
            raise SystemExit(code)

        monkeypatch.setattr(runpy, "run_module", module)
        monkeypatch.setenv("WRANK_SWEEP", "")
        run_job(WORDS, {"WRANK_SWEEP": "/sweep"}, "/it's here/0")
        return seen[-1]

    return run


@pytest.mark.parametrize("code", [0, None])
def test_words_are_those_that_a_person_would_type(code, ended):
    assert ended(code) == ("wrank.cli", "__main__", ["wrank", *WORDS])


@pytest.mark.parametrize("code", [1, 2, 143, "message"])
def test_other_exit_codes_fail_the_job(code, ended):
    with pytest.raises(JobFailed, match=f"exit code {code}"):
        ended(code)


def test_exit_of_a_scheduler_that_requeues_goes_through(ended):
    with pytest.raises(SystemExit):
        ended(-1)


@pytest.mark.parametrize(("rank", "wanted"), [("0", "/it\\'s here/0"), ("2", "/it\\'s here/0/rank-2")])
def test_ranks_have_folders_of_their_own_below_the_jobs(rank, wanted, ended):
    *_, words = ended(0, SLURM_NTASKS="4", SLURM_PROCID=rank)
    assert words[3] == f"hydra.run.dir='{wanted}'"
    *_, words = ended(0, SLURM_NTASKS="1", SLURM_PROCID="3")
    assert words[3] == WORDS[2], "a task of one process a job is no rank"
