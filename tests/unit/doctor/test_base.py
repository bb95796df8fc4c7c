"""What checks have in common: the worst problem decides, programs that fail are told, secrets are left out."""

import sys

import pytest

from wrank.doctor.base import Finding, Problem, State, absent, ask, existing, finding, in_gib, told, without_secrets


def test_worst_problem_decides_the_state():
    warning, failure = Problem(State.WARNING, "b", "do b"), Problem(State.FAILURE, "c", "do c")
    assert finding(["a", ""]) == Finding(State.OK, "a", ())
    assert finding(["a"], [warning]) == Finding(State.WARNING, "a; b", ("do b",))
    assert finding(["a"], [failure, warning]) == Finding(State.FAILURE, "a; c; b", ("do c", "do b"))


def test_advice_that_two_problems_share_is_given_once():
    same = [Problem(State.WARNING, what, "do it") for what in ("a", "b")]
    assert finding([], same).advice == ("do it",)


def test_absent_is_no_failure():
    assert absent("no Slurm") == Finding(State.ABSENT, "no Slurm", ())
    assert absent("no Slurm", "get it").advice == ("get it",)


def test_nearest_folder_that_exists(tmp_path):
    assert existing(tmp_path / "a" / "b") == tmp_path
    assert existing(tmp_path) == tmp_path


def test_sizes():
    assert in_gib(1.5 * 2**30) == "1.5 GiB"
    assert in_gib(1234.4 * 2**30) == "1,234 GiB"


def test_program_that_fails_is_told_by_its_own_words():
    assert ask(sys.executable, "-c", "print('well')") == "well\n"
    with pytest.raises(OSError, match=r"ended with 3: no controller"):
        ask(sys.executable, "-c", "import sys; sys.stderr.write('\\nno controller\\n'); sys.exit(3)")
    with pytest.raises(OSError, match=r"no answer in 0\.2 s"):
        ask(sys.executable, "-c", "import time; time.sleep(30)", seconds=0.2)
    with pytest.raises(OSError, match="no-such-program"):
        ask("no-such-program")


def test_error_is_told_in_one_line():
    assert told(ValueError("first\nsecond")) == "ValueError: first"
    assert told(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_secrets_never_come_through(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    monkeypatch.setenv("KEY_FOLDER", "/etc/somewhere")
    text = "key 0123456789abcdef, hf_verysecret at https://me:pass@proxy:3128/x in /etc/somewhere"
    assert without_secrets(text) == "key ***, *** at https://***@proxy:3128/x in /etc/somewhere"
