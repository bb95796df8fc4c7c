import json

import pytest

from wrank.data.source.generated import GeneratedSource
from wrank.errors import WrankError
from wrank.manifest import MANIFEST

KEYS = {"graded": "aa11" * 16, "binary": "aa22" * 16, "other": "bb33" * 16}


@pytest.fixture
def store(write_folder, tmp_path):
    for name, key in KEYS.items():
        path = write_folder(
            {"p": "tea"}, {"q": "a drink"}, {"train": {"q": {"p": 3}}}, folder=f"store/generation/{name}-{key[:16]}"
        )
        manifest = {"key": key, "kind": "generation", "name": name, "finished": "now", "content_key": "c"}
        (path / MANIFEST).write_text(json.dumps(manifest))
    (tmp_path / "store" / "generation" / ".partial-cc44cc44cc44cc44").mkdir()
    return tmp_path / "store"


@pytest.mark.parametrize("wanted", ["bb", "bb33bb33bb33bb33", "other", "other-bb33bb33bb33bb33", "folder"])
def test_a_generation_is_found_by_key_name_or_folder(store, tmp_path, wanted):
    wanted = str(store / "generation" / "other-bb33bb33bb33bb33") if wanted == "folder" else wanted
    source = GeneratedSource(wanted, str(store))
    assert (source.name, source.key, source.splits()) == ("other", KEYS["other"], ["train"])
    assert source.load("train", tmp_path / "cache").qrels == {"q": {"p": 3.0}}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("", "generation is empty"),
        ("aa", r"2 generations fit in .*binary-.*graded-"),
        ("zz", r"no generation fits in .*; there are: binary-.*other-"),
        ("cc44", r"\.partial-cc44cc44cc44cc44 is not finished: run the same `wrank generate` again"),
    ],
)
def test_none_several_or_an_unfinished_one_are_refused(store, wanted, message):
    with pytest.raises(WrankError, match=message):
        GeneratedSource(wanted, str(store))


def test_an_empty_store_is_not_made_and_says_who_makes_one(tmp_path):
    with pytest.raises(WrankError, match=r"none; `wrank generate` makes one"):
        GeneratedSource("aa", str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_without_a_manifest_is_unfinished(store):
    path = store / "generation" / "other-bb33bb33bb33bb33"
    (path / MANIFEST).unlink()
    with pytest.raises(WrankError, match=r"no finished generation: run the same"):
        GeneratedSource(str(path), str(store))


def test_another_kind_of_artifact_is_refused(store):
    path = store / "generation" / "other-bb33bb33bb33bb33"
    (path / MANIFEST).write_text(json.dumps({"key": "k", "kind": "model", "finished": "now", "content_key": "c"}))
    with pytest.raises(WrankError, match="kind 'model'; wanted a generation"):
        GeneratedSource(str(path), str(store))
