"""The engine with a fake vLLM in its process (faults on demand), and with a real one (marker vllm)."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from wrank.errors import WrankError
from wrank.generator.engine.probe import probe
from wrank.generator.engine.vllm import Vllm


def make(python, **keys):
    return Vllm(models="nowhere", interpreter=python, **{"model": "a/b", "start_timeout": 60.0, **keys})


@pytest.fixture
def engine(fake_vllm):
    with make(fake_vllm) as engine:
        yield engine


def group_of(engine):
    return [worker.process.pid for worker in engine._pool.workers]


def members(groups):
    """Processes of the groups that do not go."""
    end = time.monotonic() + 5
    while (found := living(groups)) and time.monotonic() < end:
        time.sleep(0.05)  # what was killed may take a moment to go
    return found


def living(groups):
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) in groups and fields[0] != "Z":
            found.append(status.parent.name)
    return found


def test_every_request_is_answered_once_though_vllm_prints(engine, ask):
    replies = list(engine.generate(ask(f"a{n}") for n in range(300)))
    assert sorted(reply.id for reply in replies) == sorted(f"a{n}" for n in range(300))
    assert {json.loads(reply.text)["words"][0] for reply in replies} == {f"a{n}" for n in range(300)}
    assert {(reply.finish, reply.prompt_tokens, reply.output_tokens) for reply in replies} == {("stop", 1, 3)}
    assert all(reply.seconds > 0 for reply in replies)


def test_requests_join_the_batch_while_it_runs(engine, ask):
    replies = list(engine.generate(ask(f"a{n}") for n in range(50)))
    assert max(json.loads(reply.text)["at_once"] for reply in replies) > 10


def test_the_next_request_is_taken_only_when_there_is_room(fake_vllm, ask):
    taken = []

    def requests():
        for n in range(10):
            taken.append(n)
            yield ask(f"a{n}")

    with make(fake_vllm, window=4) as engine:
        replies = engine.generate(requests())
        next(replies)
        assert len(taken) == 4
        assert len(list(replies)) == 9


def test_a_prompt_that_is_too_long_is_an_error_reply(fake_vllm, ask):
    with make(fake_vllm, max_model_len=20) as engine:
        replies = {reply.id: reply for reply in engine.generate([ask("word " * 30, "long"), ask("short")])}
    assert replies["long"].finish == "error"
    assert "31 tokens" in replies["long"].error
    assert "max_model_len" in replies["long"].error
    assert replies["short"].finish == "stop"


def test_what_vllm_refuses_for_one_request_is_an_error_reply(engine, ask):
    replies = {reply.id: reply for reply in engine.generate([ask("refuse this", "bad"), ask("good")])}
    assert (replies["bad"].finish, replies["good"].finish) == ("error", "stop")
    assert "cannot be held to" in replies["bad"].error


def test_a_cut_reply_says_so(engine, ask):
    (reply,) = engine.generate([ask("a", max_tokens=2)])
    assert reply.finish == "length"


def test_a_template_without_system_role_gets_it_in_the_first_message(fake_vllm, ask, monkeypatch):
    monkeypatch.setenv("FAKE_NO_SYSTEM", "1")
    with make(fake_vllm) as engine:
        (reply,) = engine.generate([ask("hello", system="be kind")])
    assert json.loads(reply.text)["words"] == ["be", "kind\n\nhello"]


def test_values_for_the_template_arrive(fake_vllm, ask):
    with make(fake_vllm, chat={"enable_thinking": False}) as engine:
        (reply,) = engine.generate([ask("hello")])
    assert json.loads(reply.text)["words"] == ["hello", "enable_thinking"]


def test_a_model_without_chat_template_is_refused_at_the_start(fake_vllm, monkeypatch):
    monkeypatch.setenv("FAKE_NO_TEMPLATE", "1")
    with pytest.raises(WrankError, match="instruction-tuned"):
        make(fake_vllm).start()


def test_arguments_reach_vllm_and_extra_ones_win(fake_vllm, ask):
    keys = {"enforce_eager": True, "dtype": "float16", "quantization": "fp8", "kv_cache_gib": 3}
    with make(fake_vllm, **keys, extra={"load_format": "auto", "swap": 1}) as engine:
        (reply,) = engine.generate([ask("a")])
    found = json.loads(reply.text)
    arguments = found["arguments"]
    assert (arguments["dtype"], arguments["quantization"], arguments["enforce_eager"]) == ("float16", "fp8", True)
    assert (arguments["load_format"], arguments["swap"], arguments["enable_prefix_caching"]) == ("auto", 1, True)
    assert found["cache"] == "3"


def test_pickles_and_foreign_code_are_off_by_default(engine, ask):
    (reply,) = engine.generate([ask("a")])
    arguments = json.loads(reply.text)["arguments"]
    assert (arguments["load_format"], arguments["trust_remote_code"]) == ("safetensors", False)


def test_replicas_share_one_list_of_work_on_gpus_of_their_own(fake_vllm, ask, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,5,7")
    with make(fake_vllm, tensor_parallel_size=2, window=4, seed=10) as engine:
        assert engine.window == 8
        replies = [json.loads(reply.text) for reply in engine.generate(ask(f"a{n}") for n in range(60))]
        assert engine.facts()["replicas"] == 2
    assert {(reply["gpus"], reply["seed"]) for reply in replies} == {("2,3", 10), ("5,7", 11)}
    assert len({reply["words"][0] for reply in replies}) == 60


def test_more_gpus_than_there_are_is_refused(fake_vllm, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(WrankError, match="wants 4 GPUs; 1 can be seen"):
        make(fake_vllm, tensor_parallel_size=4).start()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("die", r"exit code 7.*\n.*it broke down"),
        ("killed", r"signal 9.*kv_cache_gib"),
        ("oom", r"gave up: .*out of memory.*gpu_memory_utilization"),
    ],
)
def test_a_process_that_dies_ends_the_run_with_advice_and_its_last_lines(fake_vllm, ask, fault, said):
    good = []
    engine = make(fake_vllm, window=1)
    with pytest.raises(WrankError, match=f"(?s){said}") as raised, engine:  # noqa: PT012
        groups = group_of(engine)
        for reply in engine.generate([ask("a"), ask("b"), ask(fault), ask("c")]):
            good.append(reply.id)
    assert good == ["a", "b"]
    assert "same command goes on" in str(raised.value)
    assert members(groups) == []


def test_one_replica_that_dies_ends_the_run_though_others_work(fake_vllm, ask, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with make(fake_vllm, window=3) as engine:
        groups = group_of(engine)
        with pytest.raises(WrankError, match="exit code 7"):
            list(engine.generate([ask("forever", "1"), ask("forever", "2"), ask("forever", "3"), ask("die")]))
    assert members(groups) == []


def test_a_process_that_hangs_is_noticed(fake_vllm, ask):
    with make(fake_vllm, stall_timeout=1.5) as engine:
        groups = group_of(engine)
        with pytest.raises(WrankError, match=r"no sign of life for 1\.5 s"):
            list(engine.generate([ask("stop"), *(ask("x" * 5000, str(n)) for n in range(100))]))
    assert members(groups) == []


def test_a_long_reply_is_no_hang(fake_vllm, ask, monkeypatch):
    """The process says now and then that it works."""
    from wrank.generator.engine import vllm_worker

    assert vllm_worker._ALIVE < 3
    with make(fake_vllm, stall_timeout=3.0) as engine:
        replies = engine.generate([ask("forever"), ask("a")])
        next(replies)
        done = threading.Event()

        def read():
            with pytest.raises(WrankError):  # it ends only because the process is killed below
                next(replies)
            done.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert not done.wait(4.5)
        os.killpg(engine._pool.workers[0].process.pid, signal.SIGKILL)
        reader.join(30)
        assert done.is_set()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("x/missing", "no such model or revision"),
        ("x/noise", r"(?s)KV cache is too small.*\n  No available memory for the cache blocks"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_explained(fake_vllm, model, said):
    with pytest.raises(WrankError, match=said):
        make(fake_vllm, model=model).start()


def test_a_model_that_takes_too_long_to_load_is_given_up(fake_vllm):
    with pytest.raises(WrankError, match="start_timeout"):
        make(fake_vllm, model="x/slow", start_timeout=1.0).start()


def test_garbage_from_the_process_is_said(fake_vllm, monkeypatch, tmp_path):
    from wrank.generator.engine import vllm

    script = tmp_path / "garbage.py"
    script.write_text("import os, sys, time\nos.write(int(sys.argv[2]), b'\\xff{not json\\n')\ntime.sleep(60)\n")
    monkeypatch.setattr(vllm, "SCRIPT", script)
    with pytest.raises(WrankError, match="no message"):
        make(fake_vllm).start()


def test_closing_ends_every_process_and_leaves_no_log(fake_vllm, ask):
    engine = make(fake_vllm, model="x/child")
    engine.start()
    groups, logs = group_of(engine), [worker.log for worker in engine._pool.workers]
    list(engine.generate([ask("a")]))
    assert len(living(groups)) == 2
    engine.close()
    engine.close()
    assert members(groups) == []
    assert not any(log.exists() for log in logs)


def test_a_death_is_explained_though_its_log_was_cleared_away(fake_vllm, ask):
    with make(fake_vllm) as engine:
        engine._pool.workers[0].log.unlink()
        with pytest.raises(WrankError, match="exit code 7"):
            list(engine.generate([ask("die")]))


def test_closing_in_the_middle_of_work_ends_it(fake_vllm, ask):
    engine = make(fake_vllm)
    engine.start()
    groups = group_of(engine)
    replies = engine.generate([ask("forever"), ask("a")])
    next(replies)
    engine.close()
    assert members(groups) == []


def test_an_abandoned_run_does_not_leak_into_the_next(engine, ask):
    first = engine.generate([ask("forever"), ask("forever", "2"), ask("a")])
    next(first)
    first.close()
    (reply,) = engine.generate([ask("b", "2")])
    assert json.loads(reply.text)["words"] == ["b"]
    assert len(json.loads(reply.text)["aborted"]) == 2


PARENT = """
import sys
from wrank.generator.engine.vllm import Vllm
from wrank.generator.request import Request, Sampling
with Vllm(models="x", model="x/child", interpreter=sys.executable) as engine:
    print(engine._pool.workers[0].process.pid, flush=True)
    messages = ({"role": "user", "content": "forever"},)
    list(engine.generate([Request("a", messages, {}, Sampling())]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_parent_that_is_killed_or_interrupted_leaves_no_process(fake_vllm, number):
    command = [sys.executable, "-c", PARENT]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
    with subprocess.Popen(command, **pipes, text=True, start_new_session=True) as parent:
        group = int(parent.stdout.readline())
        assert len(living([group])) == 2
        os.killpg(parent.pid, number)  # a terminal's Ctrl-C goes to the whole group
        try:
            parent.wait(30)
        finally:
            parent.kill()
    assert members([group]) == []


def test_facts_tell_version_device_and_context(engine):
    facts = engine.facts()
    assert (facts["vllm"], facts["device"], facts["dtype"]) == ("0.0.fake", "fake", "fake")
    assert (facts["context_tokens"], facts["cache_tokens"], facts["replicas"]) == (4096, 160, 1)


def test_identity_knows_what_changes_a_reply_and_nothing_else(tmp_path):
    one = Vllm(models="x", model="a/b", window=3, replicas=2, gpu_memory_utilization=0.5, interpreter="/p")
    two = Vllm(models="y", model="a/b")
    assert one.identity() == two.identity()
    assert json.loads(json.dumps(one.identity())) == one.identity()
    for change in ({"seed": 1}, {"dtype": "float16"}, {"revision": "r"}, {"extra": {"a": 1}}, {"max_model_len": 5}):
        assert Vllm(models="x", model="a/b", **change).identity() != one.identity()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("window", 0),
        ("replicas", 0),
        ("replicas", "many"),
        ("tensor_parallel_size", 0),
        ("kv_cache_gib", 0.5),
        ("max_model_len", 0),
        ("gpu_memory_utilization", 1.5),
    ],
)
def test_values_out_of_range_are_refused(key, value):
    with pytest.raises(WrankError, match=key):
        Vllm(models="x", **{key: value})


@pytest.fixture(scope="module")
def real(real_vllm, smollm2):
    """A real vLLM with the bundled model."""
    keys = {"model": str(smollm2), "interpreter": real_vllm, "max_model_len": 1024, "kv_cache_gib": 1}
    with Vllm(models="nowhere", enforce_eager=True, gpu_memory_utilization=0.4, replicas=1, **keys) as engine:
        yield engine


@pytest.mark.vllm
def test_real_vllm_from_probe_to_kill(real, ask, obeys):
    """One start for all: the schema holds, a long prompt is an error reply, a kill is explained, nothing is left."""
    probe(real)
    assert real.facts()["context_tokens"] == 1024
    requests = [ask(f"Name a colour, try {n}.", repetition_penalty=1.1) for n in range(8)]
    replies = {reply.id: reply for reply in real.generate([*requests, ask("word " * 3000, "long")])}
    assert replies.pop("long").finish == "error"
    assert len(replies) == 8
    assert all(obeys(reply.text) for reply in replies.values() if reply.finish == "stop")
    assert sum(reply.finish == "stop" for reply in replies.values()) >= 6
    assert all(reply.prompt_tokens > 0 and reply.output_tokens > 0 for reply in replies.values())
    groups = group_of(real)
    assert len(living(groups)) > 1
    running = real.generate([ask("Write.", "w", max_tokens=900, schema={"type": "object"}), *requests])
    next(running)
    os.kill(groups[0], signal.SIGKILL)
    with pytest.raises(WrankError, match="signal 9"):
        list(running)
    real.close()
    assert members(groups) == []


@pytest.mark.vllm
def test_real_vllm_ends_when_it_is_closed(real_vllm, smollm2):
    """And a model that is too long for its own context is explained."""
    keys = {"model": str(smollm2), "interpreter": real_vllm, "kv_cache_gib": 1, "enforce_eager": True, "replicas": 1}
    with pytest.raises(WrankError, match="larger than the model's own context"):
        Vllm(models="nowhere", max_model_len=100_000, **keys).start()
