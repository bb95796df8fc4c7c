"""Comparison of texts in any language."""

import pytest

from wrank.generator.text import BOUND, Text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is TEA?", "what is tea"),
        ("  tea,\n leaves ", "Tea leaves."),
        ("it's", "it’s"),
        ("ＴＥＡ", "tea"),
        ("cafe\u0301", "café"),
        ("绿茶，是什么？", "绿茶是什么"),
    ],
)
def test_case_punctuation_space_and_form_do_not_count(one, other):
    assert Text(one).normal == Text(other).normal


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("green tea is not fermented", 5),
        ("绿茶没有经过发酵", 4),
        ("हिन्दी में चाय को चाय कहते हैं", 7),
        ("الشاي الأخضر غير مخمر", 4),
        ("녹차는 발효하지 않는다", 3),
        ("HTTP 协议", 2),
        ("", 0),
        ("?!...", 0),
    ],
)
def test_words_are_counted_in_any_script(text, words):
    assert Text(text).words == words


def test_shingles_of_a_script_without_spaces_are_twice_as_long():
    assert all(len(run) == 10 for run in Text("绿茶没有经过发酵所以颜色很绿").shingles(5))
    assert Text("one two three").shingles(2) == {("one", "two"), ("two", "three")}
    assert Text("one two").shingles(5) == set()


def test_a_huge_text_is_looked_at_in_part_only():
    assert len(Text("word " * 1_000_000).raw) == BOUND
