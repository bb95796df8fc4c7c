import gzip

import pytest

from wrank.data.source import msmarco
from wrank.data.source.msmarco import MsMarcoSource
from wrank.errors import WrankError

COLLECTION = "0\tthe \"tea\" leaf \n1\tcoffee\u0085 beans\n2\tcocoa, 'milk'\n"
QUERIES = "10\ta drink\n11\tanother\n"
QRELS = "10\t0\t0\t1\n11\t0\t1\t2\n11\t0\t2\t0\n"
TRIPLES = "10\t0\t1\n10\t0\t2\n11\t2\t0\n"


@pytest.fixture
def write(tmp_path):
    def write(**changed):
        texts = {"collection": COLLECTION, "queries": QUERIES, "qrels": QRELS, "triples": TRIPLES} | changed
        for name, text in texts.items():
            (tmp_path / f"{name}.tsv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path

    return write


def source(folder, **changed):
    settings = {"queries": str(folder / "queries.tsv"), "qrels": {"dev": str(folder / "qrels.tsv")}} | changed
    return MsMarcoSource(str(folder / "collection.tsv"), **settings)


@pytest.fixture(params=["fast", "strict"])
def reader(request, monkeypatch):
    def give_up(*_, **__):
        raise msmarco.Unfit

    if request.param == "strict":
        for name in ("column_batches", "encoded_batches"):
            monkeypatch.setattr(msmarco, name, give_up)
    else:
        monkeypatch.setattr(msmarco, "read_cells", None)
        monkeypatch.setattr(msmarco, "read_judgements", None)


def test_texts_hold_quotes_commas_and_odd_line_ends(write, tmp_path, reader):
    collection = source(write()).load("dev", tmp_path / "cache")
    assert list(collection.passages.ids) == ["0", "1", "2"]
    assert list(collection.passages.all_texts) == ['the "tea" leaf', "coffee\u0085 beans", "cocoa, 'milk'"]
    assert dict(zip(collection.queries.ids, collection.queries.all_texts, strict=True)) == {
        "10": "a drink",
        "11": "another",
    }
    assert collection.qrels == {"10": {"0": 1.0}, "11": {"1": 2.0, "2": 0.0}}
    assert collection.name == tmp_path.name


def test_triples_are_a_split_with_grades_one_and_zero(write, tmp_path, reader):
    triples = source(write(), triples=str(tmp_path / "triples.tsv"))
    assert triples.splits() == ["dev", "triples"]
    collection = triples.load("triples", tmp_path / "cache")
    assert collection.qrels == {"10": {"0": 1.0, "1": 0.0, "2": 0.0}, "11": {"2": 1.0, "0": 0.0}}
    assert collection.notes["repeated_judgements"] == 1  # 0 is twice the positive of 10


def test_gzip_windows_ends_and_a_byte_order_mark_change_nothing(write, tmp_path):
    folder = write()
    for name, text in (("collection", COLLECTION), ("queries", QUERIES), ("qrels", QRELS)):
        data = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
        (folder / f"{name}.tsv.gz").write_bytes(gzip.compress(data))
    plain = source(folder).load("dev", tmp_path / "cache")
    zipped = MsMarcoSource(
        str(folder / "collection.tsv.gz"), str(folder / "queries.tsv.gz"), {"dev": str(folder / "qrels.tsv.gz")}
    ).load("dev", tmp_path / "cache")
    assert list(zipped.passages.all_texts) == list(plain.passages.all_texts)
    assert list(zipped.queries.ids) == list(plain.queries.ids)
    assert zipped.qrels == plain.qrels


def test_the_first_passage_is_no_header(write, tmp_path):
    folder = write(collection="id\ttext\n1\ta\n", qrels="10\t0\tid\t1\n")
    assert list(source(folder).load("dev", tmp_path / "cache").passages.ids) == ["id", "1"]


def test_queries_of_several_files_are_joined_and_may_overlap(write, tmp_path):
    folder = write()
    (folder / "more.tsv").write_text("11\tanother\n12\ta third\n")
    both = source(folder, queries=[str(folder / "queries.tsv"), str(folder / "more.tsv")])
    assert list(both.load("dev", tmp_path / "cache").queries.ids) == ["10", "11", "12"]
    (folder / "more.tsv").write_text("12\ta third\n11\tchanged\n")
    with pytest.raises(WrankError, match=r"more.tsv:2: query '11' has another text than in .*queries.tsv:2"):
        both.load("dev", tmp_path / "cache")


def test_spaces_between_columns_of_qrels_are_read_by_the_strict_reader(write, tmp_path):
    assert source(write(qrels="10 0 0 1\n11  0  1 2\n")).load("dev", tmp_path / "cache").qrels == {
        "10": {"0": 1.0},
        "11": {"1": 2.0},
    }


def test_the_fingerprint_follows_content_alone(write, tmp_path):
    first = source(write()).fingerprint("dev")
    assert source(write()).fingerprint("dev") == first
    assert source(write(), negative_grades="zero").fingerprint("dev") != first
    assert source(write(collection=COLLECTION + "3\tx\n")).fingerprint("dev") != first


MALFORMED = [
    ({"collection": "0\ttea\tleaf\n"}, r"collection.tsv:1: 3 columns, wanted 2: passage-id<TAB>text"),
    ({"collection": "0\ttea\n1 coffee\n"}, r"collection.tsv:2: 1 columns"),
    ({"collection": "0\ttea\n\tcoffee\n"}, r"collection.tsv:2: the passage-id is empty"),
    ({"collection": "0\ttea\n1\tx\n0\ty\n"}, r"collection.tsv:3: id '0' comes twice, first in line 1"),
    ({"collection": b"0\ttea\n1\t\xff\n"}, r"collection.tsv:2: not UTF-8"),
    ({"collection": ""}, r"collection.tsv: empty"),
    ({"collection": "0\t \n1\t\n2\t\n"}, r"collection.tsv: every passage is empty"),
    ({"queries": "10\t \n"}, r"queries.tsv:1: the query's text is empty"),
    ({"queries": "10\ta\n10\tb\n"}, r"queries.tsv:2: id '10' comes twice, first in line 1"),
    ({"qrels": "10\t0\t0\n10\t0\t0\t1\n"}, r"qrels.tsv:1: grade '0' is not|qrels.tsv:2: 4 columns, wanted 3"),
    ({"qrels": "10\t0\t0\t1\n10\t0\t0\n"}, r"qrels.tsv:2: 3 columns, wanted 4"),
    ({"qrels": "10\t0\t0\thigh\n"}, r"qrels.tsv:1: grade 'high' is not a finite number"),
    ({"qrels": "10\t0\t0\t-1\n"}, r"qrels.tsv:1: grade -1 is below 0"),
    ({"qrels": "10\t0\t0\t1\n10\t0\t9\t1\n"}, r"qrels.tsv:2: 1 ids are not in .*passage '9' \(line 2\)"),
    ({"qrels": "10\t0\t0\t1\n10\t0\t0\t2\n"}, r"qrels.tsv:2: .* grade 2 .* 1 in line 1"),
]


@pytest.mark.parametrize(("changed", "message"), MALFORMED)
def test_malformed_files_are_named_with_their_line(write, tmp_path, changed, message):
    with pytest.raises(WrankError, match=message):
        source(write(**changed)).load("dev", tmp_path / "cache")


@pytest.mark.parametrize(
    ("triples", "message"),
    [
        ("10\t0\t1\n10\t2\t0\n", r"triples.tsv:2: passage '0' has grade 0 for query '10', but 1 in line 1"),
        ("10\t0\t1\n10\t2\n", r"triples.tsv:2: 2 columns, wanted 3: query-id<TAB>positive-id<TAB>negative-id"),
        ("10\t0\t\n", r"triples.tsv:1: an empty column"),
        ("10\t0\t7\n", r"triples.tsv:1: 1 ids are not in"),
    ],
)
def test_malformed_triples_are_named_with_their_line(write, tmp_path, triples, message):
    with pytest.raises(WrankError, match=message):
        source(write(triples=triples), triples=str(tmp_path / "triples.tsv")).load("triples", tmp_path / "cache")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"queries": []}, "queries is empty"),
        ({"queries": "missing.tsv"}, r"missing.tsv: no such file; wanted MS MARCO's queries"),
        ({"qrels": {}}, "neither qrels nor triples"),
        ({"qrels": {"dev": "missing.tsv"}}, r"missing.tsv: no such file; wanted the judgements of the split 'dev'"),
        ({"triples": "missing.tsv"}, r"missing.tsv: no such file; wanted lines query-id"),
        ({"negative_grades": "drop"}, "wanted error or zero"),
    ],
)
def test_wrong_settings_are_refused_before_any_work(write, changed, message):
    with pytest.raises(WrankError, match=message):
        source(write(), **changed)


def test_a_split_named_triples_beside_a_file_of_triples_is_refused(write, tmp_path):
    folder = write()
    path = str(folder / "triples.tsv")
    with pytest.raises(WrankError, match="rename it"):
        source(folder, qrels={"triples": path}, triples=path)


def test_an_unknown_split_names_the_nearest(write, tmp_path):
    with pytest.raises(WrankError, match=r"no split 'dve'; did you mean 'dev'"):
        source(write()).load("dve", tmp_path / "cache")


@pytest.mark.parametrize(
    "text", ["a\rb", "a\r", "\x00", "\ufeffa", "a\u2028b", "😀 \x1f", '"a', "\\t", "a\r2\tb", " a\x85 "]
)
def test_odd_texts_are_read_the_same_fast_and_slow(write, tmp_path, text):
    path = write(collection=f"0\tfirst\n1\t{text}\n2\tlast\n") / "collection.tsv"
    try:
        strict = [(id, text) for _, id, text in msmarco._texts(path, "id")]
    except WrankError:
        strict = None
    try:
        blocks = list(msmarco._blocks(path))
    except msmarco.Unfit:
        return
    ids, texts = ([value.decode() for block in blocks for value in block[column].to_pylist()] for column in (0, 1))
    assert list(zip(ids, texts, strict=True)) == strict
