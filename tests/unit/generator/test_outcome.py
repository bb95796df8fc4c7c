"""The mark that a collection is whole."""

import pytest

from tests.fixtures.fault_engine import FaultEngine
from tests.fixtures.fault_recipe import Items, PlainRecipe
from wrank.errors import WrankError
from wrank.generator.outcome import OUTCOME, read_outcome, write_outcome
from wrank.generator.pipeline import write


def test_what_was_written_is_read_again(tmp_path):
    assert read_outcome(tmp_path) is None
    outcome = write(PlainRecipe(), FaultEngine(cut=0.2), Items(9), tmp_path)
    write_outcome(tmp_path, outcome, {"queries": 9})
    assert read_outcome(tmp_path) == (outcome, {"queries": 9})


@pytest.mark.parametrize("content", ["", "{}", '{"outcome": {"items": 1}, "collection": {}}', "[1]"])
def test_another_file_of_that_name(tmp_path, content):
    (tmp_path / OUTCOME).write_text(content)
    with pytest.raises(WrankError, match=r"outcome\.json: not what wrank wrote"):
        read_outcome(tmp_path)
