import os
import time

import pytest

from wrank.data import cache as cache_module
from wrank.data.cache import count_lines, remembered_sha256
from wrank.errors import WrankError
from wrank.files import sha256_of_file


@pytest.fixture
def hashed(monkeypatch):
    """The files that were really hashed."""
    seen = []

    def count(path):
        seen.append(path)
        return sha256_of_file(path)

    monkeypatch.setattr(cache_module, "sha256_of_file", count)
    return seen


def test_a_settled_file_is_hashed_once(tmp_path, hashed, monkeypatch):
    path = tmp_path / "x"
    path.write_text("abc")
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10 * 10**9)
    assert {remembered_sha256(path, tmp_path / "cache") for _ in range(3)} == {sha256_of_file(path)}
    assert len(hashed) == 1


def test_a_fresh_file_is_not_remembered(tmp_path, hashed):
    """It could change again within one tick of the file system's clock, with the same size and time."""
    path = tmp_path / "x"
    path.write_text("abc")
    first = remembered_sha256(path, tmp_path / "cache")
    path.write_text("abd")
    assert remembered_sha256(path, tmp_path / "cache") == sha256_of_file(path) != first
    assert len(hashed) == 2
    assert not (tmp_path / "cache").exists()


def test_same_size_and_same_modification_time_are_told_apart(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_text("abc")
    facts = path.stat()
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10 * 10**9)
    first = remembered_sha256(path, tmp_path / "cache")
    time.sleep(0.05)
    path.write_text("abd")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert remembered_sha256(path, tmp_path / "cache") != first


def test_without_a_cache_nothing_is_written(tmp_path):
    (tmp_path / "x").write_text("abc")
    assert remembered_sha256(tmp_path / "x", None) == sha256_of_file(tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WrankError, match="x: cannot be read"):
        remembered_sha256(tmp_path / "x", tmp_path / "cache")


def test_a_cache_that_is_a_file_is_named(tmp_path, monkeypatch):
    (tmp_path / "x").write_text("abc")
    (tmp_path / "cache").write_text("")
    monkeypatch.setattr(time, "time_ns", lambda: 2**62)
    with pytest.raises(WrankError, match="cache/hashes: cannot be made"):
        remembered_sha256(tmp_path / "x", tmp_path / "cache")


@pytest.mark.parametrize("block", [1, 2, 3, 1 << 20])
@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", (0, True)),
        (b"{}\n{}\n", (2, True)),
        (b"{}\n{}", (2, True)),
        (b"\n{}{}", (2, False)),
        (b"{} {}\n\n", (2, False)),
        (b"{}\n {}\n", (2, False)),
        (b"{{\n\r\n{", (3, False)),
        (b"\n\n", (2, False)),
    ],
)
def test_lines_are_counted_and_whether_each_begins_an_object(tmp_path, monkeypatch, block, content, lines):
    monkeypatch.setattr(cache_module, "_BLOCK", block)
    (tmp_path / "x.jsonl").write_bytes(content)
    assert count_lines(tmp_path / "x.jsonl") == lines
