"""torch against the driver: each fault has its own words and its own way out."""

import pytest

from wrank.doctor import torch
from wrank.doctor.base import State
from wrank.doctor.torch import mismatch, nvidia_driver

CPU = {
    "version": "2.13.0+cpu",
    "cuda": None,
    "hip": None,
    "usable": False,
    "reason": "",
    "gpus": [],
    "nccl": False,
    "mps": False,
    "threads": 2,
    "amx": False,
    "avx512_bf16": False,
}
GPU = {"name": "NVIDIA H100", "free": 78 * 2**30, "total": 79 * 2**30, "bf16": True, "error": ""}
CUDA = {**CPU, "version": "2.13.0+cu130", "cuda": "13.0", "usable": True, "gpus": [GPU], "nccl": True}
DRIVER = {"gpus": ["NVIDIA H100"], "version": "535.104"}


@pytest.fixture
def seen(monkeypatch, settings):
    """What the check says of facts and a driver."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def look(facts, driver=None):
        monkeypatch.setattr(torch, "answer", lambda name: facts)
        monkeypatch.setattr(torch, "nvidia_driver", lambda: driver or {})
        return torch.look(settings)

    return look


def test_this_torch_starts(settings):
    import torch as real

    found = torch.look(settings)
    assert found.state != State.FAILURE
    assert real.__version__ in found.found


def test_cpu_alone_is_well_and_says_how_it_computes(seen):
    assert seen(CPU).state == State.OK
    assert "no native bf16" in seen(CPU).found
    assert "bf16 by AMX and AVX-512" in seen({**CPU, "amx": True, "avx512_bf16": True}).found
    assert "Apple GPU" in seen({**CPU, "mps": True}).found


def test_gpu_is_told_with_its_memory(seen):
    found = seen(CUDA, DRIVER)
    assert found.state == State.OK
    assert "built for CUDA 13.0" in found.found
    assert "NVIDIA H100, 79 GiB, bf16" in found.found


def test_torch_that_does_not_start_is_a_failure(seen):
    found = seen({"died": "exit code 1: ImportError: libcudart.so.12"})
    assert found.state == State.FAILURE
    assert "libcudart" in found.found
    assert "make install" in found.advice[0]


def test_cpu_build_beside_a_gpu_is_a_warning(seen):
    found = seen(CPU, DRIVER)
    assert found.state == State.WARNING
    assert "built without CUDA, but there is 1 x NVIDIA H100" in found.found


def test_driver_too_old_for_this_torch_is_a_failure_with_both_versions(seen):
    found = seen({**CUDA, "usable": False, "gpus": [], "reason": "driver is too old"}, DRIVER)
    assert found.state == State.FAILURE
    assert "torch for CUDA 13.0 cannot use 1 x NVIDIA H100 with driver 535.104 (driver is too old)" in found.found
    assert "Update the NVIDIA driver" in found.advice[0]


def test_hidden_gpus_are_no_fault(seen, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = seen({**CUDA, "usable": False, "gpus": []}, DRIVER)
    assert found.state == State.OK
    assert "hidden by CUDA_VISIBLE_DEVICES" in found.found


def test_driver_that_does_not_answer_is_a_failure(seen):
    found = seen(CPU, {"error": "OSError: nvidia-smi ended with 9: couldn't communicate"})
    assert found.state == State.FAILURE
    assert "couldn't communicate" in found.found


def test_gpu_that_cannot_compute_is_a_failure(seen):
    found = seen({**CUDA, "gpus": [{**GPU, "error": "RuntimeError: no kernel image is available"}]}, DRIVER)
    assert found.state == State.FAILURE
    assert "GPU 0 (NVIDIA H100) cannot compute" in found.found


def test_gpu_held_by_another_process_is_a_warning(seen):
    found = seen({**CUDA, "gpus": [{**GPU, "free": 10 * 2**30}]}, DRIVER)
    assert found.state == State.WARNING
    assert "only 10 GiB of 79 GiB" in found.found


def test_several_gpus_without_nccl_are_a_warning(seen):
    assert seen({**CUDA, "gpus": [GPU, GPU], "nccl": False}, DRIVER).state == State.WARNING
    assert seen({**CUDA, "gpus": [GPU, GPU]}, DRIVER).state == State.OK


def test_gpus_that_work_are_no_mismatch():
    assert mismatch(CUDA, {"error": "nvidia-smi is broken"}) == []


def test_driver_is_asked_through_nvidia_smi(program):
    assert nvidia_driver() == {}
    program("nvidia-smi", "echo '535.104, NVIDIA H100'; echo '535.104, NVIDIA H100'")
    assert nvidia_driver() == {"gpus": ["NVIDIA H100", "NVIDIA H100"], "version": "535.104"}
    program("nvidia-smi", "echo 'NVIDIA-SMI has failed' >&2; exit 9")
    assert "NVIDIA-SMI has failed" in nvidia_driver()["error"]
