import errno
import json
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from wrank.data.table import TextTable
from wrank.data.table_writer import DuplicateId
from wrank.data.text_hash import text_key
from wrank.data.union import UnionTable
from wrank.errors import WrankError

ROOT = Path(__file__).parents[3]
ODD = ["", " ", "a\u0085b\u2028c", "😀", "é" * 300, "\x00", "tab\there", "\ufeff", "line\nend\r\n"]


def test_what_goes_in_comes_out(tmp_path):
    generator = random.Random(0)
    rows = [(f"id {i} {generator.choice(ODD)}", generator.choice(ODD) + str(i % 7)) for i in range(500)]
    table = TextTable.build(iter(rows), tmp_path / "t")
    assert len(table) == 500
    assert list(zip(table.ids, table.all_texts, strict=True)) == rows
    order = generator.sample(range(500), 500)
    assert table.texts(order) == [rows[row][1] for row in order]
    assert table.rows([rows[row][0] for row in order]) == order
    assert table.keys.tolist() == [text_key(text) for _, text in rows]
    assert table.ids[-1] == rows[-1][0]
    assert table.ids[3:5] == [rows[3][0], rows[4][0]]


def test_line_like_characters_survive(tmp_path):
    rows = [(text or "empty", text) for text in ODD]
    assert list(TextTable.build(rows, tmp_path / "t").all_texts) == ODD


def test_an_unknown_id_is_no_row(tmp_path):
    table = TextTable.build([("a", "x"), ("b", "y")], tmp_path / "t")
    assert table.find("c") is None
    assert table.find("\ud800") is None
    assert "c" not in table
    assert "a" in table
    with pytest.raises(WrankError, match="no id 'c' among its 2 rows"):
        table.row("c")


def test_a_row_past_the_end_is_an_error(tmp_path):
    table = TextTable.build([("a", "x")], tmp_path / "t")
    for row in (1, -2):
        with pytest.raises(IndexError):
            table.text(row)


def test_equal_hashes_do_not_mix_ids_up(tmp_path, monkeypatch):
    monkeypatch.setattr("wrank.data.text_hash.hash64", lambda data: len(data))
    rows = [("aa", "1"), ("b", "2"), ("cc", "3"), ("dd", "4"), ("e", "5")]
    table = TextTable.build(rows, tmp_path / "t")
    assert table.rows(id for id, _ in rows) == [0, 1, 2, 3, 4]
    assert table.find("zz") is None
    assert table.find_many(["zz", "cc", "b", "aa", "f"]).tolist() == [-1, 2, 1, 0, -1]
    with pytest.raises(DuplicateId, match="'cc' comes twice: rows 2 and 5"):
        TextTable.build([*rows, ("cc", "6")], tmp_path / "t2")


def test_hashes_sorted_in_parts_are_sorted_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("wrank.data.table_writer._SORTED", 16)
    rows = [(f"id {i}", f"text {i % 700}") for i in range(1000)]
    table = TextTable.build(rows, tmp_path / "t")
    whole = np.fromfile(tmp_path / "t" / "id_hashes.bin", dtype="<u8")
    assert (np.diff(whole.astype(object)) > 0).all()
    assert table.find_many([id for id, _ in rows]).tolist() == list(range(1000))
    assert table.meta["duplicate_texts"] == 300
    with pytest.raises(DuplicateId, match="'id 7' comes twice: rows 7 and 1000"):
        TextTable.build([*rows, ("id 7", "x")], tmp_path / "t2")


def test_a_duplicate_id_leaves_nothing(tmp_path):
    with pytest.raises(DuplicateId) as caught:
        TextTable.build([("a", "x"), ("b", "y"), ("a", "z")], tmp_path / "t")
    assert (caught.value.id, caught.value.first, caught.value.second) == ("a", 0, 2)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_text_keys_are_63_bits():
    keys = np.array([text_key(str(i)) for i in range(2000)])
    assert keys.dtype == np.int64
    assert keys.min() >= 0
    assert keys.max() > 2**62
    assert len(set(keys.tolist())) == 2000


def test_duplicates_and_empty_texts_are_counted(tmp_path):
    table = TextTable.build([("a", "x"), ("b", "x"), ("c", ""), ("d", "x"), ("e", "")], tmp_path / "t")
    assert (table.meta["rows"], table.meta["duplicate_texts"], table.meta["empty_texts"]) == (5, 3, 2)
    assert [table.is_empty(row) for row in range(5)] == [False, False, True, False, True]


def test_only_empty_texts_can_be_mapped(tmp_path):
    assert TextTable.build([("a", "")], tmp_path / "t").text(0) == ""


def test_no_row_is_an_error(tmp_path):
    with pytest.raises(WrankError, match="no row"):
        TextTable.build([], tmp_path / "t")


def test_a_finished_table_is_not_read_again(tmp_path):
    TextTable.build([("a", "x")], tmp_path / "t")

    def never():
        raise AssertionError
        yield

    assert TextTable.build(never(), tmp_path / "t").text(0) == "x"


def test_pickled_it_is_a_path(tmp_path):
    table = TextTable.build(((f"{i}", "x" * 1000) for i in range(1000)), tmp_path / "t")
    data = pickle.dumps(table)
    assert len(data) < 1000
    assert pickle.loads(data).text(7) == "x" * 1000


@pytest.mark.parametrize("name", ["texts.bin", "id_rows.bin", "meta.json"])
def test_a_cut_off_file_does_not_open(tmp_path, name):
    TextTable.build([("a", "some text")], tmp_path / "t")
    path = tmp_path / "t" / name
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(WrankError, match="remove that folder"):
        TextTable(tmp_path / "t")


def test_another_format_does_not_open(tmp_path):
    TextTable.build([("a", "x")], tmp_path / "t")
    meta = json.loads((tmp_path / "t" / "meta.json").read_text())
    (tmp_path / "t" / "meta.json").write_text(json.dumps(meta | {"format": 0}))
    with pytest.raises(WrankError, match="another format"):
        TextTable(tmp_path / "t")


def test_a_reader_that_fails_leaves_nothing(tmp_path):
    def rows():
        yield "a", "x"
        raise WrankError("line 2")

    with pytest.raises(WrankError, match="line 2"):
        TextTable.build(rows(), tmp_path / "t")
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WrankError, match="No space left on device"):
        TextTable.build([("a", "x")], tmp_path / "t")
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


KILLED = """
import os, signal, sys
from pathlib import Path
from wrank.data.table import TextTable

def rows():
    for i in range(100_000):
        yield str(i), "text"
    os.kill(os.getpid(), signal.SIGKILL)

TextTable.build(rows(), Path(sys.argv[1]))
"""


def test_a_killed_build_leaves_nothing_that_opens(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "t")], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    partial = tmp_path / ".t.partial"
    assert (partial / "texts.bin").stat().st_size > 0
    for folder in (tmp_path / "t", partial):
        with pytest.raises(WrankError, match="no table"):
            TextTable(folder)
    assert TextTable.build([("a", "x")], tmp_path / "t").text(0) == "x"
    assert not partial.exists()


def _build(folder, barrier, queue):
    def rows():
        queue.put(os.getpid())
        for i in range(1000):
            time.sleep(0.0002)
            yield str(i), f"text {i}"

    barrier.wait()
    table = TextTable.build(rows(), folder)
    queue.put(table.text(999))


def test_of_two_builders_one_works_and_both_get_the_table(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(2), context.Queue()
    builders = [context.Process(target=_build, args=(tmp_path / "t", barrier, queue)) for _ in range(2)]
    for builder in builders:
        builder.start()
    seen = [queue.get(timeout=60) for _ in range(3)]
    for builder in builders:
        builder.join(60)
    assert [builder.exitcode for builder in builders] == [0, 0]
    assert seen[0] in {builder.pid for builder in builders}
    assert seen[1:] == ["text 999", "text 999"]
    assert queue.empty()


def test_rows_by_id_are_descending_by_code_point_however_they_are_read(tmp_path):
    ids = ["a", "é", "b", "10", "9", "😀", "\uffff", "A", "id 2", "id 10"]
    table = TextTable.build(((one, "text") for one in ids), tmp_path / "t")
    union = UnionTable([table, TextTable.build([("zz", "more"), ("a", "text")], tmp_path / "u")])
    assert [ids[row] for row in table.rows_by_id()] == sorted(ids, reverse=True)
    assert [union.id(row) for row in union.rows_by_id()] == sorted([*ids, "zz"], reverse=True)
