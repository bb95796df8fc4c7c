"""``wrank doctor`` as a user sees it: a table, JSON, exit codes, and nothing left behind or given away."""

import json
import os
import subprocess
import sys

import pytest

from wrank.doctor import checkup, disk
from wrank.doctor.checkup import CHECKS

KEY = "0123456789abcdef0123456789abcdef01234567"


def test_every_check_is_made_and_none_crashes(wrank, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", KEY)
    process = wrank.start("doctor", "format=json", "warn_gib=0", "least_gib=0")
    out, err = process.communicate(timeout=300)
    said = json.loads(out)
    assert [check["check"] for check in said["checks"]] == list(CHECKS)
    assert process.returncode == (0 if said["ok"] else 1), err
    for check in said["checks"]:
        assert "the check ended with" not in check["found"], check
        assert check["found"]
        assert check["advice"] or check["state"] in ("ok", "not here"), check
    states = {check["check"]: check["state"] for check in said["checks"]}
    assert states["python"] == states["locks"] == states["sample"] == "ok"
    assert states["torch"] != "failure"
    assert KEY not in out + err
    assert not wrank.store.exists(), "looking made a store"


def test_table_is_read_by_people(here):
    out, _ = here("doctor", "only=[python,git,hub]")
    assert out.index("python") < out.index("git")
    assert "`wrank doctor network=true`" in out
    assert "nothing failed, but not every check was made" in out


def test_check_that_fails_makes_exit_code_1_without_a_traceback(here):
    out, _ = here("doctor", "only=[disk]", "least_gib=1000000", code=1)
    assert "wanted 1,000,000 GiB at the least" in " ".join(out.split())
    assert "paths.store" in out


def test_check_that_crashes_is_a_failure_of_its_own(here, monkeypatch):
    def crash(folder):
        raise RuntimeError("no such thing as a disk")

    monkeypatch.setattr(disk, "free_space", crash)
    out, _ = here("doctor", "only=[disk,python]", code=1)
    assert "RuntimeError: no such thing as a disk" in " ".join(out.split())
    assert "CPython" in out


def test_broken_torch_is_told_and_the_other_checks_are_made(wrank, tmp_path):
    """The moment in which a doctor is called."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('libcudart.so.12: cannot open')")
    environment = wrank.environment
    environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{environment['PYTHONPATH']}"
    words = [sys.executable, "-m", "wrank.cli", "doctor", "only=[torch,locks,sample]"]
    done = subprocess.run(words, cwd=wrank.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "libcudart.so.12" in done.stdout
    assert "2 ok, 1 failure" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("only=[troch]", "did you mean torch"),
        ("format=xml", "wanted table or json"),
        ("warn_gib=-1", "wanted a size in GiB"),
        ("least_gib=nan", "wanted a size in GiB"),
        ("dep=true", "did you mean deep"),
    ],
)
def test_wrong_key_is_refused_before_any_check(here, monkeypatch, words, message):
    monkeypatch.setattr(checkup, "isolated", lambda *words: pytest.fail("a check was made"))
    _, err = here("doctor", words, code=2)
    assert message in err


def test_multirun_tells_each_job_and_ends_with_1(here):
    _, err = here("doctor", "-m", "only=[disk]", "least_gib=0,1000000", "warn_gib=0", code=1)
    assert "failed: " in err
    assert "checks failed: disk" in err


def test_help_names_the_verb(here):
    out, _ = here("--help")
    assert "wrank doctor" in out
