"""A folder of folders: what is a collection, what is not, and what is wrong before anything is encoded."""

import json

import pytest

from wrank.errors import WrankError
from wrank.evaluation.suite.local import LocalSuite


def write(folder, splits=("test",)):
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(json.dumps({"_id": "p1", "text": "tea"}) + "\n")
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q1", "text": "a drink"}) + "\n")
    for split in splits:
        (folder / "qrels" / f"{split}.tsv").write_text("q1\tp1\t2\n")


def names(suite):
    return [one.name for one in suite.sets()]


def test_sub_folders_are_sets_and_others_are_named_in_a_warning(tmp_path, caplog):
    write(tmp_path / "tea")
    write(tmp_path / "coffee")
    (tmp_path / "coffee" / "corpus.jsonl").rename(tmp_path / "coffee" / "corpus.jsonl.gz")  # found, not opened
    (tmp_path / "notes").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "README.md").write_text("a file")
    assert names(LocalSuite(str(tmp_path))) == ["coffee", "tea"]
    assert "left out: notes (" in caplog.text
    (one,) = LocalSuite(str(tmp_path), subset=["tea"], in_domain=["tea"]).sets()
    assert (one.split, one.in_domain) == ("test", True)
    assert one.source().load("test", tmp_path / "cache").qrels == {"q1": {"p1": 2.0}}


def test_a_split_that_is_missing_is_told_before_work_and_only_of_chosen_sets(tmp_path):
    write(tmp_path / "tea", ("test", "dev"))
    write(tmp_path / "coffee")
    with pytest.raises(WrankError, match=r"coffee: no split 'dev' \(there are: test\)"):
        LocalSuite(str(tmp_path), "dev").sets()
    assert names(LocalSuite(str(tmp_path), "dev", ["tea"])) == ["tea"]


@pytest.mark.parametrize("inside", ["nothing", "notes"])
def test_no_collection_at_all_is_told(tmp_path, inside):
    (tmp_path / inside).mkdir()
    with pytest.raises(WrankError, match=rf"no collection in it \(sub-folders: {inside}\); wanted sub-folders with"):
        LocalSuite(str(tmp_path)).sets()


def test_a_folder_that_cannot_be_one_is_told(tmp_path):
    with pytest.raises(WrankError, match=r"evaluation.suite.path has no value"):
        LocalSuite(None)
    with pytest.raises(WrankError, match="no such folder"):
        LocalSuite(str(tmp_path / "nosuch")).sets()
    write(tmp_path / "tea")
    with pytest.raises(WrankError, match="a collection itself; wanted the folder above it"):
        LocalSuite(str(tmp_path / "tea")).sets()
    with pytest.raises(WrankError, match="no set 'tee'; did you mean tea"):
        LocalSuite(str(tmp_path), subset=["tee"]).sets()


def test_a_collection_that_lacks_a_file_is_no_silent_absence(tmp_path):
    write(tmp_path / "tea")
    (tmp_path / "tea" / "queries.jsonl").unlink()
    with pytest.raises(WrankError, match=r"looked for queries.jsonl"):
        LocalSuite(str(tmp_path)).sets()
