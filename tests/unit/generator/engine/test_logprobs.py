"""Log-probabilities of the first tokens, and free text, from every engine; nothing changes where none are wanted."""

import importlib.util
import json
import math
from dataclasses import asdict

import pytest
import torch

from tests.fixtures.openai_server import FakeServer
from wrank.generator.engine.openai import OpenAI
from wrank.generator.engine.transformers import Transformers
from wrank.generator.engine.vllm import Vllm, _message
from wrank.generator.request import Request, Sampling, by_text

ONE = Sampling(temperature=0.0, top_p=1.0, max_tokens=1)


def free(text, logprobs=5, name=None):
    return Request(name or text, ({"role": "user", "content": text},), {}, ONE, logprobs)


def test_tokens_of_one_text_are_put_together():
    found = by_text(
        [("2", math.log(0.5)), ("1", math.log(0.2)), ("2", math.log(0.25)), ("x", -math.inf), ("x", -math.inf)]
    )
    assert found == pytest.approx({"2": math.log(0.75), "1": math.log(0.2), "x": -math.inf})


def test_generations_keys_and_messages_are_as_they_were(ask):
    assert set(asdict(Sampling())) == {"temperature", "top_p", "max_tokens", "repetition_penalty"}
    assert set(_message(1, ask("a"))) == {"n", "messages", "schema", "sampling"}
    assert _message(1, free("a"))["logprobs"] == 5


def test_fake_vllm_is_asked_for_free_text_and_its_places_come_back(fake_vllm, ask):
    with Vllm(models="nowhere", interpreter=fake_vllm, model="a/b", start_timeout=60.0) as engine:
        replies = {reply.id: reply for reply in engine.generate([free("a"), ask("b")])}
    wanted = {"2": math.log(math.exp(-0.5) + math.exp(-2.5)), "1": -1.5, "x": -1e4}
    assert replies["a"].logprobs == [pytest.approx(wanted)] * 3
    assert replies["b"].logprobs is None
    told = {name: json.loads(reply.text) for name, reply in replies.items()}
    assert (told["a"]["schema"], told["a"]["logprobs"]) == (None, 5)
    assert told["b"]["schema"]
    assert told["b"]["logprobs"] is None


def test_openai_asks_for_them_and_reads_them(ask):
    pytest.importorskip("openai", reason="pip install openai")
    with FakeServer() as server, OpenAI(base_url=server.url) as engine:
        replies = {r.id: r for r in engine.generate([free("a", 3), ask("b"), free("no logprobs"), free("long", 2)])}
        bodies = {body["messages"][-1]["content"]: body for body in server.bodies}
    assert replies["a"].logprobs == [{"0": -0.5, "1": -1.5, "2": -2.5}]
    assert len(replies["long"].logprobs[0]) == 2
    assert replies["b"].logprobs is replies["no logprobs"].logprobs is None
    assert (bodies["a"]["logprobs"], bodies["a"]["top_logprobs"]) == (True, 3)
    assert "response_format" not in bodies["a"]
    assert not {"logprobs", "top_logprobs"} & set(bodies["b"])


@pytest.mark.skipif(importlib.util.find_spec("llguidance") is None, reason="pip install llguidance")
def test_transformers_gives_the_models_own_distribution(random_model, ask, obeys):
    with Transformers(models="x", model=str(random_model), device="cpu", batch_size=3) as engine:
        asked = [free("a" * (n + 1), 4, str(n)) for n in range(5)] + [ask("b", max_tokens=200), free("c", 0)]
        replies = {reply.id: reply for reply in engine.generate(asked)}
        tokens = engine._encode(asked[2].messages)
        with torch.inference_mode():
            logits = engine._model(input_ids=torch.tensor([tokens])).logits[0, -1].float()
        top = logits.log_softmax(-1).topk(4)
        wanted = by_text(
            (engine._tokenizer.decode([t]), v) for t, v in zip(*map(torch.Tensor.tolist, top[::-1]), strict=True)
        )
    assert replies["2"].logprobs == [pytest.approx(wanted, abs=1e-4)]
    assert all(len(replies[str(n)].logprobs) == replies[str(n)].output_tokens == 1 for n in range(5))
    assert replies["b"].logprobs is replies["c"].logprobs is None
    assert obeys(replies["b"].text)


@pytest.mark.vllm
@pytest.mark.timeout(900)
def test_real_vllm_gives_the_models_own_distribution(real_vllm, smollm2):
    question = "Answer with one digit and nothing else. What is two plus three?"
    replies = []
    for engine in (
        Vllm(models="x", model=str(smollm2), interpreter=real_vllm),
        Transformers(models="x", model=str(smollm2), device="cpu"),
    ):
        with engine:
            replies += engine.generate([free(question, 10)])
    one, other = ({token: math.exp(value) for token, value in reply.logprobs[0].items()} for reply in replies)
    shared = one.keys() & other.keys()
    assert len(shared) >= 6
    assert [one[token] for token in shared] == pytest.approx([other[token] for token in shared], abs=0.03)
