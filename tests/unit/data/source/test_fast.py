"""The fast reader gives what the strict one gives, or gives up."""

import gzip
import json

import pyarrow as pa
import pytest

from wrank.data.source import fast
from wrank.data.source.beir import BeirSource
from wrank.data.source.fast import Unfit

ODD = [
    "plain",
    "",
    "  outer space \t",
    "\u0085next line\u0085",
    "\u00a0no-break\u00a0",
    "\u3000全角\u3000",
    "a\u2028b",
    'quote " and \\ back',
    "😀 emoji",
    "\x00nul",
    "\x1funit",
    "é" * 300,
    "tab\tin\nside\r\n",
    "\ufeff mark",
]


def strings(column):
    return [value.decode() for value in column.to_pylist()]


def write(path, records, ascii_=True, end="\n"):
    text = "\n".join(json.dumps(record, ensure_ascii=ascii_) for record in records) + end
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("ascii_", [True, False])
@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.jsonl.gz"])
@pytest.mark.parametrize("end", ["\n", ""])
@pytest.mark.parametrize("titles", [True, False])
def test_it_gives_what_the_strict_reader_gives(tmp_path, ascii_, name, end, titles):
    records = [{"_id": f"{i} {text}", "text": text, "more": [1, {"a": None}]} for i, text in enumerate(ODD * 3)]
    for i, record in enumerate(records):
        if titles and i % 3:
            record["title"] = ODD[i % len(ODD)] if i % 5 else None
    path = write(tmp_path / name, records, ascii_, end)
    blocks = list(fast.passage_blocks(path))
    rows = [row for block in blocks for row in zip(strings(block.ids), strings(block.texts), strict=True)]
    assert rows == list(BeirSource(str(tmp_path)).passage_rows())


def test_more_than_one_block_is_put_together_rightly(tmp_path, monkeypatch):
    monkeypatch.setattr(fast, "_BLOCK", 4096)
    records = [{"_id": f"d{i}", "title": "t" * (i % 7), "text": f" text {i} "} for i in range(2000)]
    path = write(tmp_path / "corpus.jsonl", records)
    blocks = list(fast.passage_blocks(path))
    assert len(blocks) > 10
    rows = [row for block in blocks for row in zip(strings(block.ids), strings(block.texts), strict=True)]
    assert rows == list(BeirSource(str(tmp_path)).passage_rows())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b'{"_id": "a", "text": "x"}\n\n',
        b'\n{"_id": "a", "text": "x"}\n',
        b'{"_id": "a", "text": "x"}\n\r\n',
        b'{"_id": "a", "text": "x"} {"_id": "b", "text": "y"}\n',
        b'{"_id": "a", "text": "x"} {"_id": "b", "text": "y"}\n\n',
        b'\n{"_id": "a", "text": "x"}{"_id": "b", "text": "y"}',
        b'{"_id": "a", "text": "x"} {"_id": "b", "text": "y"}\n \t\r\n{"_id": "c", "text": "z"}\n',
        b'{"_id": "a",\n "text": "x"} {"_id": "b", "text": "y"}\n',
        b'{"_id": "a",\n "text": "x"}\n',
        b'{"_id": "a", "text": "x"}\nnot json\n',
        b'{"_id": "a", "text": "x"}\n["b"]\n',
        b'{"_id": 1, "text": "x"}\n',
        b'{"_id": "", "text": "x"}\n',
        b'{"_id": null, "text": "x"}\n',
        b'{"text": "x"}\n',
        b'{"_id": "a"}\n',
        b'{"_id": "a", "text": null}\n',
        b'{"_id": "a", "text": 1}\n',
        b'{"_id": "a", "title": 1, "text": "x"}\n',
        b'{"_id": "a", "text": "\\ud800"}\n',
        b'{"_id": "a", "text": "\\udc00"}\n',
        b'{"_id": "a", "text": "\xff"}\n',
        b'{"_id": "\xff", "text": "x"}\n',
        b'{"_id": "a", "text": "x"}\n{"_id": "b", "te',
    ],
)
def test_it_gives_up_on_whatever_is_irregular(tmp_path, content):
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(content)
    with pytest.raises(Unfit):
        list(fast.passage_blocks(path))


def test_a_cut_off_gzip_file_is_left_to_the_strict_reader(tmp_path):
    path = tmp_path / "corpus.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"_id": "a", "text": "x"}\n' * 5000)[:-20])
    with pytest.raises(Unfit):
        list(fast.passage_blocks(path))


def test_an_empty_query_is_left_to_the_strict_reader(tmp_path):
    path = write(tmp_path / "queries.jsonl", [{"_id": "a", "text": " \u0085 "}])
    with pytest.raises(Unfit):
        list(fast.query_blocks(path))


@pytest.mark.parametrize("name", ["train.tsv", "train.tsv.gz"])
def test_judgements_come_as_columns(tmp_path, name):
    text = b'query-id\tcorpus-id\tscore\nq1\td1\t3\nq1\td"2\t0.5\nNA\tnull\t1e0\n'
    path = tmp_path / name
    path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    ((queries, passages, grades),) = fast.judgement_blocks(path)
    assert queries.to_pylist() == ["q1", "q1", "NA"]
    assert passages.to_pylist() == ["d1", 'd"2', "null"]
    assert grades.tolist() == [3.0, 0.5, 1.0]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "query-id\tcorpus-id\tscore\n",
        "q1\td1\t1\n",
        "query-id\tcorpus-id\n",
        "query-id\tcorpus-id\tscore\nq1\td1\n",
        "query-id\tcorpus-id\tscore\nq1\td1\t1\t2\n",
        "query-id\tcorpus-id\tscore\nq1\td1\t-1\n",
        "query-id\tcorpus-id\tscore\nq1\td1\tnan\n",
        "query-id\tcorpus-id\tscore\nq1\td1\tinf\n",
        "query-id\tcorpus-id\tscore\nq1\td1\t\n",
        "query-id\tcorpus-id\tscore\nq1\td1\thigh\n",
        "query-id\tcorpus-id\tscore\n\td1\t1\n",
        "query-id\tcorpus-id\tscore\nq1\t\t1\n",
        "query-id\tcorpus-id\tscore\nq1\td1\t1\n\n",
        "query-id\tcorpus-id\tscore\n\nq1\td1\t1\n",
    ],
)
def test_irregular_judgements_are_left_to_the_strict_reader(tmp_path, content):
    path = tmp_path / "train.tsv"
    path.write_text(content)
    with pytest.raises(Unfit):
        list(fast.judgement_blocks(path))


def test_stripping_is_that_of_python():
    assert fast.stripped(pa.array(ODD)).to_pylist() == [text.strip() for text in ODD]
    sliced = pa.array(["  a", " b ", "c "]).slice(1)
    assert fast.stripped(sliced).to_pylist() == ["b", "c"]
