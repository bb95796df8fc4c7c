"""With real readers of ir_datasets over local files, registered under ids of our own; nothing is fetched."""

import importlib.util
import os
import sys
import time
import uuid
from typing import NamedTuple

import pytest

from wrank.data.source import irds_content
from wrank.data.source.irds import IrdsSource
from wrank.errors import WrankError

if importlib.util.find_spec("ir_datasets") is None:  # imported, it would make its folder in the user's home
    pytest.skip("pip install ir_datasets", allow_module_level=True)

DOCS = "d1\ttea leaf \nd2\tcoffee bean\nd3\tcocoa\n"
QUERIES = {"train": "q1\ta drink\nq2\tanother\n", "test": "q2\tanother\nq3\ta third\n"}
QRELS = {"train": "q1 0 d1 2\nq2 0 d2 0\n", "test": "q3 0 d3 1\n"}


class TitledDoc(NamedTuple):
    doc_id: str
    title: str
    body: str


class Strange(NamedTuple):
    doc_id: str
    picture: str


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "home"))


@pytest.fixture
def register(tmp_path):
    """Registers a dataset of local files; returns its id. A new one each time: the registry lasts as long as Python."""
    import ir_datasets
    from ir_datasets.formats import TrecQrels, TsvDocs, TsvQueries
    from ir_datasets.util import LocalDownload

    def file(name, content):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        os.utime(path, (1, 1))
        return LocalDownload(path)

    def register(docs=DOCS, queries=QUERIES, qrels=QRELS, doc_cls=None, id=None):
        id = id or f"local-{uuid.uuid4().hex}"
        handler = TsvDocs(file("docs.tsv", docs), **({"doc_cls": doc_cls} if doc_cls else {}))
        ir_datasets.registry.register(id, ir_datasets.Dataset(handler))
        for split in qrels:
            parts = (
                TsvQueries(file(f"queries.{split}.tsv", queries[split])),
                TrecQrels(file(f"{split}.qrels", qrels[split]), {}),
            )
            ir_datasets.registry.register(f"{id}/{split}", ir_datasets.Dataset(handler, *parts))
        return id

    return register


def load(id, tmp_path, split="train", **settings):
    return IrdsSource(id, **settings).load(split, tmp_path / "cache")


def test_a_registered_dataset_is_read_with_the_queries_of_all_splits(register, tmp_path):
    id = register()
    source = IrdsSource(id)
    assert source.splits() == ["test", "train"]
    collection = source.load("train", tmp_path / "cache")
    assert collection.name == id
    assert list(collection.passages.ids) == ["d1", "d2", "d3"]
    assert list(collection.passages.all_texts) == ["tea leaf", "coffee bean", "cocoa"]
    assert dict(zip(collection.queries.ids, collection.queries.all_texts, strict=True)) == {
        "q1": "a drink",
        "q2": "another",
        "q3": "a third",
    }
    assert collection.qrels == {"q1": {"d1": 2.0}, "q2": {"d2": 0.0}}
    assert source.load("test", tmp_path / "cache").passages.folder == collection.passages.folder


def test_splits_are_named_datasets(register, tmp_path):
    id = register()
    source = IrdsSource(id, splits={"dev": f"{id}/test"}, name="mine")
    assert (source.splits(), source.name) == (["dev"], "mine")
    assert source.load("dev", tmp_path / "cache").qrels == {"q3": {"d3": 1.0}}
    assert IrdsSource(f"{id}/test").splits() == ["test"]


def test_a_document_without_default_text_has_title_and_text(register, tmp_path):
    id = register(docs="d1\tTea\ta leaf\nd2\t\ta bean\nd3\tCocoa\t\n", doc_cls=TitledDoc)
    assert list(load(id, tmp_path).passages.all_texts) == ["Tea a leaf", "a bean", "Cocoa"]


def test_the_content_is_that_of_the_rows_not_of_the_id(register, tmp_path):
    first = IrdsSource(register()).fingerprint("train", tmp_path / "cache")
    assert IrdsSource(register()).fingerprint("train", tmp_path / "cache") == first
    assert IrdsSource(register()).fingerprint("train") == first
    assert IrdsSource(register(), negative_grades="zero").fingerprint("train") != first
    for changed in (
        {"docs": DOCS.replace("cocoa", "juice")},
        {"queries": QUERIES | {"test": "q2\tanother\nq3\ta fourth\n"}},
        {"qrels": QRELS | {"train": "q1 0 d1 1\nq2 0 d2 0\n"}},
    ):
        assert IrdsSource(register(**changed)).fingerprint("train", tmp_path / "cache") != first


def test_rows_are_hashed_once_as_long_as_the_files_stay(register, tmp_path, monkeypatch):
    id = register()
    time.sleep(2.1)  # a file that was only just written could change within one tick of its clock
    before = IrdsSource(id).content("corpus", tmp_path / "cache")
    hashed = []
    real = irds_content.hash_rows
    monkeypatch.setattr(irds_content, "_FIRST", 1)
    monkeypatch.setattr(irds_content, "hash_rows", lambda rows: hashed.append(list(rows)) or real(iter(hashed[-1])))
    changed = IrdsSource(id).content("corpus", tmp_path / "cache")  # another first row hash: hashed anew
    assert [len(rows) for rows in hashed] == [1, 3]
    assert IrdsSource(id).content("corpus", tmp_path / "cache") == before == changed
    assert [len(rows) for rows in hashed] == [1, 3, 1]
    (tmp_path / "docs.tsv").write_text(DOCS.replace("cocoa", "juice"))
    assert IrdsSource(id).content("corpus", tmp_path / "cache") != before


def test_a_revision_names_the_content_without_reading_it(register, monkeypatch):
    id = register()
    monkeypatch.setattr(irds_content, "hash_rows", None)
    contents = {IrdsSource(id, revision=word).content("corpus", None) for word in ("2024", "2025")}
    assert len(contents) == 2


@pytest.mark.parametrize(
    ("changed", "split", "message"),
    [
        ({"docs": "d1\ttea\nd2\n"}, "train", r"/docs:2: ir_datasets cannot read it .*expected 2 fields, got 1"),
        ({"docs": "\ttea\n"}, "train", r"/docs:1: 'doc_id' is \"\""),
        ({"docs": DOCS + "d1\tagain\n"}, "train", r"/docs:row 4: id 'd1' comes twice, first in line row 1"),
        ({"docs": "d1\tx\n", "doc_cls": Strange}, "train", r"/docs:1: no text in it; the fields are doc_id, picture"),
        (
            {"queries": QUERIES | {"train": "q1\t \nq2\tanother\n"}},
            "train",
            r"/train/queries:1: the query's text is emp",
        ),
        (
            {"queries": QUERIES | {"test": "q2\tchanged\n"}},
            "train",
            r"(train|test)/queries:\d: query 'q2' has another text than in .*/(train|test)/queries:\d",
        ),
        ({"qrels": QRELS | {"train": ""}}, "train", r"/train/qrels: empty; wanted judgements"),
        ({"qrels": QRELS | {"train": "q1 0 d1 -1\n"}}, "train", r"/train/qrels:1: grade -1 is below 0"),
        (
            {"qrels": QRELS | {"train": "q1 0 d1 1\nq1 0 d1 x\n"}},
            "train",
            r"/train/qrels:2: ir_datasets cannot read it",
        ),
        ({"qrels": QRELS | {"train": "q1 0 d1 1\nq1 0 d1 2\n"}}, "train", r"/train/qrels:2: .* grade 2 .* 1 in line 1"),
        (
            {"qrels": QRELS | {"train": "q1 0 d1 1\nq1 0 d9 2\n"}},
            "train",
            r"/train/qrels:2: 1 ids are not in .*'d9'",
        ),
        ({}, "tset", r"no split 'tset'; did you mean 'test'\? \(there are: test, train\)"),
    ],
)
def test_malformed_data_is_named_with_its_row(register, tmp_path, changed, split, message):
    with pytest.raises(WrankError, match=message):
        load(register(**changed), tmp_path, split)


def test_an_unknown_id_names_near_ones():
    with pytest.raises(
        WrankError, match=r"msmarco-pasage: ir_datasets knows no such dataset; did you mean msmarco-pass"
    ):
        IrdsSource("msmarco-pasage")


def test_a_dataset_without_judgements_or_documents_is_refused(register):
    id = register(qrels={})
    with pytest.raises(WrankError, match=r"no queries and judgements in it or one level below; name datasets"):
        IrdsSource(id)
    with pytest.raises(WrankError, match=r"ir_datasets has no queries for it, only: documents"):
        IrdsSource(id, splits={"test": id})


def test_what_cannot_be_fetched_says_what_to_get_and_where_to_put_it(tmp_path):
    import ir_datasets
    from ir_datasets.formats import TrecQrels, TsvDocs, TsvQueries
    from ir_datasets.util import Download, RequestsDownload

    id, place = f"far-{uuid.uuid4().hex}", tmp_path / "home" / "far" / "docs.tsv"
    far = Download([RequestsDownload("http://127.0.0.1:9/docs.tsv", tries=1)], cache_path=str(place))
    ir_datasets.registry.register(id, ir_datasets.Dataset(TsvDocs(far), TsvQueries(far), TrecQrels(far, {})))
    with pytest.raises(WrankError) as caught:
        IrdsSource(id).load(id, tmp_path / "cache")
    message = str(caught.value)
    for wanted in ("could not get its docs", "http://127.0.0.1:9/docs.tsv", f"put it at {place}", "IR_DATASETS_HOME"):
        assert wanted in message
    assert str(tmp_path / "home") in message


def test_a_local_file_that_is_missing_is_named(register, tmp_path):
    id = register()
    (tmp_path / "docs.tsv").unlink()
    with pytest.raises(WrankError, match=rf"could not get its docs .*put it at {tmp_path}/docs.tsv"):
        load(id, tmp_path)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(WrankError, match="pip install ir_datasets"):
        IrdsSource("vaswani")
