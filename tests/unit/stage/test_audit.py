"""Finding the generation that is to be audited."""

from types import SimpleNamespace

import pytest

from wrank.errors import WrankError
from wrank.manifest import MANIFEST
from wrank.stage.audit import find_generation


@pytest.fixture
def context(tmp_path):
    for name in ("sample-graded-ab12", "sample-binary-ab99", "other-graded-cd00"):
        folder = tmp_path / "generation" / name
        folder.mkdir(parents=True)
        (folder / MANIFEST).write_text("{}")
        (folder / "corpus.jsonl").write_text("")
    (tmp_path / "generation" / ".partial-ef").mkdir()
    return SimpleNamespace(store=SimpleNamespace(root=tmp_path))


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("cd", "other-graded-cd00"),
        ("ab12", "sample-graded-ab12"),
        ("sample-binary", "sample-binary-ab99"),
        ("other-graded-cd00", "other-graded-cd00"),
    ],
)
def test_found_by_key_or_name(context, wanted, name):
    assert find_generation(context, wanted).name == name


@pytest.mark.parametrize("wanted", ["ab", "sample", "zz", "", "partial"])
def test_none_or_several_names_what_is_there(context, wanted):
    with pytest.raises(WrankError, match=r"generations fit|no generation fits|is empty"):
        find_generation(context, wanted)


def test_a_folder_that_is_no_generation_is_refused(context, tmp_path):
    with pytest.raises(WrankError, match=r"no corpus\.jsonl"):
        find_generation(context, str(tmp_path))
