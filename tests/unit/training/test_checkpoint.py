"""A checkpoint that a strategy writes as a folder: gone on from exactly, whole at any time, gone at the end."""

import json
from pathlib import Path

import pytest
import torch
from pytorch_lightning.strategies import SingleDeviceStrategy

from tests.unit.training.test_fit import KillAt, Killed, same, tiny, training, weights
from wrank.errors import WrankError
from wrank.training import checkpoint as places
from wrank.training import fit as fitting
from wrank.training.checkpoint import STEP, fresh_path, put_in_place, recover, saved_step
from wrank.training.fit import CHECKPOINT, fit


class FolderStrategy(SingleDeviceStrategy):
    """Writes as DeepSpeed's does: a folder, with a file in a folder for each rank."""

    def __init__(self):
        super().__init__(device=torch.device("cpu"))

    def save_checkpoint(self, checkpoint, filepath, storage_options=None):
        (filepath / "checkpoint").mkdir(parents=True)
        torch.save(checkpoint, filepath / "checkpoint" / "rank0.pt")

    def load_checkpoint(self, checkpoint_path, weights_only=None):
        return torch.load(Path(checkpoint_path) / "checkpoint" / "rank0.pt", weights_only=True)


@pytest.fixture
def in_folders(monkeypatch):
    monkeypatch.setattr(fitting, "make_strategy", lambda settings: FolderStrategy())


@pytest.mark.parametrize("killed_at", [3, 5])
def test_a_killed_training_with_folders_ends_with_the_same_weights(killed_at, in_folders, collection, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    fit(training(collection, tiny()), whole)
    with pytest.raises(Killed):
        fit(training(collection, tiny(), callbacks=[KillAt(killed_at)]), broken)
    step = killed_at - killed_at % 2
    assert json.loads((broken / CHECKPOINT / STEP).read_text()) == {"global_step": step}
    (broken / "resume.new").mkdir()  # of a kill while the next one was written
    assert fit(training(collection, tiny()), broken)["resumed_at"] == step
    assert same(weights(whole / "last"), weights(broken / "last"))
    assert not list(broken.glob("resume.*"))


def folder_of(path, step):
    path.mkdir()
    (path / "share").write_text(str(step))
    return path


def test_a_kill_between_the_two_moves_loses_nothing(tmp_path, monkeypatch):
    checkpoint = tmp_path / CHECKPOINT
    folder_of(fresh_path(checkpoint), 2)
    put_in_place(checkpoint, 2)
    folder_of(fresh_path(checkpoint), 4)
    real = places.Path.replace

    def killed(path, target):
        if path == fresh_path(checkpoint):
            raise Killed
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(places.Path, "replace", killed)
        with pytest.raises(Killed):
            put_in_place(checkpoint, 4)
    assert not checkpoint.exists()
    recover(checkpoint)
    assert (saved_step(checkpoint), (checkpoint / "share").read_text()) == (2, "2")
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    folder_of(fresh_path(checkpoint), 4)
    put_in_place(checkpoint, 4)
    assert (saved_step(checkpoint), (checkpoint / "share").read_text()) == (4, "4")
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_a_folder_without_its_step_is_an_error_that_names_it(tmp_path):
    with pytest.raises(WrankError, match=r"resume\.ckpt: not a checkpoint"):
        saved_step(folder_of(tmp_path / CHECKPOINT, 2))
    assert saved_step(tmp_path / "none.ckpt") == 0
