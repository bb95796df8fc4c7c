"""A key names a path, or a finished artifact by its name or the first digits of its key."""

from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from wrank.errors import WrankError
from wrank.stage.given import file_in, given_path


@pytest.fixture
def context(tmp_path):
    for name in ("a-set-one-0011", "a-set-two-00ff", "unfinished-0a0a"):
        (tmp_path / "store" / "scores" / name).mkdir(parents=True)
    for name in ("a-set-one-0011", "a-set-two-00ff"):
        (tmp_path / "store" / "scores" / name / "manifest.json").write_text("{}")

    def make(value):
        cfg = OmegaConf.create({"data": {"scores": value}})
        return SimpleNamespace(cfg=cfg, store=SimpleNamespace(root=tmp_path / "store"))

    return make


def found(context, value):
    return given_path(context(value), "data.scores", "scores", "wrank score")


@pytest.mark.parametrize("value", ["0011", "a-set-one", "a-set-one-0011"])
def test_an_artifact_is_found_by_name_and_key(context, value):
    assert found(context, value).name == "a-set-one-0011"


def test_a_path_is_taken_as_it_is_and_null_is_none(context, tmp_path):
    (tmp_path / "x.parquet").touch()
    assert found(context, str(tmp_path / "x.parquet")) == tmp_path / "x.parquet"
    assert found(context, None) is None
    assert given_path(context("x"), "data.preferences", "scores", "wrank score") is None  # an option without the key


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("00", r"data\.scores=00: 2 fit in .*: a-set-one-0011, a-set-two-00ff"),
        ("unfinished", r"none fits in .*there are: a-set-one-0011"),
        (" ", "data.scores is empty"),
    ],
)
def test_none_and_several_are_told(context, value, told):
    with pytest.raises(WrankError, match=told):
        found(context, value)


def test_a_folder_without_the_file_is_told(tmp_path):
    with pytest.raises(WrankError, match=r"no pairs\.parquet in that folder; `wrank score` makes one"):
        file_in(tmp_path, "data.scores", "pairs.parquet", "wrank score")
    (tmp_path / "pairs.parquet").touch()
    assert file_in(tmp_path, "k", "pairs.parquet", "c") == file_in(tmp_path / "pairs.parquet", "k", "x", "c")
