"""A small collection on disk, and one in memory's place: what the tests of wrank/data share."""

import json
from pathlib import Path

import pytest

from wrank.data.collection import Collection
from wrank.data.source.beir import BeirSource


@pytest.fixture
def write_folder(tmp_path):
    """Writes a BEIR folder: texts by id, queries by id, qrels {split: {query: {passage: grade}}}, excluded pairs."""

    def write(passages, queries, qrels, excluded=(), folder="collection") -> Path:
        path = tmp_path / folder
        (path / "qrels").mkdir(parents=True, exist_ok=True)
        for name, texts in (("corpus", passages), ("queries", queries)):
            lines = [json.dumps({"_id": id, "text": text}, ensure_ascii=False) + "\n" for id, text in texts.items()]
            (path / f"{name}.jsonl").write_bytes("".join(lines).encode())
        for split, judged in qrels.items():
            rows = [f"{q}\t{p}\t{grade}\n" for q, grades in judged.items() for p, grade in grades.items()]
            (path / "qrels" / f"{split}.tsv").write_text("".join(rows), encoding="utf-8")
        if excluded:
            (path / "excluded.tsv").write_text("".join(f"{q}\t{p}\n" for q, p in excluded), encoding="utf-8")
        return path

    return write


@pytest.fixture
def make_collection(write_folder, tmp_path):
    """Writes a folder and loads one split of it."""

    def make(passages, queries, qrels, excluded=(), split="train", folder="collection") -> Collection:
        path = write_folder(passages, queries, {split: qrels}, excluded, folder)
        return BeirSource(str(path)).load(split, tmp_path / "cache")

    return make
