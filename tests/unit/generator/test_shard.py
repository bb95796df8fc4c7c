"""The log of replies: nothing that was appended is lost, nothing torn is read."""

import errno
import os

import pytest

from wrank.errors import WrankError
from wrank.generator.shard import ReplyLog, line_bytes, remove_log

RECORDS = [{"n": number, "text": f"绿茶 \u2028 number {number} " * (number % 5)} for number in range(40)]


def write(folder, records=RECORDS, **settings):
    with ReplyLog(folder, **settings) as log:
        return [log.append(record) for record in records]


def read(folder, **settings):
    with ReplyLog(folder, **settings) as log:
        return [record for _, record in log.replay()]


def test_what_was_appended_is_read_again_in_order_and_by_place(tmp_path):
    places = write(tmp_path / "log", shard_bytes=500)
    with ReplyLog(tmp_path / "log") as log:
        assert list(log.replay()) == list(zip(places, RECORDS, strict=True))
        assert [log.read(place) for place in reversed(places)] == RECORDS[::-1]


def test_shards_end_at_their_size(tmp_path):
    write(tmp_path, shard_bytes=500)
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("*.jsonl"))]
    longest = max(map(line_bytes, RECORDS))
    assert len(sizes) > 3
    assert all(500 <= size < 500 + longest for size in sizes[:-1])
    assert sum(sizes) == sum(map(line_bytes, RECORDS))


def test_appending_goes_on_in_the_last_shard(tmp_path):
    for record in RECORDS:
        write(tmp_path, [record], shard_bytes=500)
    assert read(tmp_path) == RECORDS
    other = tmp_path / "at once"
    write(other, shard_bytes=500)
    assert [p.read_bytes() for p in sorted(tmp_path.glob("*.jsonl"))] == [
        p.read_bytes() for p in sorted(other.glob("*.jsonl"))
    ]


def test_a_line_longer_than_a_block(tmp_path):
    records = [{"text": "a" * 100_000}, {"text": "b"}]
    places = write(tmp_path, records)
    with ReplyLog(tmp_path) as log:
        assert [log.read(place) for place in places] == records


@pytest.mark.parametrize("left", range(0, 40, 3))
def test_a_torn_last_line_is_cut_off_wherever_it_was_torn(tmp_path, left):
    write(tmp_path, RECORDS[:3])
    path = tmp_path / "replies-000000.jsonl"
    whole, last = path.read_bytes(), line_bytes(RECORDS[2])
    path.write_bytes(whole[: len(whole) - last + min(left, last - 1)])
    assert read(tmp_path) == RECORDS[:2]
    write(tmp_path, RECORDS[2:4])
    assert read(tmp_path) == RECORDS[:4]


def test_a_torn_line_without_any_whole_one_before_it(tmp_path):
    (tmp_path / "replies-000000.jsonl").write_bytes(b'{"text": "' + b"a" * 100_000)
    write(tmp_path)
    assert read(tmp_path) == RECORDS


@pytest.mark.parametrize("damage", [b"\x00" * 60 + b"\n", b'{"n": \n', b"\xff\xfe\n"])
def test_what_a_power_cut_spoilt_in_the_last_shard_is_cut_off_with_a_warning(tmp_path, damage, caplog):
    write(tmp_path, RECORDS[:3])
    with (tmp_path / "replies-000000.jsonl").open("ab") as file:
        file.write(damage + b'{"n": 3}\n')
    assert read(tmp_path) == RECORDS[:3]
    assert f"its last {len(damage) + 9} bytes cannot be read" in caplog.text
    write(tmp_path, RECORDS[3:])
    assert read(tmp_path) == RECORDS


def test_damage_in_an_earlier_shard_is_an_error(tmp_path):
    write(tmp_path, shard_bytes=500)
    path = tmp_path / "replies-000001.jsonl"
    path.write_bytes(b"#" + path.read_bytes()[1:])
    with pytest.raises(WrankError, match=r"replies-000001\.jsonl: damaged at byte 0: remove"):
        read(tmp_path)


def test_a_missing_shard_is_an_error(tmp_path):
    write(tmp_path, shard_bytes=500)
    (tmp_path / "replies-000001.jsonl").unlink()
    with pytest.raises(WrankError, match="a shard is missing"):
        ReplyLog(tmp_path)


@pytest.fixture
def synced(monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda file: done.append(file))
    return done


def test_lines_are_put_on_the_disk_in_groups_and_at_the_end(tmp_path, synced):
    with ReplyLog(tmp_path, sync_lines=16, sync_seconds=1e9) as log:
        made = len(synced)
        counts = []
        for record in RECORDS:
            log.append(record)
            counts.append(len(synced) - made)
        folder = counts[0]  # making the file put its folder on the disk
    assert [count - folder for count in counts] == [0] * 15 + [1] * 16 + [2] * 9
    assert len(synced) - made - folder == 3


def test_lines_are_put_on_the_disk_after_so_many_seconds(tmp_path, synced, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("wrank.generator.shard.time.monotonic", lambda: now[0])
    log = ReplyLog(tmp_path, sync_lines=1000, sync_seconds=2.0)
    log.append(RECORDS[0])
    before = len(synced)
    now[0] = 1.9
    log.append(RECORDS[1])
    assert len(synced) == before
    now[0] = 2.1
    log.append(RECORDS[2])
    assert len(synced) == before + 1
    log.close()


def test_a_line_is_with_the_kernel_as_soon_as_it_is_appended(tmp_path):
    log = ReplyLog(tmp_path, sync_lines=1000, sync_seconds=1e9)
    log.append(RECORDS[1])
    assert (tmp_path / "replies-000000.jsonl").stat().st_size == line_bytes(RECORDS[1])
    log.close()
    log.close()


def test_a_write_that_takes_a_part_is_continued(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data)[:7]))
    write(tmp_path)
    assert read(tmp_path) == RECORDS


def test_a_full_disk_leaves_what_was_appended_before(tmp_path, monkeypatch):
    real, room = os.write, [500]

    def full(file, data):
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = bytes(data)[: room[0]]
        room[0] -= len(part)
        return real(file, part)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path)
    monkeypatch.setattr(os, "write", real)
    kept = read(tmp_path)
    assert kept == RECORDS[: len(kept)]
    assert len(kept) >= 5
    write(tmp_path, RECORDS[len(kept) :])
    assert read(tmp_path) == RECORDS


def test_a_log_is_removed_whole_or_not_at_all(tmp_path, monkeypatch):
    folder = tmp_path / ".replies"
    write(folder)
    with monkeypatch.context() as patch:
        patch.setattr("wrank.generator.shard.shutil.rmtree", lambda *a, **k: None)
        remove_log(folder)
    assert not folder.exists()
    assert (tmp_path / ".replies-done").is_dir()  # a kill here leaves no half of a log under its name
    remove_log(folder)
    assert list(tmp_path.iterdir()) == []
