import gzip
import json
import logging
import shutil
from pathlib import Path

import pytest

from wrank.data.source.beir import BeirSource
from wrank.errors import WrankError

SHARED = Path(__file__).parents[5] / "shared" / "data"
PASSAGES = {"p1": "tea\u0085leaf", "p 2": "coffee", "é": "cocoa"}
QUERIES = {"q1": "a drink", "q 2": "another"}
QRELS = {"train": {"q1": {"p1": 2}}, "test": {"q 2": {"p 2": 1, "é": 0}}}


def load(path, split="test", cache="cache", **settings):
    return BeirSource(str(path), **settings).load(split, path.parent / cache)


def test_a_split_holds_its_own_judgements_and_every_text(write_folder):
    path = write_folder(PASSAGES, QUERIES, QRELS, [("q1", "é")])
    source = BeirSource(str(path))
    collection = source.load("test", path.parent / "cache")
    assert source.splits() == ["test", "train"]
    assert (collection.name, collection.split) == ("collection", "test")
    assert dict(zip(collection.passages.ids, collection.passages.all_texts, strict=True)) == PASSAGES
    assert collection.qrels == {"q 2": {"p 2": 1.0, "é": 0.0}}
    assert collection.excluded == {"q1": {"é"}}
    assert collection.query_text("q 2") == "another"


def test_a_title_goes_before_the_text(write_folder):
    path = write_folder(PASSAGES, QUERIES, QRELS)
    lines = [
        {"_id": 1, "title": "T", "text": "x"},
        {"_id": "p 2", "title": None, "text": " y "},
        {"_id": "é", "text": ""},
    ]
    (path / "corpus.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (path / "qrels" / "test.tsv").write_text("q1\t1\t1\n")
    assert list(load(path).passages.all_texts) == ["T x", "y", ""]


def test_gzip_byte_order_mark_and_windows_line_ends_change_nothing(write_folder):
    path = write_folder(PASSAGES, QUERIES, QRELS)
    wanted = load(path)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        content = (path / name).read_bytes()
        (path / name).unlink()
        (path / f"{name}.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n")))
    got = load(path)
    assert got.qrels == wanted.qrels
    for table in ("passages", "queries"):
        assert list(getattr(got, table).ids) == list(getattr(wanted, table).ids)
        assert list(getattr(got, table).all_texts) == list(getattr(wanted, table).all_texts)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("test.trec", "q1 0 p1 2\n"),
        ("test.jsonl", '{"qid": "q1", "docid": ["p1"], "score": [2]}'),
        ("test.tsv", "q1\tp1\t2"),
    ],
)
def test_each_form_of_qrels_is_found(write_folder, name, content):
    path = write_folder(PASSAGES, QUERIES, {})
    (path / "qrels" / name).write_text(content)
    (path / "qrels" / ".hidden.tsv").write_text("")
    (path / "qrels" / "README.md").write_text("")
    assert BeirSource(str(path)).splits() == ["test"]
    assert load(path).qrels == {"q1": {"p1": 2.0}}


def test_an_identical_judgement_twice_is_counted_and_a_different_one_refused(write_folder):
    path = write_folder(PASSAGES, QUERIES, QRELS)
    (path / "qrels" / "test.tsv").write_text("q1\tp1\t2\nq1\tp 2\t0\nq1\tp1\t2.0\n")
    assert load(path).describe()["repeated_judgements"] == 1
    (path / "qrels" / "test.tsv").write_text("q1\tp1\t2\nq1\tp 2\t0\nq1\tp1\t1\n")
    with pytest.raises(WrankError, match=r"test.tsv:3: .* grade 1 .* but 2 in line 1"):
        load(path)


def test_empty_passages_are_kept_counted_and_warned_of_once(write_folder, caplog):
    path = write_folder(PASSAGES | {"blank": " "}, QUERIES, QRELS)
    with caplog.at_level(logging.WARNING):
        assert load(path).describe()["empty_passages"] == 1
        load(path, "train")
    assert [record.message for record in caplog.records] == [
        f"{path}/corpus.jsonl: 1 passages have neither title nor text"
    ]


def test_excluded_beats_judged_irrelevant(write_folder):
    path = write_folder(PASSAGES, QUERIES, QRELS, [("q 2", "é")])
    assert load(path).excluded == {"q 2": {"é"}}


def test_grades_below_zero_are_read_as_zero_when_asked_and_named_in_the_fingerprint(write_folder):
    path = write_folder(PASSAGES, QUERIES, {"test": {"q1": {"p1": 1, "é": -1}}})
    assert load(path, negative_grades="zero").qrels == {"q1": {"p1": 1.0, "é": 0.0}}
    prints = {BeirSource(str(path), negative_grades=word).fingerprint("test") for word in ("error", "zero")}
    assert len(prints) == 2
    with pytest.raises(WrankError, match="wanted error or zero"):
        BeirSource(str(path), negative_grades="drop")


def test_the_fingerprint_follows_the_content_not_the_place(write_folder, tmp_path):
    path = write_folder(PASSAGES, QUERIES, QRELS)
    shutil.copytree(path, tmp_path / "elsewhere")
    first = load(path)
    assert load(tmp_path / "elsewhere", name="other").fingerprint == first.fingerprint
    assert BeirSource(str(path)).fingerprint("test") == first.fingerprint
    assert first.fingerprint != load(path, "train").fingerprint
    for name, more in (
        ("corpus.jsonl", '{"_id": "n", "text": "n"}'),
        ("queries.jsonl", '{"_id": "n", "text": "n"}'),
        ("qrels/test.tsv", "q1\tp1\t1"),
        ("excluded.tsv", "q1\té"),
    ):
        shutil.copytree(path, tmp_path / "changed", dirs_exist_ok=True)
        with (tmp_path / "changed" / name).open("a") as file:
            file.write(more + "\n")
        assert load(tmp_path / "changed").fingerprint != first.fingerprint, name
        shutil.rmtree(tmp_path / "changed")


def test_a_changed_corpus_is_read_anew_and_an_unchanged_one_is_not(write_folder, monkeypatch):
    path = write_folder(PASSAGES, QUERIES, QRELS)
    old = load(path)
    assert load(path, "train").passages.folder == old.passages.folder
    (path / "corpus.jsonl").write_text((path / "corpus.jsonl").read_text(encoding="utf-8").replace("coffee", "juices"))
    new = load(path)
    assert new.passages.text(1) == "juices"
    assert old.passages.text(1) == "coffee"


def test_passages_and_queries_of_equal_bytes_are_two_tables(write_folder):
    """A blank query is an error, a blank passage is not; one must not pass for the other."""
    path = write_folder({"a": "x", "b": " "}, {"a": "x", "b": " "}, {"test": {"a": {"a": 1}}})
    with pytest.raises(WrankError, match=r"queries.jsonl:2: the query's text is empty"):
        load(path)


@pytest.mark.parametrize("reader", ["fast", "strict"])
def test_a_file_that_changes_while_it_is_read_is_refused(write_folder, monkeypatch, reader):
    path = write_folder(PASSAGES, QUERIES, QRELS)
    from wrank.data.source import beir

    if reader == "strict":  # a blank line is for the strict reader alone
        with (path / "corpus.jsonl").open("a") as file:
            file.write("\n")
    where, name = (beir, "read_jsonl") if reader == "strict" else (beir.fast, "passage_blocks")
    real = getattr(where, name)

    def changing(file):
        for row in real(file):
            with file.open("a") as more:
                more.write(" ")
            yield row

    monkeypatch.setattr(where, name, changing)
    with pytest.raises(WrankError, match=r"corpus.jsonl: it changed while it was read"):
        load(path)


def test_a_cache_that_cannot_be_made_is_named(write_folder, tmp_path):
    path = write_folder(PASSAGES, QUERIES, QRELS)
    (tmp_path / "occupied").write_text("")
    with pytest.raises(WrankError, match="occupied"):
        load(path, cache="occupied")


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        (
            "cranfield",
            {"passages": 1400, "judged_queries": 75, "judgements": 534, "excluded_pairs": 225, "empty_passages": 2},
        ),
        (
            "msmarco-dl",
            {"passages": 5000, "judged_queries": 21, "judgements": 1892, "queries": 50, "duplicate_texts": 1},
        ),
    ],
)
def test_real_collections_are_read_whole_and_open_fast_the_second_time(name, counts, tmp_path):
    if not (SHARED / name).is_dir():
        pytest.skip(f"{name} is not beside the repository")
    source = BeirSource(str(SHARED / name))
    collection = source.load("test", tmp_path)
    described = collection.describe()
    assert {key: described[key] for key in counts} == counts
    raw = (SHARED / name / "corpus.jsonl").read_bytes().decode().split("\n")[:-1]
    records = [json.loads(line) for line in raw]
    assert list(collection.passages.ids) == [record["_id"] for record in records]
    texts = [f"{record.get('title', '')} {record['text']}".strip() for record in records]
    assert list(collection.passages.all_texts) == texts
    assert source.load("train", tmp_path).passages.folder == collection.passages.folder
