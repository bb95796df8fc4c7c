import pytest

from tests.fixtures.suites import settings, write_bright
from wrank.errors import WrankError
from wrank.evaluation.suite.bright import BrightSuite


def test_twelve_tasks_count_alike_and_bring_no_prompt_of_their_own():
    made = settings("bright")
    sets = made.suite.sets()
    assert len(sets) == 12
    assert not any(one.in_domain or one.group or one.query_prompt or one.passage_prompt for one in sets)
    assert (made.drop_self, made.measures[0]) == (False, "nDCG@10")


def test_prompts_are_given_by_task():
    made = settings("bright", "evaluation.suite.subset=[pony,biology]", "+evaluation.suite.prompts.pony='Find code: '")
    assert {one.name: one.query_prompt for one in made.suite.sets()} == {"biology": None, "pony": "Find code: "}
    with pytest.raises(WrankError, match="prompts: no set 'ponny'; did you mean pony"):
        BrightSuite("x", prompts={"ponny": "a"})


def test_a_task_is_read_with_what_leaves_its_rankings(tmp_path):
    write_bright(tmp_path / "bright")
    (one,) = BrightSuite(str(tmp_path), ["pony"]).sets()
    assert one.source().load(one.split, tmp_path / "cache").excluded == {"1": {"d2"}}
    (pinned,) = BrightSuite(str(tmp_path), ["pony"], revision="a" * 40).sets()
    with pytest.raises(WrankError, match="its commit is not known"):
        pinned.source()
