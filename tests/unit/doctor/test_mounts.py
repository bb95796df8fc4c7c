"""The file system of a folder, read from Linux's own list."""

import pytest

from wrank.doctor import mounts
from wrank.doctor.mounts import Mount, mount_of

LIST = """22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / {root}/shared rw,relatime shared:2 - nfs4 server:/export rw,vers=4.2,local_lock=none
31 22 0:41 / {root}/with\\040blank rw - lustre server rw,localflock
a line that is cut
"""


@pytest.fixture
def listed(tmp_path, monkeypatch):
    for name in ("shared", "with blank", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "mountinfo").write_text(LIST.format(root=tmp_path.resolve()))
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "mountinfo")
    return tmp_path


def test_deepest_mount_counts(listed):
    assert mount_of(listed / "shared" / "not" / "yet").kind == "nfs4"
    assert mount_of(listed / "other").kind == "ext4"


def test_blanks_in_names_are_read(listed):
    found = mount_of(listed / "with blank")
    assert (found.kind, found.locks_stay_here) == ("lustre", "localflock")


def test_shared_file_systems_are_known():
    assert Mount("nfs4").shared
    assert Mount("lustre").shared
    assert not Mount("ext4").shared


def test_locks_that_reach_other_machines():
    assert Mount("nfs4", frozenset({"rw", "local_lock=none"})).locks_stay_here == ""
    assert Mount("nfs", frozenset({"nolock"})).locks_stay_here == "nolock"


def test_later_mount_hides_an_earlier_one(listed):
    with (listed / "mountinfo").open("a") as file:
        file.write(f"40 22 0:50 / {listed.resolve()}/shared rw - tmpfs tmpfs rw\n")
    assert mount_of(listed / "shared").kind == "tmpfs"


def test_other_systems_have_no_such_list(monkeypatch, tmp_path):
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "none")
    assert mount_of(tmp_path) == Mount("")
