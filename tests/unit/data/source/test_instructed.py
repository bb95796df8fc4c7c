"""Instructions before queries."""

import json

import pytest

from wrank.data.source.beir import BeirSource
from wrank.data.source.instructed import InstructedSource
from wrank.errors import WrankError

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
