import errno
import gzip
import os

import pytest

from wrank.errors import WrankError
from wrank.files import read_jsonl, read_lines, sha256_of_file, sha256_of_json, write_atomic


def test_a_line_ends_at_newline_only(tmp_path):
    text = "a\u0085b\u2028c\x0bd\x0ce\rf\r\ng\n"
    (tmp_path / "x").write_bytes(text.encode())
    assert list(read_lines(tmp_path / "x")) == [(1, "a\u0085b\u2028c\x0bd\x0ce\rf"), (2, "g")]


def test_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n{"a": "\xef\xbb\xbf"}')
    assert list(read_jsonl(tmp_path / "x.jsonl")) == [(1, {"a": 1}), (2, {"a": "\ufeff"})]


def test_gzip_reads_like_plain(tmp_path):
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n\n{"a": 2}\n'))
    assert list(read_jsonl(tmp_path / "x.jsonl.gz")) == [(1, {"a": 1}), (3, {"a": 2})]


def test_offset_of_a_wrong_byte_counts_from_the_start_of_the_file(tmp_path):
    (tmp_path / "x").write_bytes(b"abc\nde\xff\n")
    with pytest.raises(WrankError, match=r"x:2: not UTF-8 \(byte 0xff at byte 2 of the line, 6 of the file\)"):
        list(read_lines(tmp_path / "x"))


def test_missing_file_and_folder_are_named(tmp_path):
    for path in (tmp_path / "no.jsonl", tmp_path):
        with pytest.raises(WrankError, match=f"{path}: cannot be read"):
            list(read_jsonl(path))


@pytest.mark.parametrize("line", ["[" * 100_000, "1" * 5000, '{"a": 1} {"a": 2}', "null"])
def test_strange_json_is_no_traceback(tmp_path, line):
    (tmp_path / "x.jsonl").write_text(f'{{"a": 1}}\n{line}\n')
    with pytest.raises(WrankError, match=r"x\.jsonl:2: "):
        list(read_jsonl(tmp_path / "x.jsonl"))


def test_a_whole_surrogate_pair_is_text(tmp_path):
    (tmp_path / "x.jsonl").write_text(r'{"a": "\ud83d\ude00"}')
    assert list(read_jsonl(tmp_path / "x.jsonl")) == [(1, {"a": "😀"})]


def test_atomic_writing_keeps_line_ends_and_replaces_whole(tmp_path):
    path = tmp_path / "x"
    write_atomic(path, "old")
    write_atomic(path, "a\r\nb\u0085\n")
    assert path.read_bytes() == b"a\r\nb\xc2\x85\n"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / "x"
    write_atomic(path, "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WrankError, match=r"x: cannot be written \(No space left on device\): wanted free space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_into_a_missing_folder_names_the_path(tmp_path):
    with pytest.raises(WrankError, match="no/x: cannot be written"):
        write_atomic(tmp_path / "no" / "x", "a")


def test_new_files_can_be_read_by_others(tmp_path):
    """A temporary file of the tempfile module would be readable by its owner only."""
    (tmp_path / "plain").write_text("")
    write_atomic(tmp_path / "x", "")
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_sha256_of_file(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256_of_file(tmp_path / "x").startswith("ba7816bf8f01cfea")


def test_json_hash_knows_no_order_of_keys_and_no_kind_of_number():
    assert sha256_of_json({"a": 1, "b": [2.0, (3,)]}) == sha256_of_json({"b": [2, [3]], "a": 1.0})
    assert sha256_of_json({"a": 1}) != sha256_of_json({"a": "1"})
    assert sha256_of_json({"a": 1}) != sha256_of_json({"a": True})
    assert sha256_of_json([1, 2]) != sha256_of_json([2, 1])
    assert sha256_of_json({}).startswith("44136fa355b3678a")  # of the two characters {}


def test_json_hash_refuses_what_json_does_not_have():
    for wrong in ({1: 2}, {"a": object()}):
        with pytest.raises(TypeError):
            sha256_of_json(wrong)
    with pytest.raises(ValueError, match="JSON"):
        sha256_of_json([float("nan")])
