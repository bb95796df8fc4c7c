import pytest

from tests.fixtures.suites import settings, write_nano
from wrank.errors import WrankError
from wrank.evaluation.suite.nano_beir import NanoBeirSuite


def test_thirteen_sets_count_alike_and_self_matches_stay():
    made = settings("nano_beir")
    sets = made.suite.sets()
    assert len(sets) == 13
    assert not any(one.in_domain or one.group for one in sets)
    assert (made.drop_self, made.measures[0]) == (False, "nDCG@10")


def test_a_set_is_read_from_where_it_was_fetched_to(tmp_path):
    write_nano(tmp_path / "nano_beir" / "NanoNQ")
    nq, scifact = NanoBeirSuite(str(tmp_path), ["NanoSciFact", "NanoNQ"]).sets()
    assert nq.source().load(nq.split, tmp_path / "cache").qrels == {"q1": {"p1": 1.0, "p2": 1.0}}
    with pytest.raises(WrankError, match="run `wrank data pull nano_beir/NanoSciFact`"):
        scifact.source()


def test_a_pinned_commit_is_held_to(tmp_path):
    write_nano(tmp_path / "nano_beir" / "NanoNQ")
    (one,) = NanoBeirSuite(str(tmp_path), ["NanoNQ"], revisions={"NanoNQ": "a" * 40}).sets()
    with pytest.raises(WrankError, match="its commit is not known"):
        one.source()
    with pytest.raises(WrankError, match="revisions: no set 'NanoNG'; did you mean NanoNQ"):
        NanoBeirSuite(str(tmp_path), revisions={"NanoNG": "a" * 40})
