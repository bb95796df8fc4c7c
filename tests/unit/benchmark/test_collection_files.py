"""The benchmark's collection is a function of its seed, has the size asked for, and wrank reads it."""

import json

import pytest

from experiments.benchmark.collection_files import Size, write_collection
from wrank.data.source.beir import BeirSource
from wrank.errors import WrankError

SIZE = Size(passages=200, queries=30, judgements=125)
FILES = ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_collection(SIZE, tmp_path_factory.mktemp("made") / "collection")


def contents(folder):
    return [(folder / name).read_bytes() for name in FILES]


def test_the_same_seed_gives_the_same_bytes(made, tmp_path):
    assert contents(write_collection(SIZE, tmp_path / "again")) == contents(made)


def test_another_seed_gives_other_texts_queries_and_judgements(made, tmp_path):
    other = contents(write_collection(SIZE, tmp_path / "other", seed=1))
    assert all(mine != theirs for mine, theirs in zip(contents(made), other, strict=True))


def test_a_smaller_collection_begins_the_larger(made, tmp_path):
    small = write_collection(Size(50, 30, 120), tmp_path / "small")
    assert (made / "corpus.jsonl").read_bytes().startswith((small / "corpus.jsonl").read_bytes())


def test_wrank_reads_what_was_asked_for(made, tmp_path):
    collection = BeirSource(str(made)).load("train", tmp_path)
    assert (len(collection.passages), len(collection.queries)) == (SIZE.passages, SIZE.queries)
    rows = [line.split("\t") for line in (made / "qrels/train.tsv").read_text(encoding="utf-8").strip().split("\n")[1:]]
    assert len({(query, passage) for query, passage, _ in rows}) == SIZE.judgements
    assert {grade for *_, grade in rows} == {"0", "1", "2", "3"}
    each = [sum(query == f"q{row}" for query, *_ in rows) for row in range(SIZE.queries)]
    assert (min(each), max(each)) == (4, 5)


def test_texts_differ_and_are_as_long_as_ms_marcos(made):
    lines = (made / "corpus.jsonl").read_bytes().decode().strip().split("\n")
    texts = [json.loads(line)["text"] for line in lines]
    assert len(set(texts)) == SIZE.passages
    assert 320 < sum(len(text.encode()) for text in texts) / SIZE.passages < 360


def test_text_that_json_escapes_survives(tmp_path):
    words = 'a "quoted" back\\slash, an é and a\u0085line '
    line = json.dumps({"_id": "1", "text": words * 40}, ensure_ascii=False)
    (tmp_path / "corpus.jsonl").write_text(f"{line}\n", encoding="utf-8")
    out = write_collection(Size(20, 2, 8), tmp_path / "out", text=tmp_path)
    texts = [json.loads(line)["text"] for line in (out / "corpus.jsonl").read_bytes().decode().strip().split("\n")]
    assert any('"quoted" back\\slash' in text for text in texts)


def test_a_second_call_with_the_same_arguments_writes_nothing(made):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    write_collection(SIZE, made)
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_a_collection_of_other_arguments_is_not_written_over(made):
    before = contents(made)
    with pytest.raises(WrankError, match="something else there already"):
        write_collection(SIZE, made, seed=7)
    assert contents(made) == before
    assert [path.name for path in made.parent.iterdir()] == [made.name]


def test_a_query_cannot_be_judged_on_more_passages_than_there_are(tmp_path):
    assert write_collection(Size(4, 1, 4), tmp_path / "all").is_dir()
    with pytest.raises(WrankError, match="more passages than there are"):
        Size(3, 1, 4)
