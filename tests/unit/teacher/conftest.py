import json
import math

import numpy as np
import pytest

from wrank.data.judgements import Judgements
from wrank.generator.engine.base import Engine
from wrank.generator.request import Reply
from wrank.generator.scale import Scale


def logs(**probabilities):
    """Probabilities by token, as log-probabilities."""
    return {token: math.log(p) for token, p in probabilities.items()}


class Scripted(Engine):
    """Answers with log-probabilities that a function of the last user message gives; the last asked comes first.

    Args:
        say: message -> dictionary of log-probabilities, or None (none are reported), or a text (an error).
    """

    name, model, window = "scripted", "owner/script", 1000

    def __init__(self, say):
        self.say, self.asked, self.running = say, [], False

    def identity(self):
        return {"engine": self.name}

    def start(self):
        self.running = True

    def close(self):
        self.running = False

    def generate(self, requests):
        assert self.running
        for request in reversed(list(requests)):
            self.asked.append(request)
            said = self.say(request.messages[-1]["content"])
            if isinstance(said, str):
                yield Reply(request.id, "", "error", 1, 0, 0.0, said)
            else:
                yield Reply(request.id, "?", "length", 1, 1, 0.0, "", None if said is None else [said])


@pytest.fixture
def scripted():
    return Scripted


@pytest.fixture
def scale():
    return Scale(
        [
            {"grade": 3, "name": "exact", "definition": "answers"},
            {"grade": 1, "name": "near", "definition": "touches it"},
            {"grade": 0, "name": "off", "definition": "something else"},
        ],
        [{"query": "why rain", "passages": ["Clouds cool.", "Rain is wet.", "Bread."]}],
    )


@pytest.fixture
def collection(tmp_path):
    """Three queries with 3, 2 and 1 judged passages; a fourth without."""
    from wrank.data.source.beir import BeirSource

    folder = tmp_path / "small"
    (folder / "qrels").mkdir(parents=True)
    rows = [{"_id": f"p{n}", "text": f"Passage number {n}. " + "Words. " * n} for n in range(8)]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    rows = [{"_id": f"q{n}", "text": f"query {n}"} for n in range(4)]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    judged = [("q2", "p5", 2), ("q2", "p1", 0), ("q0", "p3", 1), ("q2", "p7", 1), ("q0", "p0", 0), ("q1", "p2", 3)]
    lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in judged)]
    (folder / "qrels" / "train.tsv").write_text("\n".join(lines) + "\n")
    collection = BeirSource(str(folder)).load("train", tmp_path / "tables")
    assert isinstance(collection.judgements, Judgements)
    assert np.diff(collection.judgements.offsets).tolist() == [3, 2, 1]
    return collection
