"""What a recipe writes for: the right queries, never those that are evaluated."""

import json
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from wrank.data.source.beir import BeirSource
from wrank.errors import WrankError
from wrank.stage.items import find_items

PASSAGES = {"d1": "one", "d2": "two", "d3": "", "d4": "four"}
QUERIES = {"q1": "a", "q2": "b", "q3": "c", "q4": "d"}
TRAIN = [("q1", "d1", 1), ("q1", "d2", 2), ("q2", "d3", 1), ("q3", "d4", 0)]
TEST = [("q4", "d4", 1)]


class Job:
    """As much of a context as the items need."""

    def __init__(self, folder, train_split="train", limit=None, seed=0):
        self.source = BeirSource(str(folder))
        self.test_split, self.tables = "test", folder / "cache"
        self.cfg = OmegaConf.create(
            {
                "data": {"train_split": train_split},
                "generator": {"limit": limit, "seed": seed},
                "paths": {"tables": str(self.tables)},
            }
        )

    def collection(self, split):
        return self.source.load(split, self.tables)


@pytest.fixture
def folder(tmp_path):
    def make(corpus=PASSAGES, queries=QUERIES, **splits):
        (tmp_path / "qrels").mkdir(exist_ok=True)
        for name, rows in (("corpus", corpus), ("queries", queries)):
            if rows:
                lines = [json.dumps({"_id": id, "text": text}) for id, text in rows.items()]
                (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        for split, rows in splits.items():
            lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in rows)]
            (tmp_path / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n")
        return tmp_path

    return make


def recipe(starts_from):
    return SimpleNamespace(starts_from=starts_from, name="some")


def ids(items):
    return [item.id for item in items]


def test_judged_training_queries(folder):
    items = find_items(Job(folder(train=TRAIN, test=TEST)), recipe("query"))
    assert [(item.id, item.text) for item in items] == [("q1", "a"), ("q2", "b"), ("q3", "c")]


def test_without_training_judgements_all_queries_but_the_evaluated(folder):
    """Writing for evaluated queries would train on the test."""
    made = folder(test=TEST)
    assert ids(find_items(Job(made, train_split=None), recipe("query"))) == ["q1", "q2", "q3"]
    with pytest.raises(WrankError, match="no split 'train'"):
        find_items(Job(made), recipe("query"))


def test_a_folder_of_queries_alone(folder):
    made = folder(corpus=None)
    (made / "qrels").rmdir()
    assert ids(find_items(Job(made), recipe("query"))) == list(QUERIES)


def test_passages_with_text(folder):
    made = folder(queries=None)
    assert ids(find_items(Job(made), recipe("passage"))) == ["d1", "d2", "d4"]


def test_anchor_is_the_best_passage_with_a_text(folder):
    (item,) = find_items(Job(folder(train=TRAIN)), recipe("anchored"))
    assert (item.id, item.anchor_id, item.anchor, item.anchor_grade) == ("q1", "d2", "two", 2.0)


def test_limit_is_a_hash_of_the_seed_and_keeps_the_order(folder):
    made = folder(train=TRAIN)
    chosen = {seed: ids(find_items(Job(made, limit=2, seed=seed), recipe("query"))) for seed in range(8)}
    assert all(len(some) == 2 and some == sorted(some) for some in chosen.values())
    assert len({tuple(some) for some in chosen.values()}) > 1
    assert len(find_items(Job(made, limit=99), recipe("query"))) == 3
    with pytest.raises(WrankError, match=r"generator\.limit=0"):
        find_items(Job(made, limit=0), recipe("query"))


def test_content_key_follows_ids_texts_and_anchors(folder):
    made = folder(train=TRAIN)
    key = find_items(Job(made), recipe("query")).content_key()
    assert find_items(Job(made), recipe("query")).content_key() == key
    assert find_items(Job(made), recipe("anchored")).content_key() != key
    (made / "queries.jsonl").write_text((made / "queries.jsonl").read_text().replace('"a"', '"A"'))
    assert find_items(Job(made), recipe("query")).content_key() != key
