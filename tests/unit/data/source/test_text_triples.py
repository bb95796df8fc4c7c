import pytest

from wrank.data.source import text_triples, tsv
from wrank.data.source.seen import Seen, text_id
from wrank.data.source.text_triples import TextTriples
from wrank.errors import WrankError

LINES = [
    ("what is tea", "a leaf", "a bean"),
    ("what is tea", " a leaf ", "a stone"),
    ("what is coffee", "a bean", "a leaf"),
]
TEXT = "".join("\t".join(line) + "\n" for line in LINES)


def load(tmp_path, text=TEXT, name="triples.train.small.tsv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return TextTriples(str(path)).load("train", tmp_path / "cache")


@pytest.fixture(params=["fast", "strict"])
def reader(request, monkeypatch):
    def give_up(*_):
        raise text_triples.Unfit

    if request.param == "strict":
        monkeypatch.setattr(text_triples, "column_batches", give_up)
    else:
        monkeypatch.setattr(text_triples, "read_cells", None)


def test_equal_texts_are_one_passage_and_one_query(tmp_path, reader):
    collection = load(tmp_path)
    assert list(collection.passages.all_texts) == ["a leaf", "a bean", "a stone"]
    assert list(collection.queries.all_texts) == ["what is tea", "what is coffee"]
    assert list(collection.passages.ids) == [text_id(text) for text in collection.passages.all_texts]
    ids = {text: text_id(text) for line in LINES for text in line}
    assert collection.qrels == {
        ids["what is tea"]: {ids["a leaf"]: 1.0, ids["a bean"]: 0.0, ids["a stone"]: 0.0},
        ids["what is coffee"]: {ids["a bean"]: 1.0, ids["a leaf"]: 0.0},
    }
    assert collection.notes["repeated_judgements"] == 1
    assert collection.name == "triples"


def test_many_blocks_give_what_one_gives(tmp_path, monkeypatch):
    text = "".join(f"q{i % 40}\tp{i % 300}\tn{i % 70}\n" for i in range(3000))
    monkeypatch.setattr(tsv, "_BLOCK", 1024)
    collection = load(tmp_path, text)
    assert sorted(collection.passages.all_texts) == sorted({f"p{i}" for i in range(300)} | {f"n{i}" for i in range(70)})
    assert len(collection.queries) == 40


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q\tp\tn\nq\tp\n", r"triples.tsv:2: 2 columns, wanted 3: query<TAB>positive<TAB>negative"),
        ("q\tp\tn\tm\n", r"triples.tsv:1: 4 columns"),
        ("q\tp\tn\n \tp\tn\n", r"triples.tsv:2: the text of the query is empty"),
        ("q\t\tn\n", r"triples.tsv:1: the text of the positive is empty"),
        ("q\tp\t \n", r"triples.tsv:1: the text of the negative is empty"),
        (b"q\tp\t\xff\n", r"triples.tsv:1: not UTF-8"),
        ("", r"triples.tsv: empty"),
        ("q\tp\tn\nq\tn\tm\n", r"triples.tsv:2: passage '[0-9a-f]{16}' has grade 1 .* 0 in line 1"),
    ],
)
def test_malformed_lines_are_named(tmp_path, text, message):
    with pytest.raises(WrankError, match=message):
        load(tmp_path, text, "triples.tsv")


def test_a_missing_file_and_another_split_are_named(tmp_path):
    with pytest.raises(WrankError, match=r"no such file; wanted triples of texts"):
        TextTriples(str(tmp_path / "none.tsv"))
    (tmp_path / "a.tsv").write_text(TEXT)
    with pytest.raises(WrankError, match="no split 'test'"):
        TextTriples(str(tmp_path / "a.tsv")).load("test", tmp_path / "cache")


def test_seen_tells_new_keys_from_old_and_names_changed_values():
    import numpy as np

    rng = np.random.default_rng(0)
    seen, known = Seen(), {}
    for _ in range(60):
        keys = rng.integers(0, 500, 37).astype(np.uint64)
        values = keys * np.uint64(3)
        values[5] += np.uint64(int(rng.integers(0, 2)))
        new, wrong = seen.add(keys, values)
        for place, (key, value) in enumerate(zip(keys.tolist(), values.tolist(), strict=True)):
            assert new[place] == (key not in known)
            assert (place in wrong) == (known.setdefault(key, value) != value)
    assert len(seen) == len(known)
    assert len(seen._levels) < 12
