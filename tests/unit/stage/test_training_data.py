"""What is trained on when passages were generated."""

import json
from types import SimpleNamespace

import pyarrow as pa
import pytest
from omegaconf import OmegaConf
from pyarrow import parquet

from wrank.data.source.beir import BeirSource
from wrank.stage.training_data import training_data

QUERIES = {f"q{n}": f"query number {n}" for n in range(10)}


def folder(path, corpus, queries, **splits):
    (path / "qrels").mkdir(parents=True)
    for name, rows in (("corpus", corpus), ("queries", queries)):
        lines = [json.dumps({"_id": id, "text": text}) for id, text in rows.items()]
        (path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    for split, rows in splits.items():
        lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in rows)]
        (path / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    return path


class Job:
    def __init__(self, path, synthetic="add", share=0.2, limit=None):
        self.evaluated, self.train_split = (), "train"
        self.source, self.test_split, self.tables = BeirSource(str(path)), "test", path / "cache"
        data = {"train_split": "train", "dev_split": None, "dev_share": share}
        self.cfg = OmegaConf.create(
            {
                "data": data,
                "seed": 0,
                "max_queries": limit,
                "synthetic": synthetic,
                "paths": {"tables": str(self.tables)},
            }
        )

    def collection(self, split):
        return self.source.load(split, self.tables)


def artifact(path, origins=None):
    if origins:
        rows = [{"id": id, "query_id": query_id, "recipe": "paraphrase"} for id, query_id in origins.items()]
        parquet.write_table(pa.Table.from_pylist(rows), path / "provenance.parquet")
    return SimpleNamespace(path=path, manifest={"name": "made"})


@pytest.fixture
def real(tmp_path):
    corpus = {f"d{n}": f"text number {n}" for n in range(10)}
    train = [(f"q{n}", f"d{n}", 3) for n in range(8)]
    return folder(tmp_path / "real", corpus, QUERIES, train=train, test=[("q8", "d8", 3), ("q9", "d9", 3)])


def test_dev_queries_are_real_ones_and_no_paraphrase_of_them_is_trained_on(real, tmp_path):
    made = {f"paraphrase:q{n}:0": f"number {n} asked again" for n in range(8)}
    rows = [(id, f"d{n}", 3) for n, id in enumerate(made)]
    path = folder(tmp_path / "made", {f"d{n}": f"text number {n}" for n in range(8)}, made, train=rows)
    generated = artifact(path, {id: f"q{n}" for n, id in enumerate(made)})
    data = training_data(Job(real), generated)
    assert len(data.dev_ids) == 2
    assert set(data.dev_ids) <= set(QUERIES)
    for query_id in data.dev_ids:
        assert f"paraphrase:{query_id}:0" not in data.train_ids
    assert len(data.train_ids) == 6 * 2


def test_generated_queries_that_are_evaluated_word_for_word_are_left_out(real, tmp_path):
    made = {"queries:d8:question": "query number 8", "queries:d1:question": "something new"}
    path = folder(
        tmp_path / "made",
        {"d8": "text number 8", "d1": "text number 1"},
        made,
        train=[(q, q.split(":")[1], 3) for q in made],
    )
    data = training_data(Job(real), artifact(path))
    assert "queries:d1:question" in data.train_ids
    assert "queries:d8:question" not in data.train_ids


@pytest.mark.parametrize(("limit", "wanted"), [(3, 3), (5, 5), (8, 8), (None, 8)])
def test_queries_that_come_again_for_an_objective_count_once(real, limit, wanted):
    """With the limit each of so many queries still has all of its lists."""
    job = Job(real, share=0.0, limit=limit)
    part = {"_target_": "wrank.data.mix.Part"}
    job.cfg.data.mix = {"_target_": "wrank.data.mix.Mix", "parts": {"a": part, "b": part | {"objective": "b"}}}
    ids = set(training_data(job, None).train_ids)
    own = {id for id in ids if not id.startswith("b:")}
    assert (len(own), len(ids)) == (wanted, 2 * wanted)
    assert ids == own | {f"b:{id}" for id in own}


def test_only_takes_generated_judgements_and_what_was_judged_is_no_negative(real, tmp_path):
    """A real relevant passage must not be drawn with grade 0."""
    path = folder(tmp_path / "made", {"g": "a new text"}, {"q1": "query number 1"}, train=[("q1", "g", 2)])
    data = training_data(Job(real, synthetic="only", share=0.0), artifact(path))
    assert data.train_ids == ["q1"]
    assert data.collection.qrels == {"q1": {"g": 2}}
    assert data.collection.excluded["q1"] == {"d1"}


def test_a_folder_without_judgements_is_trained_on_generated_ones_alone(real, tmp_path):
    (real / "qrels" / "train.tsv").unlink()
    path = folder(
        tmp_path / "made",
        {f"g{n}": f"new {n}" for n in range(6)},
        dict(list(QUERIES.items())[:6]),
        train=[(f"q{n}", f"g{n}", 3) for n in range(6)],
    )
    data = training_data(Job(real, share=0.2), artifact(path))
    assert len(data.train_ids) == 5
    assert len(data.dev_ids) == 1
    assert data.dev is data.collection
