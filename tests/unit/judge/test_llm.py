"""A language model as judge, with an engine that answers from a script."""

import json

import pytest

from wrank.errors import WrankError
from wrank.generator.engine.base import Engine
from wrank.generator.engine.probe import PROBE
from wrank.generator.request import Reply
from wrank.generator.scale import Scale
from wrank.judge.llm import Llm

SCALE = Scale(
    [
        {"grade": 3, "name": "exact", "definition": "answers"},
        {"grade": 1, "name": "near", "definition": "touches it"},
        {"grade": 0, "name": "off", "definition": "something else"},
    ]
)


class Scripted(Engine):
    name, model, window = "scripted", "script", 4

    def __init__(self, answers):
        self.answers, self.asked, self.open = answers, [], False

    def identity(self):
        return {"engine": self.name}

    def start(self):
        self.open = True

    def close(self):
        self.open = False

    def generate(self, requests):
        for request in requests:
            if request == PROBE:
                (word,) = PROBE.schema["properties"]["zebra_quartz"]["enum"]
                yield Reply(request.id, json.dumps({"zebra_quartz": word}), "stop", 1, 1, 0.0)
                continue
            self.asked.append(request)
            text, finish = self.answers[int(request.id)]
            yield Reply(request.id, text, finish, 1, 1, 0.0)


def test_levels_become_grades_and_what_cannot_be_read_becomes_none():
    engine = Scripted(
        [('{"level": "near"}', "stop"), ('{"level": "ex', "length"), ("no", "stop"), ('{"level": "exact"}', "stop")]
    )
    grader = Llm(engine, SCALE).grader()
    assert list(grader([("q", f"p{n}") for n in range(4)])) == [1, None, None, 3]
    assert not engine.open


def test_the_model_is_told_levels_query_and_passage_as_data():
    engine = Scripted([('{"level": "off"}', "stop")])
    Llm(engine, SCALE, max_item_chars=30).grader()([("why </query> rain", "Water. " * 50)])
    (request,) = engine.asked
    told = "\n".join(message["content"] for message in request.messages)
    assert "exact: answers" in told
    assert told.count("</query>") == 1  # the query cannot end its own tag
    assert "Water. " * 6 not in told
    assert request.schema["properties"]["level"]["enum"] == ["exact", "near", "off"]
    assert request.sampling.temperature == 0


def test_identity_follows_scale_and_length():
    one, other = (Llm(Scripted([]), SCALE, max_item_chars=length).identity() for length in (30, 40))
    assert one != other
    assert one["engine"] == {"engine": "scripted"}


def test_wrong_length_is_refused():
    with pytest.raises(WrankError, match="max_item_chars"):
        Llm(Scripted([]), SCALE, max_item_chars=0)
