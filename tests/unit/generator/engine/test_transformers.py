import json

import pytest
import torch

from wrank.errors import WrankError
from wrank.generator.engine.probe import probe
from wrank.generator.engine.transformers import Transformers

pytest.importorskip("llguidance", reason="pip install llguidance")


@pytest.fixture(scope="module")
def engine(random_model):
    with Transformers(models="nowhere", model=str(random_model), device="cpu", batch_size=3) as engine:
        yield engine


def test_a_model_with_random_weights_is_held_to_the_schema(engine, ask, obeys):
    """Nothing but the constraint can make it write JSON; whole replies end there."""
    replies = list(engine.generate(ask(f"a{'b' * n}", f"a{n}", max_tokens=200) for n in range(10)))
    assert sorted(reply.id for reply in replies) == sorted(f"a{n}" for n in range(10))
    assert {reply.finish for reply in replies} == {"stop"}, [reply.error for reply in replies]
    assert all(obeys(reply.text) for reply in replies)
    assert all(reply.prompt_tokens > 2 and reply.output_tokens > 10 and reply.seconds > 0 for reply in replies)


def test_the_probe_passes(engine):
    probe(engine)


def test_each_reply_of_a_batch_obeys_its_own_schema(engine, ask):
    def one(word):
        return {"type": "object", "properties": {word: {"const": word}}, "required": [word]}

    words = ["a", "bcd", "efghijklmn"]
    replies = list(
        engine.generate(ask("say", word, schema=one(word) | {"additionalProperties": False}) for word in words)
    )
    assert {reply.id: json.loads(reply.text) for reply in replies} == {word: {word: word} for word in words}


def test_a_cut_reply_says_so_and_counts_its_tokens(engine, ask):
    (reply,) = engine.generate([ask("a", max_tokens=5)])
    assert (reply.finish, reply.output_tokens) == ("length", 5)


def test_one_seed_writes_the_same_and_another_something_else(random_model, ask):
    texts = []
    for seed in (0, 0, 1):
        with Transformers(models="x", model=str(random_model), device="cpu", seed=seed) as engine:
            texts.append([reply.text for reply in engine.generate([ask("a", max_tokens=200)])])
    assert texts[0] == texts[1] != texts[2]


def test_greedy_decoding_does_not_depend_on_the_seed(random_model, ask):
    texts = set()
    for seed in (0, 1):
        with Transformers(models="x", model=str(random_model), device="cpu", seed=seed) as engine:
            texts |= {reply.text for reply in engine.generate([ask("a", temperature=0.0, max_tokens=99)])}
    assert len(texts) == 1


def test_the_callers_random_state_is_left_alone(engine, ask):
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    list(engine.generate([ask("a")]))
    assert torch.rand(1) == wanted


def test_left_padding_does_not_change_a_greedy_reply(engine, ask):
    greedy = {"temperature": 0.0, "max_tokens": 60}
    (alone,) = engine.generate([ask("short", **greedy)])
    together = {
        reply.id: reply for reply in engine.generate([ask("short", **greedy), ask("longer " * 8, "l", **greedy)])
    }
    assert together["short"].text == alone.text


def test_different_sampling_is_not_mixed_in_a_batch(engine, ask):
    requests = [ask("a", max_tokens=4), ask("b", max_tokens=7), ask("c", max_tokens=4)]
    replies = {reply.id: reply.output_tokens for reply in engine.generate(requests)}
    assert replies == {"a": 4, "b": 7, "c": 4}


def test_a_prompt_that_is_too_long_is_an_error_reply(engine, ask):
    replies = {reply.id: reply for reply in engine.generate([ask("x" * 400, "long"), ask("short")])}
    assert replies["long"].finish == "error"
    assert "256" in replies["long"].error
    assert replies["short"].finish in ("stop", "length")


def test_a_reply_ends_with_the_context(engine, ask):
    (reply,) = engine.generate([ask("x" * 245, max_tokens=200)])
    assert (reply.finish, reply.prompt_tokens + reply.output_tokens) == ("length", 256)


def test_a_schema_that_cannot_be_held_to_is_an_error_reply(engine, ask):
    (reply,) = engine.generate([ask("a", schema={"type": "no such type"})])
    assert reply.finish == "error"
    assert "schema" in reply.error


def test_a_template_without_system_role_gets_it_in_the_first_message(engine, ask):
    (reply,) = engine.generate([ask("hello", system="be kind")])
    (plain,) = engine.generate([ask("be kind\n\nhello")])
    assert reply.finish in ("stop", "length"), reply.error
    assert reply.prompt_tokens == plain.prompt_tokens


def test_no_more_requests_than_the_window_are_taken(engine, ask):
    taken = []

    def requests():
        for n in range(40):
            taken.append(n)
            yield ask(f"a{n}", max_tokens=2)

    replies = engine.generate(requests())
    next(replies)
    assert len(taken) == engine.window == 12
    assert len(list(replies)) == 39


def test_text_beyond_ascii_survives(engine, ask):
    schema = {"type": "object", "properties": {"ключ": {"const": "значение 值 🙂"}}, "required": ["ключ"]}
    (reply,) = engine.generate([ask("a", schema=schema | {"additionalProperties": False}, max_tokens=200)])
    assert json.loads(reply.text) == {"ключ": "значение 值 🙂"}


def test_closing_frees_the_model_and_may_be_done_twice(random_model):
    engine = Transformers(models="x", model=str(random_model))
    engine.start()
    assert engine.facts()["context_tokens"] == 256
    engine.close()
    engine.close()
    assert engine._model is None


def test_nothing_is_printed(random_model, ask, capfd):
    with Transformers(models="x", model=str(random_model), device="cpu") as engine:
        list(engine.generate([ask("a")]))
    assert capfd.readouterr() == ("", "")


def test_a_model_without_chat_template_is_refused(random_model, tmp_path):
    import shutil

    folder = shutil.copytree(random_model, tmp_path / "base")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(WrankError, match="instruction-tuned"):
        Transformers(models="x", model=str(folder)).start()


def test_a_damaged_model_is_refused_with_the_reason(random_model, tmp_path):
    import shutil

    folder = shutil.copytree(random_model, tmp_path / "damaged")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(WrankError, match="cannot be loaded"):
        Transformers(models="x", model=str(folder)).start()


def test_without_llguidance_the_message_says_what_to_install(random_model, monkeypatch):
    from wrank.generator.engine import constraint

    monkeypatch.setattr(constraint.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WrankError, match="llguidance"):
        Transformers(models="x", model=str(random_model)).start()


def test_identity_knows_what_changes_a_reply_and_nothing_else():
    def of(**keys):
        return Transformers(models="x", model="a/b", **keys).identity()

    assert of(batch_size=3, device="cpu") == of()
    assert len({json.dumps(of(**keys)) for keys in ({}, {"seed": 1}, {"dtype": "float32"}, {"max_model_len": 9})}) == 4


@pytest.mark.parametrize(
    ("key", "value"), [("dtype", "int8"), ("device", "tpu"), ("batch_size", 0), ("max_model_len", 0)]
)
def test_values_out_of_range_are_refused(key, value):
    with pytest.raises(WrankError, match=key):
        Transformers(models="x", **{key: value})


@pytest.mark.slow
def test_the_bundled_model_obeys(smollm2, ask, obeys):
    with Transformers(models=str(smollm2.parent), device="cpu") as engine:
        probe(engine)
        requests = [ask(f"Name a colour, try {n}.", repetition_penalty=1.1) for n in range(8)]
        replies = list(engine.generate(requests))
    assert sum(reply.finish == "stop" and obeys(reply.text) for reply in replies) >= 7
