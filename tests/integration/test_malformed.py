"""Every broken collection is refused at load, with a message that names the file, the line and what to do."""

import runpy
from pathlib import Path

import pytest

from wrank.data.source.beir import BeirSource
from wrank.errors import WrankError

MALFORMED = runpy.run_path(str(Path(__file__).parents[1] / "fixtures" / "malformed.py"))
CASES = MALFORMED["CASES"]


def test_the_good_folder_is_accepted(tmp_path):
    MALFORMED["write_good"](tmp_path / "good")
    for split in ("train", "test"):
        BeirSource(str(tmp_path / "good")).load(split, tmp_path / "cache")


@pytest.mark.parametrize("name", CASES)
def test_broken_input_is_named(name, tmp_path):
    folder, case = tmp_path / "broken", CASES[name]
    MALFORMED["write_case"](name, folder)
    with pytest.raises(WrankError) as caught:
        BeirSource(str(folder)).load(case.split, tmp_path / "cache")
    message = str(caught.value)
    assert message.startswith(str(folder))
    assert [fragment for fragment in case.fragments if fragment not in message] == [], message
    assert not list(tmp_path.glob("cache/tables/.*.partial"))


def test_a_broken_corpus_is_refused_again_after_the_cache_was_filled(tmp_path):
    folder, source = tmp_path / "c", MALFORMED["write_good"]
    source(folder)
    BeirSource(str(folder)).load("test", tmp_path / "cache")
    CASES["duplicate passage id"].break_it(folder)
    for _ in range(2):
        with pytest.raises(WrankError, match="twice"):
            BeirSource(str(folder)).load("test", tmp_path / "cache")


@pytest.mark.parametrize("name", CASES)
def test_broken_input_ends_the_command_with_its_message_and_exit_code_2(name, tmp_path, here):
    """Through the command line, in this process: no traceback, nothing made."""
    folder, case = tmp_path / "broken", CASES[name]
    MALFORMED["write_case"](name, folder)
    _, said = here("evaluate", "data=beir", f"data.path={folder}", f"data.split={case.split}", "model=tiny", code=2)
    assert [fragment for fragment in case.fragments if fragment not in said] == [], said
    assert not list(here.store.glob("[!.t]*"))
