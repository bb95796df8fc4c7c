"""Two kinds of labels for the same queries: lists of their own, weights that add up, no negative that one judges."""

import itertools

import pyarrow as pa
import pytest
from pyarrow import parquet

from wrank.data.lists import ListSampler
from wrank.data.mix import Mix, Part
from wrank.data.paraphrases import ParaphraseTable
from wrank.data.preferences import PreferenceTable
from wrank.data.schedule import Schedule
from wrank.data.source.beir import BeirSource
from wrank.data.source.pairs import PairsFile
from wrank.data.step.frequency_weight import FrequencyWeight
from wrank.data.supplement import Supplement
from wrank.errors import WrankError
from wrank.evaluation.evaluator import left_out_pairs
from wrank.mining.known import known_of

PASSAGES = {f"p{n}": f"text of p{n}" for n in range(8)}
QUERIES = {"q1": "one", "q2": "two", "q3": "three"}
CLICKS = {"q1": {"p0": 1, "p1": 0}, "q2": {"p2": 1}}
LABELS = {"q1": {"p0": 0, "p1": 3, "p3": 2}, "q3": {"p4": 1}}


@pytest.fixture
def load(write_folder, tmp_path):
    folder = write_folder(PASSAGES, QUERIES, {"train": CLICKS}, excluded=[("q1", "p7")])
    rows = [f"{q}\t{p}\t{grade}\n" for q, grades in LABELS.items() for p, grade in grades.items()]
    (tmp_path / "labels.tsv").write_text("".join(rows))
    (tmp_path / "asked.tsv").write_text("q1\t30\nq2\t10\n")

    def load(schedule=None, **more):
        asked = str(tmp_path / "asked.tsv")
        steps = {shape: [FrequencyWeight(asked, 10, shape)] for shape in ("rising", "falling")}
        labels = PairsFile(str(tmp_path / "labels.tsv"))
        facts = {"pairs": labels, "judged": True, "objective": "llm", "steps": steps["falling"]} | more
        parts = {"click": Part(steps=steps["rising"]), "llm": Part(**facts)}
        return Mix(parts, schedule=schedule).load(BeirSource(str(folder)), "train", tmp_path / "cache")

    return load


def lists(collection, **settings):
    sampler = ListSampler(collection, **({"size": 4} | settings))
    items = [sampler.sample(epoch, index) for epoch, index in itertools.product(range(30), range(len(sampler)))]
    return {item.query_id: item for item in items}, items


def test_a_query_has_a_list_of_each_kind_of_label(load):
    found, _ = lists(load())
    grades = {id: dict(zip(item.passage_ids, item.grades, strict=True)) for id, item in found.items()}
    assert grades == {
        "q1": {"p0": 1, "p1": 0},
        "q2": {"p2": 1},
        "llm:q1": {"p0": 0, "p1": 3, "p3": 2},
        "llm:q3": {"p4": 1},
    }
    assert {id: item.query for id, item in found.items()} == {
        "q1": "one",
        "q2": "two",
        "llm:q1": "one",
        "llm:q3": "three",
    }


def test_weights_go_by_frequency_and_add_up(load):
    """By hand: 30 / (30 + 10), 10 / (10 + 10); 10 / (30 + 10), and q3, never asked, weighs 10 / 10."""
    found, _ = lists(load())
    assert {id: item.weight for id, item in found.items()} == {"q1": 0.75, "q2": 0.5, "llm:q1": 0.25, "llm:q3": 1.0}


def test_what_either_kind_judges_is_no_negative_and_the_excluded_stays_out(load):
    collection = load()
    _, items = lists(collection, size=8, negatives="random")
    for item in items:
        if item.query_id.endswith("q1"):
            drawn = {id for id, source in zip(item.passage_ids, item.sources, strict=True) if source == "random"}
            assert drawn <= {"p2", "p4", "p5", "p6"}
    keys = collection.passages.keys
    wanted = sorted(int(keys[collection.passages.row(id)]) for id in ("p0", "p1", "p3", "p7"))
    assert collection.known_keys("q1") == collection.known_keys("llm:q1") == wanted


def test_a_schedule_reads_a_twins_frequency_as_its_querys(load, tmp_path):
    stages = [{"epoch": 0, "frequency": [20, 50]}, {"epoch": 1, "parts": ["llm"]}]
    sampler = ListSampler(load(Schedule(stages, str(tmp_path / "asked.tsv"))), size=4)
    ids = sampler.query_ids
    assert {ids[index] for index in sampler.order(0)} == {"q1", "llm:q1"}
    assert {ids[index] for index in sampler.order(1)} == {"llm:q1", "llm:q3"}


def test_without_an_objective_the_later_labels_win(load):
    assert load(objective=None).qrels["q1"] == {"p0": 0, "p1": 3, "p3": 2}


def test_marks_change_the_key_and_no_marks_keep_it(load):
    prints = {load().fingerprint, load(objective="other").fingerprint, load(objective=None).fingerprint}
    assert len(prints) == 3


def test_teacher_scores_of_a_query_are_its_twins_too(load, write_folder, tmp_path):
    (tmp_path / "scores.tsv").write_text("q1\tp0\t0.5\nq1\tp3\t-2.5\nllm:q1\tp0\t7\nllm:q1\tp1\t8\n")
    folder = write_folder(PASSAGES, QUERIES, {"train": CLICKS})
    parts = {"click": Part(), "llm": Part(pairs=PairsFile(str(tmp_path / "labels.tsv")), judged=True, objective="llm")}
    mix = Mix(parts, teacher=PairsFile(str(tmp_path / "scores.tsv")))
    found, _ = lists(mix.load(BeirSource(str(folder)), "train", tmp_path / "cache"))
    scores = dict(zip(found["llm:q1"].passage_ids, found["llm:q1"].teacher, strict=True))
    assert scores == {"p0": 7, "p1": 8, "p3": -2.5}  # its own first, then its query's


def test_labels_alone_take_the_collections_texts(write_folder, tmp_path):
    folder = write_folder(PASSAGES, QUERIES, {})
    (tmp_path / "labels.tsv").write_text("q1\tp0\t1\nq3\tp4\t2\n")
    mix = Mix({"only": Part(pairs=PairsFile(str(tmp_path / "labels.tsv")), judged=True)})
    collection = mix.load(BeirSource(str(folder)), "train", tmp_path / "cache")
    assert collection.qrels == {"q1": {"p0": 1.0}, "q3": {"p4": 2.0}}
    assert len(collection.passages) == 8


def test_scores_preferences_and_paraphrases_of_a_query_are_its_twins_too(load, tmp_path):
    """Its own come first, then the query's."""
    collection = load()
    (tmp_path / "scores.tsv").write_text("q1\tp0\t0.5\nq1\tp3\t-2.5\nllm:q1\tp0\t7\n")
    tables = (collection.queries, collection.passages, tmp_path / "cache")
    rows = [("q1", "one again"), ("q3", "three again"), ("llm:q3", "its own")]
    preferred = pa.table({"query_id": ["q1"], "first_id": ["p1"], "second_id": ["p3"], "p": [0.75]})
    parquet.write_table(preferred, tmp_path / "preferences.parquet")
    supplement = Supplement(
        scores=PairsFile(str(tmp_path / "scores.tsv")).load(*tables),
        preferences=PreferenceTable.read(tmp_path / "preferences.parquet", *tables),
        paraphrases=ParaphraseTable.build(lambda: iter(rows), "c", "p", collection.queries, tmp_path / "cache"),
    )
    found, _ = lists(collection, supplement=supplement)
    twin = found["llm:q1"]
    scores = dict(zip(twin.passage_ids, twin.teacher, strict=True))
    assert (scores["p0"], scores["p3"]) == (7, -2.5)
    assert [(twin.passage_ids[i], twin.passage_ids[j], p) for i, j, p in twin.pairs] == [("p1", "p3", 0.75)]
    assert {id: item.paraphrases for id, item in found.items()} == {
        "q1": ["one again"],
        "q2": [],
        "llm:q1": ["one again"],
        "llm:q3": ["its own"],
    }


def test_an_objective_may_be_called_queries(load):
    assert set(load(objective="queries").qrels) == {"q1", "q2", "queries:q1", "queries:q3"}


def test_a_twin_is_its_query_where_passages_that_are_queries_are_dropped(load, write_folder):
    write_folder(PASSAGES | {"q1": "one"}, QUERIES, {"train": CLICKS})
    collection = load()
    assert [collection.original_id(id) for id in ("q1", "llm:q1")] == ["q1", "q1"]
    row = collection.passages.row("q1")
    assert left_out_pairs(collection, ["llm:q1", "q1"], True).pairs_P2.tolist() == [[0, 7], [0, row], [1, 7], [1, row]]
    known = known_of(collection, collection.queries.row("llm:q1"), drop_self=True)
    assert int(collection.passages.keys[row]) in known.excluded_keys


def test_weights_by_frequency_for_all_parts_are_refused_beside_an_objective(tmp_path):
    step = FrequencyWeight("uniform", 1, "rising")
    with pytest.raises(WrankError, match=r"data.mix.steps.0: FrequencyWeight .* the steps of each part"):
        Mix({"a": Part(), "b": Part(objective="b")}, steps=[step])
    Mix({"a": Part(), "b": Part()}, steps=[step])


@pytest.mark.parametrize("name", ["", "a b", "a:b", 3, "x" * 41])
def test_a_name_that_is_no_word_is_refused(name):
    with pytest.raises(WrankError, match=r"objective is .*; wanted a word"):
        Part(objective=name)


def test_a_name_that_makes_another_querys_id_is_refused(write_folder, tmp_path):
    folder = write_folder(PASSAGES, {"q1": "one", "b:q1": "another"}, {"train": {"q1": {"p0": 1}}})
    with pytest.raises(WrankError, match="objective 'b': there is a query 'b:q1' already"):
        Mix({"a": Part(), "b": Part(objective="b")}).load(BeirSource(str(folder)), "train", tmp_path / "cache")
