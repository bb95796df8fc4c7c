"""A finished folder is whole; the work is done once; faults leave nothing that looks finished."""

import errno
import json
import multiprocessing
import os
import signal
import threading
import time

import pytest

from wrank.errors import WrankError
from wrank.manifest import MANIFEST, read_manifest
from wrank.store import Stage, Store, slug


def stage(**changes):
    facts = {"kind": "model", "name": "tiny ws2", "config": {"seed": 0, "lr": 1e-5}, "inputs": {"data": "d0"}}
    return Stage(**(facts | changes))


def write_one(folder):
    (folder / "weights.bin").write_bytes(b"12345")
    return {"steps": 3}


def test_key_depends_on_config_and_inputs_and_on_nothing_else():
    base = stage().key
    assert stage(name="other", seeds={"seed": 4}, details={"x": 1}).key == base
    assert stage(config={"lr": 1e-5, "seed": 0}).key == base
    assert stage(config={"seed": 1, "lr": 1e-5}).key != base
    assert stage(inputs={"data": "d1"}).key != base
    assert stage(kind="evaluation").key != base


def test_artifact_is_a_folder_with_a_manifest_that_names_every_file(tmp_path):
    artifact = Store(tmp_path).run(stage(), write_one)
    assert artifact.path == tmp_path / "model" / f"tiny-ws2-{stage().key[:16]}"
    manifest = json.loads((artifact.path / MANIFEST).read_text())
    assert manifest["files"]["weights.bin"]["bytes"] == 5
    assert len(manifest["files"]["weights.bin"]["sha256"]) == 64
    assert manifest["result"] == {"steps": 3}
    assert manifest["key"] == stage().key
    assert {"python", "torch"} <= manifest["packages"].keys()


def test_finished_key_is_not_worked_on_again(tmp_path):
    store = Store(tmp_path)
    first = store.run(stage(), write_one)
    again = store.run(stage(name="another name"), lambda folder: pytest.fail("worked again"))
    assert again.path == first.path
    assert not first.was_finished
    assert again.was_finished


def test_failed_work_leaves_nothing_that_looks_finished_and_hands_its_files_on(tmp_path):
    store = Store(tmp_path)

    def fails(folder):
        (folder / "half.bin").write_bytes(b"1")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        store.run(stage(), fails)
    assert store.find(stage()) is None
    assert store.artifacts() == []
    assert store.unfinished() == [store.partial(stage())]
    seen = []
    store.run(stage(), lambda folder: seen.extend(path.name for path in folder.iterdir()))
    assert seen == ["half.bin"]
    assert store.unfinished() == []


def _slow_work(root, log):
    def work(folder):
        with log.open("a") as lines:
            lines.write("worked\n")
        time.sleep(0.5)
        return write_one(folder)

    Store(root).run(stage(), work)


def test_two_processes_at_one_key_do_the_work_once(tmp_path):
    context = multiprocessing.get_context("fork")
    log = tmp_path / "log"
    jobs = [context.Process(target=_slow_work, args=(tmp_path / "store", log)) for _ in range(3)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(30)
        assert job.exitcode == 0
    assert log.read_text() == "worked\n"


def _endless_work(root):
    def work(folder):
        (folder / "half.bin").write_bytes(b"1")
        time.sleep(60)

    Store(root).run(stage(), work)


def test_killed_work_frees_the_lock_and_is_not_finished(tmp_path):
    context = multiprocessing.get_context("fork")
    job = context.Process(target=_endless_work, args=(tmp_path,))
    job.start()
    half = Store(tmp_path).partial(stage()) / "half.bin"
    for _ in range(300):
        if half.exists():
            break
        time.sleep(0.05)
    os.kill(job.pid, signal.SIGKILL)
    job.join(10)
    store = Store(tmp_path)
    assert store.find(stage()) is None
    assert store.run(stage(), write_one).manifest["result"] == {"steps": 3}


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission denied")],
)
def test_disk_faults_say_what_to_do(tmp_path, number, words):
    def fails(folder):
        raise OSError(number, os.strerror(number), str(folder / "weights.bin"))

    with pytest.raises(WrankError, match=words) as caught:
        Store(tmp_path).run(stage(), fails)
    assert "weights.bin" in str(caught.value)
    assert Store(tmp_path).find(stage()) is None


def test_full_disk_that_a_library_reports_in_its_own_way_is_said_too(tmp_path):
    def fails(folder):
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")

    with pytest.raises(WrankError, match="disk is full"):
        Store(tmp_path).run(stage(), fails)


def test_half_written_files_of_a_killed_try_are_not_part_of_the_artifact(tmp_path):
    def work(folder):
        (folder / ".0123.tmp").write_bytes(b"1")
        (folder / ".best.partial-7").mkdir()
        return write_one(folder)

    artifact = Store(tmp_path).run(stage(), work)
    assert sorted(path.name for path in artifact.path.iterdir()) == [MANIFEST, "weights.bin"]


def test_folder_in_the_way_is_named_before_any_work(tmp_path):
    (tmp_path / "model" / stage().folder_name).mkdir(parents=True)
    with pytest.raises(WrankError, match="move it away"):
        Store(tmp_path).run(stage(), lambda folder: pytest.fail("worked"))


def test_store_under_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WrankError, match=r"set paths\.store"):
        Store(tmp_path / "file" / "store")


def test_damaged_manifest_is_an_error_that_names_it(tmp_path):
    artifact = Store(tmp_path).run(stage(), write_one)
    (artifact.path / MANIFEST).write_text('{"key": ')
    with pytest.raises(WrankError, match=r"manifest\.json"):
        Store(tmp_path).find(stage())
    with pytest.raises(WrankError, match="no finished artifact"):
        read_manifest(tmp_path)


def test_content_key_follows_the_files_not_the_clock(tmp_path):
    one = Store(tmp_path / "a").run(stage(), write_one).content_key
    two = Store(tmp_path / "b").run(stage(), write_one).content_key
    other = Store(tmp_path / "c").run(stage(), lambda folder: (folder / "weights.bin").write_bytes(b"54321") and None)
    assert one == two
    assert other.content_key != one


def test_slug_keeps_names_usable_as_folders():
    assert slug("facebook/contriever ws2, s0") == "facebook-contriever-ws2-s0"
    assert slug("///") == "unnamed"


def _held(store, one, begun, release):
    """Another process's work, in a thread: it begins, and ends when it is told to."""

    def work(folder):
        begun.set()
        release.wait(10)
        return {}

    return threading.Thread(target=store.run, args=(one, work))


@pytest.mark.parametrize("fails", [False, True])
def test_who_waits_may_take_a_part_and_bears_that_the_folder_is_renamed(tmp_path, fails):
    store, one = Store(tmp_path), Stage("kind", "name", {}, {})
    begun, release, shared = threading.Event(), threading.Event(), []
    other = _held(store, one, begun, release)
    other.start()
    begun.wait(10)

    def share(folder):
        shared.append(folder.is_dir())
        release.set()
        other.join(10)
        if fails:
            (folder / "part").write_text("the folder has gone")

    artifact = Store(tmp_path).run(one, lambda folder: pytest.fail("done twice"), share=share)
    assert shared == [True]
    assert artifact.was_finished


def test_an_error_of_the_part_is_told_while_the_work_is_not_done(tmp_path):
    store, one = Store(tmp_path), Stage("kind", "name", {}, {})
    begun, release = threading.Event(), threading.Event()
    other = _held(store, one, begun, release)
    other.start()
    begun.wait(10)

    def share(folder):
        raise WrankError("broken vectors")

    try:
        with pytest.raises(WrankError, match="broken vectors"):
            Store(tmp_path).run(one, lambda folder: {}, share=share)
    finally:
        release.set()
        other.join(10)
