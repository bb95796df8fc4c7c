import pytest

from wrank.errors import WrankError
from wrank.generator.engine.base import Engine
from wrank.generator.engine.probe import PROBE, probe
from wrank.generator.request import Reply


class Saying(Engine):
    """Says one thing."""

    name, model, window = "saying", "parrot", 1

    def __init__(self, text, finish="stop", error=""):
        self.text, self.finish, self.error = text, finish, error

    def identity(self):
        return {}

    def start(self):
        pass

    def close(self):
        pass

    def facts(self):
        return {"vllm": "0.1"}

    def generate(self, requests):
        for request in requests:
            yield Reply(request.id, self.text, self.finish, 1, 1, 0.1, self.error)


def test_an_obedient_engine_passes():
    probe(Saying('{"zebra_quartz": "mauve-otter-7041"}'))
    probe(Saying('{\n "zebra_quartz":"mauve-otter-7041"}\n'))


@pytest.mark.parametrize(
    "text",
    [
        "Paris is the capital of France.",
        '{"capital": "Paris"}',
        '{"zebra_quartz": "Paris"}',
        '{"zebra_quartz": "mauve-otter-7041", "more": 1}',
        '["mauve-otter-7041"]',
        "",
    ],
)
def test_an_engine_that_ignores_the_schema_is_found(text):
    with pytest.raises(WrankError, match=r"saying \(0\.1\) with model parrot does not hold.*structured output"):
        probe(Saying(text))


def test_an_engine_that_fails_the_first_request_says_why():
    with pytest.raises(WrankError, match="grammar is broken"):
        probe(Saying("", "error", "grammar is broken"))


def test_the_message_does_not_give_the_answer_away():
    said = " ".join(message["content"] for message in PROBE.messages)
    assert "otter" not in said
    assert "zebra" not in said
