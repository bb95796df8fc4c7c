"""What is odd about a mix is told each time it is read, and kept for the training's manifest."""

import pytest

from wrank.data.mix import Mix, Part
from wrank.data.source.beir import BeirSource
from wrank.data.source.pairs import PairsFile
from wrank.data.step.frequency_weight import FrequencyWeight
from wrank.data.step.relabel import Relabel
from wrank.errors import WrankError


@pytest.fixture
def load(write_folder, tmp_path):
    texts = {f"p{n}": f"text {n}" for n in range(3)}
    folder = write_folder(texts, {"q1": "one", "q2": "two"}, {"train": {"q1": {"p0": 1}, "q2": {"p1": 2}}})

    def load(asked="uniform", steps=(), **more):
        click = Part(steps=[FrequencyWeight(asked, 10, "rising")])
        llm = Part(steps=[*steps, FrequencyWeight(asked, 10, "falling")], **({"objective": "llm"} | more))
        return Mix({"click": click, "llm": llm}).load(BeirSource(str(folder)), "train", tmp_path / "cache").mixed

    return load


def test_made_up_frequencies_and_two_objectives_with_equal_judgements_are_told(load, caplog):
    for _ in range(2):  # the second is found on disk
        caplog.clear()
        doubts = load("zipf").doubts
        assert [record.message for record in caplog.records] == doubts
        assert "data.mix.parts.click.steps.0.frequencies=zipf: how often queries were asked is MADE UP" in doubts[0]
        assert "click and data.mix.parts.llm are two objectives with EQUAL judgements" in doubts[1]


def test_other_labels_or_other_steps_are_no_doubt(load, tmp_path, caplog):
    (tmp_path / "labels.tsv").write_text("q1\tp0\t3\nq2\tp1\t2\n")
    assert not load(pairs=PairsFile(str(tmp_path / "labels.tsv")), judged=True).doubts
    assert not load(steps=[Relabel(3)]).doubts
    assert not caplog.records


def test_a_file_of_frequencies_for_other_queries_is_refused_and_one_for_some_told(load, tmp_path, caplog):
    (tmp_path / "asked.tsv").write_text("q1\t30\nx\t10\n")
    load(str(tmp_path / "asked.tsv"), steps=[Relabel(3)])
    assert [record.message.split(": ")[1] for record in caplog.records] == [
        "1 of its 2 query ids are no query of the mix, e.g. ['x']"
    ]
    (tmp_path / "none.tsv").write_text("y\t30\nx\t10\n")
    with pytest.raises(WrankError, match=r"click.steps.0.frequencies=.*none of its 2 query ids, e.g. 'y'"):
        load(str(tmp_path / "none.tsv"))
