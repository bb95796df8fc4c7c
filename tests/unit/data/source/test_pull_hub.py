"""Data sets fetched from a hub on loopback: whole or not at all, once, at the commit that is recorded."""

import errno
import hashlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import pytest

from wrank.data.source import bright, nano_beir
from wrank.data.source.fetched import RECORD
from wrank.data.source.public import verify
from wrank.data.source.pull_hub import check_commit, pull_dataset
from wrank.errors import WrankError

ROOT = Path(__file__).resolve().parents[4]
REPO = "somebody/some-data"
COMMIT, OLDER = "a" * 40, "b" * 40
FILES = {"corpus/one-00000.parquet": b"tea", "qrels/one.parquet": b"judged", "README.md": b"read me", "big.bin": b"no"}
PATTERNS = ("corpus/*.parquet", "qrels/*.parquet")


class Hub:
    """A hub of one data set: what its client asks for, and who asked."""

    def __init__(self):
        self.files, self.asked, self.pause, self.cut, self.repo = dict(FILES), [], 0.0, False, REPO
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                path = urllib.parse.unquote(self.path.partition("?")[0])
                outer.asked.append((self.command, path))
                status, body, more = outer.answer(path)
                self.send_response(status)
                for key, value in ({"Content-Length": str(len(body))} | more).items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command == "GET":
                    time.sleep(outer.pause)
                    self.wfile.write(body[: len(body) // 2] if outer.cut and "resolve" in path else body)

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def answer(self, path):
        revisions = {"main": COMMIT, COMMIT: COMMIT, OLDER: OLDER}
        api, _, rest = path.partition(f"/api/datasets/{self.repo}/")
        kind, _, revision = rest.partition("/")
        if not api and rest and revision in revisions:
            facts = {"id": self.repo, "sha": revisions[revision], "siblings": [{"rfilename": n} for n in self.files]}
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in self.files.items()
            ]
            body = json.dumps(facts if kind == "revision" else tree).encode()
            return 200, body, {"Content-Type": "application/json"}
        for name, content in self.files.items():
            if path == f"/datasets/{self.repo}/resolve/{COMMIT}/{name}":
                return 200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
        missing = {"X-Error-Code": "RevisionNotFound" if rest else "RepoNotFound", "X-Error-Message": "no such thing"}
        return 404, b"{}", missing

    def fetched(self):
        return sorted(path for verb, path in self.asked if verb == "GET" and "resolve" in path)

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def hub(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    one = Hub()
    yield one
    one.close()


def left_in(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_the_wanted_files_alone_are_fetched_once_and_recorded_with_their_commit(hub, tmp_path):
    final = tmp_path / "deep" / "some-data"
    assert pull_dataset(REPO, final, PATTERNS, endpoint=hub.url) == final
    assert left_in(final.parent) == ["some-data"]
    wanted = {name: content for name, content in FILES.items() if name.endswith(".parquet")}
    there = {str(p.relative_to(final)): p.read_bytes() for p in final.rglob("*") if p.is_file() and p.name != RECORD}
    assert there == wanted
    record = json.loads((final / RECORD).read_text())
    assert (record["url"], record["revision"], record["commit"]) == (REPO, "main", COMMIT)
    assert record["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in wanted.items()}
    assert verify(final) == []
    assert len([path for _, path in hub.asked if path.endswith("/main")]) == 1  # a branch may move between two looks
    asked = len(hub.asked)
    pull_dataset(REPO, final, PATTERNS, endpoint=hub.url)
    assert len(hub.asked) == asked  # found
    (final / "qrels" / "one.parquet").write_bytes(b"other")
    assert "its SHA-256 is" in verify(final)[0]


def test_two_processes_at_once_fetch_once(hub, tmp_path):
    hub.pause = 0.5
    code = (
        "import sys, pathlib; from wrank.data.source.pull_hub import pull_dataset; "
        f"pull_dataset({REPO!r}, pathlib.Path(sys.argv[1]) / 'one', {PATTERNS!r}, endpoint=sys.argv[2])"
    )
    kept = {key: value for key, value in os.environ.items() if "proxy" not in key.lower() and "HF_" not in key}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), hub.url],
            env=kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(hub.fetched()) == 2  # files
    assert verify(tmp_path / "one") == []


def test_a_connection_that_breaks_off_leaves_nothing_and_the_next_one_works(hub, tmp_path, monkeypatch):
    hub.cut = True
    with pytest.raises(WrankError, match=f"{REPO}: cannot be fetched from the Hugging Face hub"):
        pull_dataset(REPO, tmp_path / "one", PATTERNS, endpoint=hub.url)
    assert left_in(tmp_path) == []
    hub.cut = False
    pull_dataset(REPO, tmp_path / "one", PATTERNS, endpoint=hub.url)


def test_nobody_there_is_told_with_what_to_fetch_and_where_to_put_it(hub, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(WrankError) as told:
        pull_dataset(REPO, tmp_path / "one", PATTERNS, endpoint=url)
    command = f"`hf download {REPO} --repo-type dataset --revision main --include 'corpus/*.parquet'"
    assert command in str(told.value)
    assert f"put the folder one at {tmp_path}/one" in str(told.value)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("repo", "revision", "patterns", "message"),
    [
        (REPO, "nosuch", PATTERNS, "RevisionNotFoundError"),
        ("somebody/else", "main", PATTERNS, "RepositoryNotFoundError"),
        (REPO, "main", ("queries/*.parquet",), r"no file queries/\*.parquet; there are: README.md, big.bin, corpus/"),
    ],
)
def test_what_is_not_there_is_told_before_anything_is_fetched(hub, tmp_path, repo, revision, patterns, message):
    with pytest.raises(WrankError, match=message):
        pull_dataset(repo, tmp_path / "one", patterns, revision, hub.url)
    assert hub.fetched() == []
    assert left_in(tmp_path) == []


def test_another_commit_than_the_one_that_is_there_is_refused(hub, tmp_path):
    final = pull_dataset(REPO, tmp_path / "one", PATTERNS, endpoint=hub.url)
    pull_dataset(REPO, final, PATTERNS, COMMIT, hub.url)
    with pytest.raises(WrankError, match=f"fetched at commit {COMMIT}; wanted {OLDER}"):
        pull_dataset(REPO, final, PATTERNS, OLDER, hub.url)
    with pytest.raises(WrankError, match="change the key"):
        check_commit(final, OLDER, "the key")
    check_commit(final, None, "the key")


def test_a_folder_put_there_by_hand_is_left_alone(hub, tmp_path, caplog):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "mine").write_text("mine")
    pull_dataset(REPO, tmp_path / "one", PATTERNS, endpoint=hub.url)
    assert "not fetched by wrank: left as it is" in caplog.text
    assert left_in(tmp_path / "one") == ["mine"]
    assert hub.asked == []
    with pytest.raises(WrankError, match="its commit is not known"):
        check_commit(tmp_path / "one", COMMIT, "the key")


def test_a_full_disk_is_told_and_leaves_nothing(hub, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    with pytest.raises(WrankError, match=r"cannot be written .No space left on device.: wanted free space"):
        pull_dataset(REPO, tmp_path / "one", PATTERNS, endpoint=hub.url)
    assert left_in(tmp_path) == []


def test_collections_are_fetched_to_where_their_readers_look(hub, tmp_path):
    hub.repo = "zeta-alpha-ai/NanoNQ"
    hub.files = {f"{part}/train-00000-of-00001.parquet": b"x" for part in ("corpus", "queries", "qrels")}
    assert nano_beir.pull("NanoNQ", tmp_path, endpoint=hub.url) == tmp_path / "nano_beir" / "NanoNQ"
    assert nano_beir.NanoBeirSource("NanoNQ", str(tmp_path), COMMIT).fetched == tmp_path / "nano_beir" / "NanoNQ"
    with pytest.raises(WrankError, match=f"wanted {OLDER}"):
        nano_beir.NanoBeirSource("NanoNQ", str(tmp_path), OLDER)
    hub.repo = "xlangai/BRIGHT"
    hub.files = {f"{part}/pony-00000-of-00001.parquet": b"x" for part in ("documents", "examples", "long_documents")}
    assert bright.pull(tmp_path, endpoint=hub.url) == tmp_path / "bright"
    assert not (tmp_path / "bright" / "long_documents").exists()
    assert bright.BrightSource("pony", str(tmp_path), COMMIT).fetched == tmp_path / "bright"
