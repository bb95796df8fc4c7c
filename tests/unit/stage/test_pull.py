"""From a name to what is fetched; nothing is fetched here."""

import pytest

from wrank.data.source import bright, nano_beir, public
from wrank.errors import WrankError
from wrank.evaluation.suite.beir import NAMES
from wrank.stage.pull import pull_named


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """What would have been fetched, with its revision."""
    found = []

    def made(folder, name, revision):
        found.append((name, revision))
        (folder / name).mkdir(parents=True)
        return folder / name

    def nano(name, folder, revision):
        return made(folder, f"nano_beir/{nano_beir.check_name(name)}", revision)

    monkeypatch.setattr(public, "pull", lambda name, folder: made(folder, public.check_name(name), None))
    monkeypatch.setattr(nano_beir, "pull", nano)
    monkeypatch.setattr(bright, "pull", lambda folder, revision: made(folder, "bright", revision))
    return found


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("scifact", [("scifact", None)]),
        ("beir", [(name, None) for name in NAMES]),
        ("beir/scifact", [("scifact", None)]),
        ("nano_beir", [(f"nano_beir/{name}", "main") for name in nano_beir.NAMES]),
        ("nano_beir/NanoArguAna", [("nano_beir/NanoArguAna", "main")]),
        ("bright", [("bright", "main")]),
    ],
)
def test_a_name_stands_for_its_sets(asked, tmp_path, name, wanted):
    pulled = pull_named(name, tmp_path)
    assert asked == wanted
    assert [one.folder for one in pulled] == [tmp_path / place for place, _ in wanted]
    assert all("=" in one.reading for one in pulled)


def test_a_revision_goes_to_the_hub_and_is_refused_elsewhere(asked, tmp_path):
    pull_named("bright", tmp_path, "a" * 40)
    assert asked == [("bright", "a" * 40)]
    with pytest.raises(WrankError, match="scifact is no data set of the Hugging Face hub"):
        pull_named("scifact", tmp_path, "a" * 40)


def test_msmarco_tells_beirs_from_that_of_ir_datasets(tmp_path):
    (one,) = pull_named("msmarco", tmp_path)
    assert "this is BEIR's" in one.remark
    for text in (one.remark, _told("msmarco/dl19", tmp_path)):
        assert "`ir_datasets export msmarco-passage docs > /dev/null`" in text
        assert "IR_DATASETS_HOME" in text


def _told(name, folder):
    with pytest.raises(WrankError) as told:
        pull_named(name, folder)
    return str(told.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sample", "nothing to fetch: it ships with wrank"),
        ("local", "nothing to fetch: it is a folder of your own"),
        ("scifcat", "did you mean 'scifact'"),
        ("nanobeir", "did you mean 'nano_beir'"),
        ("NanoArguAna", "did you mean 'nano_beir/NanoArguAna'"),
        ("brigt", "did you mean 'bright'"),
        ("bright/pony", "one data set: wrank data pull bright"),
        ("nano_beir/NanoArguana", "did you mean 'NanoArguAna'"),
        ("nano_beir/", "wanted one of NanoArguAna"),
        ("beir/", "no public collection of BEIR; wanted one of"),
        ("xyzzyx", "'xyzzyx': no public collection of BEIR; wanted one of arguana"),
    ],
)
def test_what_is_no_name_is_told_with_what_was_meant(asked, tmp_path, name, message):
    assert message in _told(name, tmp_path)
    assert asked == []
