import stat
import sys
from types import SimpleNamespace

import pytest

from wrank.errors import WrankError
from wrank.generator.engine import vllm_interpreter as module
from wrank.generator.engine.vllm_interpreter import find_interpreter, replica_devices, visible_gpus


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def no_vllm(monkeypatch, tmp_path):
    """The running Python has no vLLM, and its environment stands in a folder of its own."""
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "house" / ".venv"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answering(found=True, **versions):
    import json

    return f"echo '{json.dumps({'found': found, 'versions': versions})}'"


def test_the_running_python_is_taken_when_it_has_vllm(fake_vllm, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: object())
    found = find_interpreter(None)
    assert (found.path, found.version, found.cpu) == (sys.executable, "unknown", False)


@pytest.mark.parametrize("place", ["house", "."])
def test_else_the_environment_beside_it_or_in_the_current_folder(no_vllm, place):
    path = program(no_vllm / place / ".venv-vllm" / "bin" / "python", answering(**{"vllm-cpu": "0.32.0"}))
    found = find_interpreter(None)
    assert (found.path, found.version, found.cpu) == (str(path.resolve()), "0.32.0", True)


def test_nowhere_says_what_to_do(no_vllm):
    with pytest.raises(WrankError, match=r"make vllm-cpu.*generator/engine=transformers") as raised:
        find_interpreter(None)
    assert "pip install vllm" in str(raised.value)


def test_a_given_one_without_vllm_is_refused(tmp_path):
    with pytest.raises(WrankError, match="has no vLLM"):
        find_interpreter(str(program(tmp_path / "python", answering(found=False))))


@pytest.mark.parametrize("text", ["exit 3", "echo hello"])
def test_a_given_one_that_is_no_python_is_refused(tmp_path, text):
    with pytest.raises(WrankError, match="does not run as a Python"):
        find_interpreter(str(program(tmp_path / "python", text)))


def test_a_given_one_that_is_not_there_is_refused():
    with pytest.raises(WrankError, match="no such program"):
        find_interpreter("/no/such/python")


def test_another_environment_does_not_get_this_ones_paths(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/here")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    environment = find_interpreter(str(program(tmp_path / "python", answering(vllm="0.11+cpu")))).environment
    assert "PYTHONPATH" not in environment
    assert environment["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize(("value", "wanted"), [("", []), ("-1", []), ("3, 5", ["3", "5"]), ("GPU-ab", ["GPU-ab"])])
def test_gpus_that_the_environment_names(monkeypatch, value, wanted):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == wanted


def test_gpus_that_the_driver_names(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    text = "GPU 0: NVIDIA H100 (UUID: GPU-1)\n  MIG 1g.10gb Device 0: (UUID: MIG-1)\nGPU 1: NVIDIA H100 (UUID: GPU-2)\n"
    monkeypatch.setattr(module.shutil, "which", lambda name: name)
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0, stdout=text))
    assert visible_gpus() == ["0", "1"]
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=9, stdout="no driver"))
    assert visible_gpus() == []
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    assert visible_gpus() == []


@pytest.mark.parametrize(
    ("replicas", "size", "gpus", "wanted"),
    [
        ("auto", 1, [], [None]),
        (3, 1, [], [None, None, None]),
        ("auto", 1, ["0"], [None]),
        ("auto", 1, ["0", "1"], [["0"], ["1"]]),
        ("auto", 2, ["4", "5", "6", "7", "8"], [["4", "5"], ["6", "7"]]),
        (1, 2, ["0", "1", "2", "3"], [None]),
        (2, 1, ["0", "1", "2", "3"], [["0"], ["1"]]),
    ],
)
def test_gpus_of_each_engine(replicas, size, gpus, wanted):
    assert replica_devices(replicas, size, gpus) == wanted


def test_more_gpus_than_there_are_are_refused():
    with pytest.raises(WrankError, match="wants 6 GPUs; 4"):
        replica_devices(3, 2, ["0", "1", "2", "3"])
