"""On local Parquet, JSONL and CSV files; the hub's functions are replaced where a test needs them."""

import json
import shutil
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wrank.data.source import hf
from wrank.data.source.hf import HfSource
from wrank.errors import WrankError

CORPUS = [
    {"_id": "p1", "title": "Tea", "text": " a leaf "},
    {"_id": "p2", "title": None, "text": 'a "bean",\nroasted'},
    {"_id": "é", "title": "", "text": "cocoa"},
]
QUERIES = [{"_id": "q1", "text": "a drink "}, {"_id": "q2", "text": "another"}]
QRELS = [{"query-id": "q1", "corpus-id": "p1", "score": 2}, {"query-id": "q2", "corpus-id": "é", "score": 0}]
TEXTS = ["Tea  a leaf", 'a "bean",\nroasted', "cocoa"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path, row_group_size=2)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    else:
        import csv

        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(records[0]))
            writer.writeheader()
            writer.writerows(records)


@pytest.fixture
def make(tmp_path):
    def make(suffix="parquet", folder="data", **changed):
        records = {"corpus": CORPUS, "queries": QUERIES, "qrels": QRELS} | changed
        for name, rows in records.items():
            write(tmp_path / folder / f"{name}.{suffix}", rows)
        return tmp_path / folder

    return make


def source(folder, suffix="parquet", **changed):
    parts = {"corpus": f"corpus.{suffix}", "queries": f"queries.{suffix}", "qrels": {"test": f"qrels.{suffix}"}}
    return HfSource(str(folder), **(parts | changed))


def load(folder, suffix="parquet", split="test", **changed):
    return source(folder, suffix, **changed).load(split, folder.parent / "cache")


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
@pytest.mark.parametrize("reader", ["fast", "strict"])
def test_each_form_gives_the_same(make, monkeypatch, suffix, reader):
    if reader == "strict":
        monkeypatch.setattr(hf, "text_blocks", lambda *_: hf._unfit())
        monkeypatch.setattr(hf.fast, "passage_blocks", lambda *_: hf._unfit())
    elif suffix != "csv":
        monkeypatch.setattr(HfSource, "passage_rows", None)
        monkeypatch.setattr(HfSource, "query_rows", None)
        for name in ("passage_rows", "query_rows"):
            monkeypatch.setattr(HfSource, name, lambda self: pytest.fail("the strict reader"))
    collection = load(make(suffix), suffix)
    assert list(collection.passages.ids) == ["p1", "p2", "é"]
    assert list(collection.passages.all_texts) == TEXTS
    assert list(collection.queries.all_texts) == ["a drink", "another"]
    assert collection.qrels == {"q1": {"p1": 2.0}, "q2": {"é": 0.0}}
    assert collection.name == "data"


def test_columns_are_named_and_ids_may_be_numbers(make):
    folder = make(
        corpus=[{"docid": 7, "head": "x", "contents": "tea"}],
        queries=[{"qid": 1, "query": "a drink"}],
        qrels=[{"q": 1, "d": 7, "label": "3"}],
    )
    columns = {
        "corpus": {"id": "docid", "title": None, "text": "contents"},
        "queries": {"id": "qid", "text": "query"},
        "qrels": {"query": "q", "passage": "d", "grade": "label"},
    }
    collection = load(folder, columns=columns)
    assert list(collection.passages.all_texts) == ["tea"]
    assert collection.qrels == {"1": {"7": 3.0}}


def test_a_corpus_of_several_files_is_read_in_their_order_and_each_once(make):
    folder = make()
    write(folder / "more" / "train-00001-of-00002.parquet", [{"_id": "p5", "text": "five"}])
    write(folder / "more" / "train-00000-of-00002.parquet", [{"_id": "p4", "text": "four"}])
    collection = load(folder, corpus=["corpus.parquet", "more/*.parquet", "corpus.parquet"])
    assert list(collection.passages.ids) == ["p1", "p2", "é", "p4", "p5"]


def test_judgements_may_stand_in_another_folder(make, tmp_path):
    folder = make()
    (tmp_path / "judged").mkdir()
    shutil.move(folder / "qrels.parquet", tmp_path / "judged" / "qrels.parquet")
    assert load(folder, qrels_path=str(tmp_path / "judged")).qrels == {"q1": {"p1": 2.0}, "q2": {"é": 0.0}}


def test_the_fingerprint_follows_content_and_columns_not_the_place(make):
    first = source(make()).fingerprint("test")
    assert source(make(folder="elsewhere")).fingerprint("test") == first
    assert source(make(corpus=CORPUS[:2])).fingerprint("test") != first
    columns = {"corpus": {"title": None}}
    assert source(make(), columns=columns).fingerprint("test") != first
    assert source(make("jsonl"), "jsonl").fingerprint("test") != first


def test_configuration_and_split_are_found_by_datasets(make, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="pip install datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    folder = make()
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: corpus\n  data_files:\n  - split: all\n    path: corpus.parquet\n"
        "- config_name: queries\n  data_files:\n  - split: all\n    path: queries.parquet\n"
        "- config_name: qrels\n  data_files:\n  - split: test\n    path: qrels.parquet\n---\n"
    )
    parts = {"corpus": "corpus/all", "queries": "queries/all", "qrels": {"test": "qrels/test"}}
    read = HfSource(str(folder), **parts)
    collection = read.load("test", tmp_path / "cache")
    assert list(collection.passages.all_texts) == TEXTS
    assert collection.qrels == {"q1": {"p1": 2.0}, "q2": {"é": 0.0}}
    first = read.fingerprint("test")
    write(folder / "corpus.parquet", CORPUS[:2])
    assert read.fingerprint("test") != first
    with pytest.raises(WrankError, match=r"no split 'none'; there are: all"):
        HfSource(str(folder), **(parts | {"corpus": "corpus/none"})).load("test", tmp_path / "cache")
    with pytest.raises(WrankError, match=r"datasets cannot read it"):
        HfSource(str(folder), **(parts | {"corpus": "nothing/all"})).load("test", tmp_path / "cache")


def test_a_pinned_commit_names_the_content_of_a_data_set_of_the_hub(make, tmp_path, monkeypatch):
    folder = make()
    asked = []

    def fetch(id, **facts):
        asked.append((id, facts["revision"], facts["repo_type"]))
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    parts = {"corpus": "corpus.parquet", "queries": "queries.parquet", "qrels": {"test": "qrels.parquet"}}
    read = HfSource("owner/name", revision=COMMIT, **parts)
    assert read.load("test", tmp_path / "cache").qrels == {"q1": {"p1": 2.0}, "q2": {"é": 0.0}}
    assert set(asked) == {("owner/name", COMMIT, "dataset")}
    other = HfSource("owner/name", revision=COMMIT[::-1], **parts)
    assert read.fingerprint("test") != other.fingerprint("test")
    assert read.place("corpus") == "owner/name@01234567/corpus.parquet"


def test_what_cannot_be_fetched_says_which_command_gets_it_and_where_it_goes(tmp_path, monkeypatch):
    from huggingface_hub import constants

    def fail(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    read = HfSource("owner/name", "data/corpus.parquet", "queries.parquet", {"test": "q.tsv"}, revision=COMMIT)
    command = f"hf download owner/name --repo-type dataset --revision {COMMIT} --include 'data/corpus.parquet'"
    with pytest.raises(WrankError, match=command) as caught:
        read.load("test", tmp_path / "cache")
    assert constants.HF_HUB_CACHE in str(caught.value)


@pytest.mark.parametrize("revision", [None, "main", "v1.0", COMMIT[:12], COMMIT.upper() + "0"])
def test_a_data_set_of_the_hub_needs_a_commit(revision):
    with pytest.raises(WrankError, match=r"needs revision=COMMIT, 40 hexadecimal digits"):
        HfSource("owner/name", "corpus/all", "queries/all", {"test": "test"}, revision=revision)


@pytest.mark.parametrize(
    ("suffix", "changed", "message"),
    [
        ("parquet", {"corpus": [{"id": "a", "text": "x"}]}, r"corpus.parquet:1: no key '_id'; the keys there are 'id'"),
        ("parquet", {"corpus": [{"_id": "a", "text": None}]}, r"corpus.parquet:1: 'text' is of type NoneType"),
        ("parquet", {"corpus": [{"_id": "a", "text": 1}]}, r"corpus.parquet:1: 'text' is of type int"),
        ("parquet", {"corpus": [{"_id": 1.5, "text": "x"}]}, r"corpus.parquet:1: '_id' is 1.5"),
        ("parquet", {"corpus": [*CORPUS, {"_id": "", "text": "x"}]}, r"corpus.parquet:4: '_id' is \"\""),
        ("parquet", {"corpus": [*CORPUS, CORPUS[0]]}, r"corpus.parquet:4: id 'p1' comes twice, first in line 1"),
        ("jsonl", {"queries": [*QUERIES, {"_id": "q3", "text": " "}]}, r"queries.jsonl:3: the query's text is empty"),
        ("parquet", {"queries": [{"_id": "q", "text": " "}]}, r"queries.parquet:1: the query's text is empty"),
        ("parquet", {"qrels": [{"query-id": "q1", "corpus-id": "p1"}]}, r"qrels.parquet:1: no 'score'; the keys"),
        ("jsonl", {"qrels": [*QRELS, {"query-id": "q1", "score": 1}]}, r"qrels.jsonl:3: no key 'corpus-id'"),
        ("csv", {"qrels": [QRELS[0] | {"score": "high"}]}, r"qrels.csv:2: grade 'high' is not a finite number"),
        ("jsonl", {"qrels": [QRELS[0] | {"score": -1}]}, r"qrels.jsonl:1: grade -1 is below 0"),
        ("jsonl", {"qrels": [QRELS[0], QRELS[0] | {"score": 1}]}, r"qrels.jsonl:2: .* grade 1 .* 2 in line 1"),
        ("jsonl", {"qrels": [QRELS[0] | {"query-id": "q9"}]}, r"qrels.jsonl:1: 1 ids are not in .*query 'q9'"),
        ("jsonl", {"corpus": []}, r"corpus.jsonl: no record in it"),
    ],
)
def test_malformed_records_are_named_with_line_or_row(make, suffix, changed, message):
    with pytest.raises(WrankError, match=message):
        load(make(suffix, **changed), suffix)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("corpus.parquet", b"PAR1 and no more", r"corpus.parquet: not a whole Parquet file"),
        ("corpus.jsonl", b'[{"_id": "a", "text": "x"}]', r"corpus.jsonl:1: a JSON array; wanted JSONL"),
        ("corpus.jsonl", b'{"_id": "a", "text": "x"}\n{"_id"', r"corpus.jsonl:2: not valid JSON"),
        ("corpus.csv", b"_id,text\na,x\nb\n", r"corpus.csv:3: 1 columns, wanted 2: _id, text"),
        ("corpus.csv", b"_id,text,text\na,x,y\n", r"corpus.csv:1: a column comes twice"),
        ("corpus.csv", b'_id,text\na,"x"y\n', r"corpus.csv:2: not valid CSV"),
        ("corpus.csv", b"_id,text\na,\xff\n", r"corpus.csv:2: not UTF-8"),
        ("corpus.tsv", b"_id\ttext\na\tx\ty\n", r"corpus.tsv:2: 3 columns, wanted 2"),
        ("corpus.txt", b"", r"pip install datasets|datasets cannot read it|no split"),
    ],
)
def test_broken_files_are_named(make, name, content, message):
    folder = make()
    (folder / name).write_bytes(content)
    with pytest.raises(WrankError, match=message):
        load(folder, corpus=name)


def test_missing_files_and_shards_are_named(make):
    folder = make()
    with pytest.raises(WrankError, match=r"none.parquet: no such file; there are: corpus.parquet, qrels.parquet"):
        load(folder, corpus="none.parquet")
    with pytest.raises(WrankError, match="wanted a path inside"):
        load(folder, corpus="../corpus.parquet")
    write(folder / "c-00001-of-00003.parquet", CORPUS)
    with pytest.raises(WrankError, match=r"c-00000-of-00003.parquet: missing beside c-00001-of-00003.parquet"):
        load(folder, corpus="c-*.parquet")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"qrels": {}}, "qrels is empty"),
        ({"columns": {"corpora": {}}}, r"columns.corpora: no such column; wanted some of corpus.id, corpus.title"),
        ({"columns": {"qrels": {"score": "x"}}}, r"columns.qrels.score: no such column"),
        ({"columns": {"qrels": {"grade": None}}}, r"columns.qrels.grade is empty"),
        ({"revision": COMMIT}, r"a revision is for a data set of the hub"),
        ({"negative_grades": "drop"}, "wanted error or zero"),
    ],
)
def test_wrong_settings_are_refused_before_any_work(make, changed, message):
    with pytest.raises(WrankError, match=message):
        source(make(), **changed)


def test_an_unknown_split_and_a_path_that_is_nothing_are_named(make):
    with pytest.raises(WrankError, match=r"no split 'tset'; did you mean 'test'"):
        load(make(), split="tset")
    with pytest.raises(WrankError, match=r"no such folder, and no id of the Hugging Face hub"):
        HfSource("/nowhere/at all", "a", "b", {"test": "c"})


def test_without_datasets_it_says_what_to_install(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(WrankError, match="pip install datasets, or name data files"):
        load(make(), corpus="corpus/all")
