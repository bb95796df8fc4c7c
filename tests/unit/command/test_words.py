"""Words without a key reach Hydra as they were typed."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from wrank.command.words import as_key


def values(words):
    return {one.key_or_group: one.value() for one in OverridesParser.create().parse_overrides(words)}


@pytest.mark.parametrize("word", ["demo", "mini*", "a b", "it's", "C:\\dir\\", "\\'", "0.4711", "[x]", "a,b", "Ü/é"])
def test_a_word_arrives_as_it_is(word):
    found = values(as_key("trace", [word], ()))["of"]
    assert [one.text if hasattr(one, "text") else one for one in found] == [word]


def test_keys_lists_and_flags():
    assert as_key("report", ["demo", "loss=kl,ws2", "x", "reference=a", "--cfg", "job"], ("--cfg",)) == [
        *("where.words=['demo','x']", "where.loss=[kl,ws2]", "reference=a", "--cfg", "job")
    ]
    assert as_key("report", ["filter=demo", "since=2026-01-01", "study=[a,b]", "sets=a,b"], ()) == [
        *("where.words=demo", "where.since=2026-01-01", "where.study=[a,b]", "sets=[a,b]")
    ]
    assert as_key("diff", ["a", "b", "paths.store=x"], ()) == ["runs=['a','b']", "paths.store=x"]
    assert as_key("report", [], ()) == []
