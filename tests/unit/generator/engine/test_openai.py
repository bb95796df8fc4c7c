import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from tests.fixtures.openai_server import KEY, FakeServer
from wrank.errors import WrankError
from wrank.generator.engine import openai as module
from wrank.generator.engine.openai import OpenAI

pytest.importorskip("openai", reason="pip install openai")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.001)


@pytest.fixture
def server():
    with FakeServer() as server:
        yield server


def test_every_request_is_answered_once_with_tokens_and_finish(server, ask):
    with OpenAI(base_url=server.url) as engine:
        replies = {reply.id: reply for reply in engine.generate(ask(f"a{n}") for n in range(40))}
    assert {name: json.loads(reply.text)["echo"] for name, reply in replies.items()} == {
        f"a{n}": f"a{n}" for n in range(40)
    }
    assert {(reply.finish, reply.prompt_tokens, reply.output_tokens) for reply in replies.values()} == {("stop", 7, 3)}
    assert all(reply.seconds > 0 for reply in replies.values())


def test_the_body_carries_schema_sampling_and_extra_values(server, ask):
    request = ask("hello", temperature=0.3, top_p=0.7, max_tokens=11, repetition_penalty=1.2)
    with OpenAI(base_url=server.url, extra_body={"top_k": 5}) as engine:
        list(engine.generate([request]))
    (body,) = server.bodies
    schema = body["response_format"]["json_schema"]
    assert (body["response_format"]["type"], schema["strict"], schema["schema"]) == (
        "json_schema",
        True,
        request.schema,
    )
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.3, 0.7, 11)
    assert (body["top_k"], body["repetition_penalty"]) == (5, 1.2)
    assert "seed" not in body  # crashes vLLM on a CPU


def test_a_repetition_penalty_of_one_is_not_sent(server, ask):
    """Not every server knows it."""
    with OpenAI(base_url=server.url) as engine:
        list(engine.generate([ask("hello")]))
    assert "repetition_penalty" not in server.bodies[0]


def test_no_more_requests_than_concurrency_are_in_flight_and_the_next_is_taken_late(server, ask):
    taken = []

    def requests():
        for n in range(12):
            taken.append(n)
            yield ask(f"slow{n}")

    with OpenAI(base_url=server.url, concurrency=3) as engine:
        replies = engine.generate(requests())
        next(replies)
        assert len(taken) == 3
        assert len(list(replies)) == 11
    assert 1 < server.most <= 3


@pytest.mark.parametrize("fault", ["500", "429", "down"])
def test_passing_faults_are_tried_again(server, ask, fault):
    with OpenAI(base_url=server.url, retries=4) as engine:
        replies = list(engine.generate([ask(f"{fault} a"), ask("b")]))
    assert {reply.id: reply.finish for reply in replies} == {f"{fault} a": "stop", "b": "stop"}
    assert server.tries[f"{fault} a"] == 3


def test_a_reply_that_takes_too_long_is_asked_again(server, ask):
    with OpenAI(base_url=server.url, timeout=0.2, retries=4) as engine:
        (reply,) = engine.generate([ask("slow")])
    assert reply.finish == "stop"
    assert server.tries["slow"] == 3


def test_a_server_that_goes_away_ends_the_run_after_the_good_replies(server, ask):
    replies = []
    with OpenAI(base_url=server.url, retries=2, concurrency=1) as engine:
        with pytest.raises(WrankError) as raised:  # noqa: PT012
            for reply in engine.generate(ask(f"a{n}") for n in range(5)):
                replies.append(reply)
                server.refuse_all = len(replies) == 2
        assert [reply.id for reply in replies] == ["a0", "a1"]
        assert server.url in str(raised.value)
        assert "same command goes on" in str(raised.value)
        assert "3 tries" in str(raised.value)


def test_one_wrong_request_is_an_error_reply_and_the_others_go_on(server, ask):
    with OpenAI(base_url=server.url) as engine:
        replies = {reply.id: reply for reply in engine.generate([ask("400"), ask("b")])}
    assert replies["400"].finish == "error"
    assert "maximum context length" in replies["400"].error
    assert replies["b"].finish == "stop"
    assert server.tries["400"] == 1


def test_a_cut_and_an_empty_reply_are_told_apart(server, ask):
    with OpenAI(base_url=server.url) as engine:
        replies = {reply.id: reply for reply in engine.generate([ask("long"), ask("empty")])}
    assert replies["long"].finish == "length"
    assert replies["empty"].finish == "error"
    assert replies["empty"].error


def test_the_only_model_is_found(server):
    engine = OpenAI(base_url=server.url)
    assert engine.identity() == {"engine": "openai", "model": "tiny", "extra_body": {}}
    assert engine.model == "tiny"
    assert engine._thread is None, "asking for the name leaves nothing running"


def test_several_models_are_named_to_choose_from():
    with FakeServer(models=("red", "blue")) as server, pytest.raises(WrankError, match="red, blue"):
        OpenAI(base_url=server.url).start()


def test_identity_does_not_depend_on_the_address(server):
    assert (
        OpenAI(base_url=server.url, model="m").identity() == OpenAI(base_url="http://other:1/v1", model="m").identity()
    )


def test_no_server_is_said_at_the_start():
    with FakeServer() as server:
        url = server.url
    with pytest.raises(WrankError, match=url):
        OpenAI(base_url=url, model="tiny").start()


def test_a_wrong_address_is_said_at_the_start(server):
    with pytest.raises(WrankError, match="ends in /v1"):
        OpenAI(base_url=server.url.removesuffix("/v1")).start()


def test_a_wrong_model_is_said_with_those_there_are(server, ask):
    with OpenAI(base_url=server.url, model="huge") as engine, pytest.raises(WrankError, match="serves tiny"):
        list(engine.generate([ask("a")]))


def test_a_refused_key_names_the_variable_and_not_the_key(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", "sk-wrong-987654321")
    with FakeServer(key=KEY) as server, pytest.raises(WrankError) as raised:
        OpenAI(base_url=server.url, api_key_env="MY_KEY").start()
    assert "MY_KEY" in str(raised.value)
    assert "sk-wrong" not in str(raised.value)
    assert "sk-wrong" not in caplog.text


def test_a_missing_key_is_said(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with FakeServer(key=KEY) as server, pytest.raises(WrankError, match="OPENAI_API_KEY is not set"):
        OpenAI(base_url=server.url).start()


def test_the_key_of_the_environment_is_sent(monkeypatch, ask):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with FakeServer(key=KEY) as server, OpenAI(base_url=server.url) as engine:
        assert [reply.finish for reply in engine.generate([ask("a")])] == ["stop"]


def test_a_proxy_does_not_stand_before_the_loopback(monkeypatch, server, ask):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with OpenAI(base_url=server.url) as engine:
        assert len(list(engine.generate([ask("a")]))) == 1


def test_leaving_early_and_closing_twice_leaves_no_thread(server, ask):
    before = set(threading.enumerate())
    engine = OpenAI(base_url=server.url, concurrency=4)
    with engine:
        replies = engine.generate(ask(f"slow{n}") for n in range(8))
        next(replies)
        replies.close()
        assert len(list(engine.generate([ask("again")]))) == 1
    engine.close()
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "wrank-openai"]


@pytest.mark.parametrize(
    ("key", "value"), [("base_url", "localhost:8000"), ("concurrency", 0), ("retries", -1), ("timeout", 0)]
)
def test_values_out_of_range_are_refused(key, value):
    with pytest.raises(WrankError, match=key):
        OpenAI(**{key: value})


def test_without_the_package_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WrankError, match="pip install"):
        OpenAI(model="m").start()


@pytest.mark.vllm
def test_a_real_vllm_server_obeys_the_schema(api_server, ask, obeys):
    from wrank.generator.engine.probe import probe

    with OpenAI(base_url=api_server, concurrency=4) as engine:
        probe(engine)
        assert engine.model == "smol"
        requests = [ask(f"Name a colour, try {n}.", repetition_penalty=1.1) for n in range(8)]
        replies = {reply.id: reply for reply in engine.generate([*requests, ask("word " * 3000, "long")])}
    long = replies.pop("long")
    assert long.finish == "error"
    assert "token" in long.error
    assert len(replies) == 8
    assert all(obeys(reply.text) for reply in replies.values() if reply.finish == "stop")
    assert sum(reply.finish == "stop" for reply in replies.values()) >= 6
    assert all(reply.prompt_tokens > 0 and reply.output_tokens > 0 for reply in replies.values())


# runs a command and ends it, with all it started, when its own standard input ends: however the tests end
KEEPER = """
import os, signal, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.read()
process.terminate()
try:
    process.wait(20)
except subprocess.TimeoutExpired:
    pass
os.killpg(0, signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def api_server(real_vllm, smollm2, tmp_path_factory):
    """Address of a real vLLM server on the loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [real_vllm, "-m", "vllm.entrypoints.openai.api_server", "--model", str(smollm2)]
    command += ["--served-model-name", "smol", "--max-model-len", "1024", "--enforce-eager"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--gpu-memory-utilization", "0.4"]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", KEEPER, *command],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        end = time.monotonic() + 500
        while True:
            assert "Traceback" not in (said := log.read_text(errors="replace")), said[-2000:]
            assert time.monotonic() < end, said[-2000:]
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                    break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.stdin.close()
        process.wait(timeout=60)
