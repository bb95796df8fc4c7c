"""A tiny collection and a tiny model."""

import json

import pytest

from wrank.data.source.beir import BeirSource
from wrank.model.bi_encoder import BiEncoder


def write_collection(folder):
    """8 queries with passages of grades 3, 2, 1 and 0 each."""
    (folder / "qrels").mkdir(parents=True)
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
    with (folder / "corpus.jsonl").open("w") as corpus, (folder / "qrels" / "train.tsv").open("w") as qrels:
        qrels.write("query-id\tcorpus-id\tscore\n")
        for q, word in enumerate(words):
            for grade in range(4):
                text = f"{word} " * grade + f"filler {grade} of {q} " + "more " * q
                corpus.write(json.dumps({"_id": f"d{q}-{grade}", "title": "", "text": text}) + "\n")
                qrels.write(f"q{q}\td{q}-{grade}\t{grade}\n")
    with (folder / "queries.jsonl").open("w") as queries:
        for q, word in enumerate(words):
            queries.write(json.dumps({"_id": f"q{q}", "text": word}) + "\n")
    return BeirSource(str(folder))


@pytest.fixture
def collection(tmp_path):
    """8 queries with passages of grades 3, 2, 1 and 0 each."""
    return write_collection(tmp_path / "mini").load("train", tmp_path / "tables")


@pytest.fixture
def tiny():
    return BiEncoder("random:tiny", query_length=32, passage_length=64, dropout=0.1, learning_rate=1e-2)
