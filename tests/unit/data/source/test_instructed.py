"""Instructions before queries."""

import json

import pytest

from wrank.data.collection import check_disjoint
from wrank.data.mix import Mix, Part
from wrank.data.source.beir import BeirSource
from wrank.data.source.instructed import InstructedSource
from wrank.data.source.pairs import PairsFile
from wrank.data.text_hash import text_key
from wrank.errors import WrankError
from wrank.stage.training_data import without_queries_of

QUERIES = {"q1": "why {query}?", "q2": "how", "q3": "when"}
TASKS = {"qa": "Answer.", "check": " Confirm or refute. "}


@pytest.fixture
def load(write_folder, tmp_path):
    qrels = {"train": {"q1": {"p1": 1}, "q2": {"p1": 2}}, "test": {"q3": {"p2": 1}}}
    folder = write_folder({"p1": "a", "p2": "b"}, QUERIES, qrels, excluded=[("q2", "p2")])
    rows = [{"query_id": "q1", "task": "check", "utility": 1}, {"query_id": "q1", "task": "check"}]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def load(split="train", cache="cache", **settings):
        facts = {"instructions": TASKS, "default": "qa", "tasks": str(tmp_path / "tasks.jsonl")} | settings
        return InstructedSource(BeirSource(str(folder)), **facts).load(split, tmp_path / cache)

    return load


def texts(collection):
    return {id: collection.query_text(id) for id in collection.queries.ids}


def test_each_query_has_its_tasks_instruction_in_every_split(load):
    wanted = {"q1": "Confirm or refute. why {query}?", "q2": "Answer. how", "q3": "Answer. when"}
    assert texts(load()) == texts(load("test")) == wanted
    assert load().qrels == {"q1": {"p1": 1.0}, "q2": {"p1": 2.0}}
    assert load().excluded == {"q2": {"p2"}}


def test_the_template_puts_them_together(load):
    found = texts(load(template="{instruction}[SEP]{query}"))
    assert found["q1"] == "Confirm or refute.[SEP]why {query}?"


def test_queries_without_a_task_stay_as_they_are(load):
    assert texts(load(default=None)) == {**QUERIES, "q1": "Confirm or refute. why {query}?"}


def test_the_queries_change_and_the_passages_do_not(load, tmp_path):
    """One table of passages on disk, whatever is put before queries; another fingerprint for other words."""
    first, other, again = load(), load(template="{query} {instruction}"), load(cache="elsewhere")
    assert first.passages.key == other.passages.key
    assert first.fingerprint == again.fingerprint
    assert len({first.fingerprint, other.fingerprint, load(default="check").fingerprint}) == 3


def test_training_and_evaluated_queries_are_told_by_what_was_asked(load, make_collection):
    """Under another id, without an instruction, or with another one: the same question is the same."""
    raw = make_collection({"p1": "a"}, {"x": "when", "y": "new"}, {"x": {"p1": 1}, "y": {"p1": 1}}, folder="raw")
    test = load("test")
    with pytest.raises(WrankError, match="1 of the 1 queries"):
        check_disjoint(raw, test)
    with pytest.raises(WrankError, match="1 of the 2 queries"):
        check_disjoint(test, raw)
    assert list(without_queries_of(raw, test).qrels) == ["y"]
    check_disjoint(load(), test)


def test_a_mix_keeps_what_was_asked_and_takes_no_queries_without_instruction(load, write_folder, tmp_path):
    load()
    source = InstructedSource(BeirSource(str(tmp_path / "collection")), TASKS, "qa")
    (tmp_path / "labels.tsv").write_text("q3\tp1\t1\nq1\tp2\t1\n")
    pairs = {"pairs": PairsFile(str(tmp_path / "labels.tsv")), "judged": True, "objective": "other"}
    mixed = Mix({"a": Part(), "b": Part(**pairs)}).load(source, "train", tmp_path / "cache")
    rows = [mixed.queries.row("q3"), mixed.queries.row("other:q3")]
    assert mixed.asked_keys(rows).tolist() == [text_key("when")] * 2
    alone = Mix({"b": Part(**pairs)}).load(source, "train", tmp_path / "cache")
    assert alone.asked_keys([alone.queries.row("q1")]).tolist() == [text_key("why {query}?")]
    raw = BeirSource(str(write_folder({"p9": "a"}, {"x": "b"}, {"train": {"x": {"p9": 1}}}, folder="raw")))
    with pytest.raises(WrankError, match=r"data.mix.parts.raw has queries without an instruction"):
        Mix({"a": Part(), "raw": Part(source=raw)}).load(source, "train", tmp_path / "cache")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"template": "{query}"}, "template is '{query}'; wanted {instruction} and {query}"),
        ({"instructions": {}}, "instructions is {}"),
        ({"instructions": {"qa": " "}}, "instructions.qa is ' '"),
        ({"default": "poem"}, "data.source.default: the task 'poem' has no instruction; .* has qa, check"),
        ({"default": None, "tasks": None}, "no query has a task"),
        ({"instructions": {"qa": "x"}}, "tasks.jsonl:1: the task 'check' has no instruction"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message, load):
    with pytest.raises(WrankError, match=message):
        load(**settings)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"query_id": "q1", "task": "qa"}\n', ":3: query 'q1' has the task 'qa', but 'check' before"),
        ('{"query_id": "q1"}\n', ":3: no 'task'"),
        ('{"query_id": "q9", "task": "qa"}\n', "1 of its query ids are not in .*queries.jsonl: 'q9'"),
    ],
)
def test_a_file_of_tasks_that_does_not_fit_is_told(line, message, load, tmp_path):
    with (tmp_path / "tasks.jsonl").open("a") as file:
        file.write(line)
    with pytest.raises(WrankError, match=message):
        load()
