import pytest

from wrank.audit.data import AuditInput, Graded, Row
from wrank.audit.wording import wording


def told(*rows, query="what is a red panda"):
    made = [Row("q", f"p{n}", text, float(grade)) for n, (text, grade) in enumerate(rows)]
    return wording(Graded(AuditInput("x", {"q": query}, made), 10), 0.7, 5)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I'm sorry, but I cannot help with that.", "refusal"),
        ("Sure! Here is a passage about it.", "preamble"),
        ("```\nA red one\n```", "chat_leftover"),
        ("This passage is highly relevant to it.", "names_level"),
        ("Red panda: what is a", "copies_query"),
    ],
)
def test_faults_are_counted_and_shown(text, name):
    found = told((text, 1), ("It lives in the mountains and eats bamboo.", 0))
    assert found["levels"][1][name] == 1
    assert found["levels"][0][name] == 0
    assert found["fault_share"] == 0.5
    assert found["faults"][name][0]["text"] == text


def test_a_query_word_for_word_is_told_by_level():
    found = told(("So, what is a red panda? An animal of the mountains in Asia.", 1), ("It eats bamboo.", 0))
    assert [level["repeats_query"] for level in found["levels"]] == [0, 1]
    assert found["fault_share"] == 0


def test_variety_is_taken_over_as_many_words_at_every_level():
    found = told(("one two three four five six seven eight", 0), ("go go go go", 1))
    assert [level["budget"] for level in found["levels"]] == [4, 4]
    assert [level["distinct_2"] for level in found["levels"]] == [1, pytest.approx(1 / 3)]
    assert [level["type_token"] for level in found["levels"]] == [1, 0.25]


def test_another_script_than_the_querys_is_told():
    found = told(("Красная панда живёт в горах", 1), ("It lives in the mountains, в горах", 0), ("漢字とかな", 1))
    assert [level["other_script"] for level in found["levels"]] == [0, 1]
    assert found["scripts"] == {"CYRILLIC": 1, "LATIN": 1, "CJK": 1}


def test_empty_passages_break_nothing():
    found = told(("", 0), ("!", 1))
    assert found["levels"][0]["distinct_2"] is None
