"""Processes that are asked: what they say comes back, and so does why they said nothing."""

import sys

from wrank.doctor import probe
from wrank.doctor.probe import answer


def test_torch_tells_what_it_sees():
    import torch

    facts = answer("torch")
    assert facts["version"] == torch.__version__
    assert facts["usable"] == torch.cuda.is_available()
    assert len(facts["gpus"]) == (torch.cuda.device_count() if torch.cuda.is_available() else 0)


def say(monkeypatch, code):
    monkeypatch.setattr(probe, "command", lambda name, *words: [sys.executable, "-c", code])
    return answer("torch", seconds=5)


def test_death_is_told_by_its_last_words(monkeypatch):
    said = say(monkeypatch, "raise ImportError('libcudart.so.12: cannot open')")
    assert said == {"died": "exit code 1: ImportError: libcudart.so.12: cannot open"}


def test_crash_is_told_by_its_signal(monkeypatch):
    assert say(monkeypatch, "import os; os.kill(os.getpid(), 11)")["died"].startswith("signal 11")


def test_words_that_are_no_json_are_a_death(monkeypatch):
    assert "died" in say(monkeypatch, "print('hello')")
    assert "died" in say(monkeypatch, "print(3)")


def test_what_libraries_print_before_is_passed_over(monkeypatch):
    assert say(monkeypatch, "print('a banner'); print('{\"a\": 1}')") == {"a": 1}


def test_silence_is_given_up(monkeypatch):
    monkeypatch.setattr(probe, "command", lambda *words: [sys.executable, "-c", "import time; time.sleep(30)"])
    assert answer("torch", seconds=0.3) == {"died": "no answer in 0.3 s"}


def test_files_of_the_current_folder_do_not_pass_for_packages(tmp_path, monkeypatch):
    (tmp_path / "filelock.py").write_text("raise RuntimeError('not the package')")
    monkeypatch.chdir(tmp_path)
    assert answer("try", str(tmp_path / "lock")) == {"refused": False}
