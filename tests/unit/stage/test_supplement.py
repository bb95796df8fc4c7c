"""Which paraphrases a training gets, and that its key knows which it did not."""

from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from tests.unit.stage.test_training_data import QUERIES, folder
from wrank.data.source.beir import BeirSource
from wrank.data.source.instructed import InstructedSource
from wrank.errors import WrankError
from wrank.loss.base import Loss
from wrank.stage.needs import check_sources
from wrank.stage.supplement import supply
from wrank.stage.training_data import TrainingData, training_data


class Needing(Loss):
    def __init__(self):
        super().__init__()
        self.needs = frozenset({"paraphrases"})


@pytest.fixture
def job(tmp_path):
    judged = {"train": [(f"q{n}", "d0", 1) for n in range(8)], "test": [("q8", "d1", 1)], "other": [("q9", "d1", 1)]}
    path = folder(tmp_path / "real", {"d0": "a", "d1": "b"}, QUERIES, **judged)
    rows = [f"q{n}\tasked again {n}\n" for n in range(3)]
    (path / "paraphrases.tsv").write_text("".join(rows) + f"q1\t{QUERIES['q9']}\nq2\t{QUERIES['q8']}\n")

    def job(split, evaluated=(), instructed=False):
        source = BeirSource(str(path))
        if instructed:
            source = InstructedSource(source, {"r": "Find passages."}, "r")
        data = {"train_split": "train", "dev_split": None, "dev_share": 0.0, "paraphrases": None}
        return SimpleNamespace(
            source=source,
            tables=tmp_path / "cache",
            test_split=split,
            cfg=OmegaConf.create({"data": data, "max_queries": None, "synthetic": "add", "seed": 0}),
            collection=lambda split: source.load(split, tmp_path / "cache"),
            evaluated=evaluated,
            choices={},
            generates=None,
        )

    return job


def supplied(job):
    collection = job.collection("train")
    found = supply(job, TrainingData(collection, [], collection, []), Needing(), None, lambda: None)
    table = found.supplement.paraphrases
    return {id: table.of_query(collection.queries.row(id)) for id in ("q1", "q2")}, found.inputs["paraphrases"]


def test_the_key_holds_which_paraphrases_were_held_out(job):
    """Two evaluated splits are two trainings, as each leaves out the wording of its own queries."""
    test, other = supplied(job("test")), supplied(job("other"))
    assert test[0] == {"q1": ["asked again 1", QUERIES["q9"]], "q2": ["asked again 2"]}
    assert other[0] == {"q1": ["asked again 1"], "q2": ["asked again 2", QUERIES["q8"]]}
    none = supplied(job("no such split"))
    assert len({test[1], other[1], none[1]}) == 3
    assert supplied(job("test"))[1] == test[1]


def test_every_set_that_the_job_evaluates_is_held_out(job):
    one = job("test")
    one.evaluated = [one.collection("test"), one.collection("other")]
    found, key = supplied(one)
    assert found == {"q1": ["asked again 1"], "q2": ["asked again 2"]}
    assert key not in {supplied(job(split))[1] for split in ("test", "other")}


def test_instructed_queries_take_no_paraphrases_and_no_passages_of_a_generator(job):
    one = job("test", instructed=True)
    with pytest.raises(WrankError, match="data=instructed with paraphrases"):
        check_sources(one, Needing())
    one.generates = "graded"
    with pytest.raises(WrankError, match=r"data=instructed with generator=\.\.\."):
        check_sources(one, Loss())
    with pytest.raises(WrankError, match="data=instructed with passages of a generator"):
        training_data(one, SimpleNamespace(path=None))


def test_a_training_on_the_evaluated_queries_is_refused(job):
    """As `wrank run` does, whatever the verb; other sets that are evaluated count too."""
    with pytest.raises(WrankError, match="are also in real/train"):
        training_data(job("train"), None)
    one = job("test")
    training_data(one, None)
    one.evaluated = [one.collection("train")]
    with pytest.raises(WrankError, match="are also in real/train"):
        training_data(one, None)
