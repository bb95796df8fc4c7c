"""Public collections fetched from a server on loopback: whole or not at all, once, and as they were recorded."""

import errno
import hashlib
import http.server
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from wrank.data.source import public
from wrank.data.source.public import RECORD, PublicSource, check_name, pull, verify
from wrank.errors import WrankError

pytest.importorskip("beir.util", reason="beir is in the dev extra")
ROOT = Path(__file__).resolve().parents[4]
FILES = {
    "corpus.jsonl": '{"_id": "p1", "title": "Tea", "text": "a leaf"}\n{"_id": "p2", "title": "", "text": "a bean"}\n',
    "queries.jsonl": '{"_id": "q1", "text": "what is tea"}\n',
    "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\tp1\t1\n",
}


def zipped(folder, files=None, **more):
    """The bytes of an archive; `more` are members at its top."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (FILES if files is None else files).items():
            archive.writestr(f"{folder}/{name}", text)
        for name, text in more.items():
            archive.writestr(name, text)
    return content.getvalue()


class Server:
    """Serves bytes by path, and counts who asked."""

    def __init__(self):
        self.pages, self.asked, self.pause, self.cut = {}, [], 0.0, False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                page = outer.pages.get(self.path)
                body = b"<html><title>404 Not Found</title></html>" if page is None else page
                self.send_response(404 if page is None else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                time.sleep(outer.pause)
                if not outer.cut:
                    self.wfile.write(body[len(body) // 2 :])

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):  # a client that was killed
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def server(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    one = Server()
    one.pages["/scifact.zip"] = zipped("scifact")
    yield one
    one.close()


def left_in(folder):
    """What a fetch left behind, but for its lock."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def start_pull(folder, url):
    code = (
        "import sys, pathlib; from wrank.data.source.public import pull; "
        "pull('scifact', pathlib.Path(sys.argv[1]), sys.argv[2])"
    )
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), url],
        env=environment | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_collection_is_fetched_once_recorded_and_read(server, tmp_path, capsys):
    folder = pull("scifact", tmp_path / "deep" / "down", server.url)
    assert folder == tmp_path / "deep" / "down" / "scifact"
    assert left_in(folder.parent) == ["scifact"]
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {*FILES, RECORD}
    assert json.loads((folder / RECORD).read_text()) == {
        "url": f"{server.url}/scifact.zip",
        "sha256": hashlib.sha256(server.pages["/scifact.zip"]).hexdigest(),
        "files": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in FILES.items()},
    }
    assert "100%" in capsys.readouterr().err  # beir's bar
    assert pull("scifact", folder.parent, server.url) == folder
    assert server.asked == ["/scifact.zip"]
    source = PublicSource("scifact", str(folder.parent))
    assert (source.name, source.splits()) == ("scifact", ["test"])
    collection = source.load("test", tmp_path / "tables")
    assert collection.qrels == {"q1": {"p1": 1.0}}
    assert list(collection.passages.all_texts) == ["Tea a leaf", "a bean"]


def test_two_processes_at_once_fetch_once(server, tmp_path):
    server.pause = 1.0
    both = [start_pull(tmp_path, server.url) for _ in range(2)]
    said = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert server.asked == ["/scifact.zip"]
    assert verify(tmp_path / "scifact") == []


def test_a_killed_fetch_leaves_no_collection_and_the_next_one_cleans_up(server, tmp_path):
    server.pause = 3.0
    process = start_pull(tmp_path, server.url)
    for _ in range(3000):
        if server.asked and (tmp_path / ".scifact.partial" / "archive.zip").is_file():
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert left_in(tmp_path) == [".scifact.partial"]
    with pytest.raises(WrankError, match="not fetched yet"):
        PublicSource("scifact", str(tmp_path))
    server.pause = 0.0
    pull("scifact", tmp_path, server.url)
    assert left_in(tmp_path) == ["scifact"]


def test_a_connection_that_breaks_off_leaves_nothing(server, tmp_path):
    server.cut = True
    with pytest.raises(WrankError, match=r"scifact.zip: cannot be fetched"):
        pull("scifact", tmp_path, server.url)
    assert left_in(tmp_path) == []


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (None, r"no zip archive, but '<html><title>404 Not Found</title></html>': is there such a file"),
        (b"", r"no zip archive: is there such a file"),
        (b"\0\1\2" * 50, r"no zip archive: is there such a file"),
        (zipped("scifact")[:200], r"a damaged or cut-off zip archive came"),
        (flipped(zipped("scifact"), 60), r"a damaged or cut-off zip archive came"),
        (zipped("fiqa"), r"the archive holds no folder scifact, but fiqa"),
        (zipped("", {}), r"the archive holds no folder scifact, but nothing"),
        (zipped("", {}, scifact="a file"), r"the archive holds no folder scifact"),
    ],
)
def test_what_is_no_collection_is_told_and_leaves_nothing(server, tmp_path, page, message):
    server.pages["/scifact.zip"] = page
    with pytest.raises(WrankError, match=f"127.0.0.1.*/scifact.zip: .*{message}"):
        pull("scifact", tmp_path, server.url)
    assert left_in(tmp_path) == []


def test_nobody_there_is_told_with_what_to_do(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(WrankError, match=r"cannot be fetched \(ConnectionError: .*data=beir data.path=FOLDER"):
        pull("scifact", tmp_path, url)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scifcat", "did you mean 'scifact'"),
        ("SciFact", "did you mean 'scifact'"),
        ("cqadupstack/android", "did you mean 'cqadupstack'"),
        ("xyzzyx", "wanted one of arguana, "),
        ("", "wanted one of arguana, "),
        ("../scifact", "no public collection"),
    ],
)
def test_an_unknown_name_is_told_before_anything_is_made(tmp_path, name, message):
    with pytest.raises(WrankError, match=message):
        pull(name, tmp_path / "new", "http://127.0.0.1:1")
    assert not (tmp_path / "new").exists()


def test_names_are_those_of_beir():
    assert len(set(public.NAMES)) == len(public.NAMES)
    assert all(check_name(name) == name for name in public.NAMES)


def test_a_folder_of_somebody_else_is_left_alone(server, tmp_path):
    (tmp_path / "scifact").mkdir()
    (tmp_path / "scifact" / "corpus.jsonl").write_text("mine")
    with pytest.raises(WrankError, match=r"not fetched by wrank: use data=beir data.path="):
        pull("scifact", tmp_path, server.url)
    assert (tmp_path / "scifact" / "corpus.jsonl").read_text() == "mine"
    assert server.asked == []
    assert PublicSource("scifact", str(tmp_path)).path == tmp_path / "scifact"  # read as it is
    with pytest.raises(WrankError, match="with SHA-256 unknown; wanted 00"):
        PublicSource("scifact", str(tmp_path), sha256="00")
    with pytest.raises(WrankError, match=f"no {RECORD} in it"):
        verify(tmp_path / "scifact")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("where", ["mkdir", "fetch", "unpack", "rename"])
def test_a_disk_that_cannot_be_written_is_told_and_leaves_nothing(server, tmp_path, monkeypatch, code, where):
    def full(*_, **__):
        raise OSError(code, os.strerror(code))

    import beir.util

    owner, name = {
        "mkdir": (public.Path, "mkdir"),
        "fetch": (beir.util, "download_url"),
        "unpack": (zipfile.ZipFile, "extractall"),
        "rename": (public.Path, "rename"),
    }[where]
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, full)
        with pytest.raises(WrankError, match=f"cannot be written .{os.strerror(code)}.: wanted free space"):
            pull("scifact", tmp_path, server.url)
    assert left_in(tmp_path) == []


def test_a_file_in_the_folders_place_is_told(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WrankError, match="cannot be written"):
        pull("scifact", tmp_path / "file", server.url)


def test_beir_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "beir.util", None)
    with pytest.raises(WrankError, match="pip install beir"):
        pull("scifact", tmp_path)
    assert left_in(tmp_path) == []


def test_members_of_an_archive_stay_inside_and_do_not_stand_in_for_ours(server, tmp_path):
    strange = {"../outside.txt": "x", "/absolute.txt": "x", "scifact/../../up.txt": "x", "archive.zip": "x"}
    server.pages["/scifact.zip"] = zipped("scifact", FILES | {RECORD: "theirs"}, **strange)
    top = tmp_path / "deep" / "store"
    folder = pull("scifact", top, server.url)
    assert left_in(top) == ["scifact"]
    assert left_in(tmp_path) == ["deep"]
    assert not Path("/absolute.txt").exists()
    record = json.loads((folder / RECORD).read_text())
    assert record["sha256"] == hashlib.sha256(server.pages["/scifact.zip"]).hexdigest()
    assert not {"corpus.jsonl", "queries.jsonl"} - set(record["files"])
    assert RECORD not in record["files"]
    assert verify(folder) == []


def test_a_changed_and_a_missing_file_are_found(server, tmp_path):
    folder = pull("scifact", tmp_path, server.url)
    assert verify(folder) == []
    (folder / "queries.jsonl").write_text(FILES["queries.jsonl"].replace("tea", "tee"))
    (folder / "qrels" / "test.tsv").unlink()
    wrong = sorted(verify(folder))
    assert len(wrong) == 2
    assert f"{folder}/qrels/test.tsv: missing; remove {folder} and fetch it again" == wrong[0]
    assert f"{folder}/queries.jsonl: its SHA-256 is" in wrong[1]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"sha256": 3, "files": {}}', '{"sha256": "a", "files": []}'])
def test_a_damaged_record_is_told(server, tmp_path, text):
    folder = pull("scifact", tmp_path, server.url)
    (folder / RECORD).write_text(text)
    for read in (lambda: PublicSource("scifact", str(tmp_path)), lambda: verify(folder)):
        with pytest.raises(WrankError, match=f"{RECORD}: damaged .*remove {folder} and fetch it again"):
            read()


def test_another_archive_than_the_wanted_one_is_refused(server, tmp_path):
    pull("scifact", tmp_path, server.url)
    own = hashlib.sha256(server.pages["/scifact.zip"]).hexdigest()
    for same in (own, own.upper()):
        PublicSource("scifact", str(tmp_path), sha256=same)
    with pytest.raises(WrankError, match=f"SHA-256 {own}; wanted abc"):
        PublicSource("scifact", str(tmp_path), sha256="abc")


def test_what_was_not_fetched_names_the_command(tmp_path):
    with pytest.raises(WrankError, match=r"not fetched yet: run `wrank data pull cqadupstack`.*cqadupstack.zip there"):
        PublicSource("cqadupstack/android", str(tmp_path))
    with pytest.raises(WrankError, match="did you mean 'scifact'"):
        PublicSource("scifcat", str(tmp_path))


def test_parts_are_read_by_their_names(server, tmp_path):
    files = {f"{part}/{name}": text for part in ("android", "english") for name, text in FILES.items()}
    server.pages["/cqadupstack.zip"] = zipped("cqadupstack", files)
    folder = pull("cqadupstack", tmp_path, server.url)
    source = PublicSource("cqadupstack/android", str(tmp_path))
    assert (source.name, source.path, source.fetched) == ("cqadupstack-android", folder / "android", folder)
    assert source.load("test", tmp_path / "tables").qrels == {"q1": {"p1": 1.0}}
    for wrong in ("cqadupstack", "cqadupstack/", "cqadupstack/gis", "cqadupstack/android/..", "cqadupstack/../x"):
        with pytest.raises(WrankError, match="wanted one of cqadupstack/android, cqadupstack/english"):
            PublicSource(wrong, str(tmp_path))
    pull("scifact", tmp_path, server.url)
    with pytest.raises(WrankError, match=r"data.source.name is 'scifact/qrels'; wanted scifact"):
        PublicSource("scifact/qrels", str(tmp_path))
