import pytest

from wrank.data.augment.sentence_noise import SentenceNoise
from wrank.errors import WrankError

THREE = "One is. Two is. Three is."


def first(item):
    return item.passages[0]


def test_dropped_then_reversed_then_mixed(make_list, script):
    """By hand: 0.1 drops the first; the scripted permutation reverses; foreign sentence 2 (of ids a, then c) at 1."""
    made = script(uniform=[0.0, 0.1, 0.6, 0.7, 0.0, 0.0], whole=[2, 1])
    item = make_list((THREE, 1), ("Ex. Why.", 0), ("Zed! Uh?", 0), ids=["b", "c", "a"])
    noise = SentenceNoise(drop=0.5, shuffle=0.5, mix=0.5, grades=[1, 3])
    assert first(noise(item, 0)) == "Three is. Ex. Two is."
    assert made[0].limits == [(0, 4), (0, 3)]


def test_each_part_by_itself(make_list, script):
    item = make_list((THREE, 1), ("Foreign.", 0))
    draws = {"uniform": [0.0, 0.1, 0.6, 0.7, 0.4, 0.4], "whole": [0, 3]}
    script(**draws)
    assert first(SentenceNoise(drop=0.5, grades=[1, 1])(item, 0)) == "Two is. Three is."
    assert first(SentenceNoise(shuffle=0.5, grades=[1, 1])(item, 0)) == "Three is. Two is. One is."
    assert first(SentenceNoise(mix=0.5, grades=[1, 1])(item, 0)) == "One is. Two is. Three is. Foreign."
    for settings in ({"shuffle": 0.4}, {"mix": 0.4}, {"drop": 0.05}):
        assert first(SentenceNoise(**settings)(item, 0)) == THREE


def test_the_share_of_dropped_sentences_is_the_one_asked_for(make_list):
    item = make_list((" ".join(f"Sentence {n}." for n in range(100)), 1))
    left = sum(first(SentenceNoise(drop=0.4)(item, epoch)).count(".") for epoch in range(20))
    assert abs(left - 1200) < 4 * (2000 * 0.4 * 0.6) ** 0.5


def test_all_orders_come_up_and_no_sentence_is_lost(make_list):
    item = make_list((THREE, 1))
    texts = {first(SentenceNoise(shuffle=1.0)(item, epoch)) for epoch in range(100)}
    assert len(texts) == 6
    assert all(sorted(text.split()) == sorted(THREE.split()) for text in texts)


def test_only_relevant_passages_are_mixed_and_only_with_irrelevant_ones(make_list):
    item = make_list((THREE, 2), ("Four is. Five is.", 1), ("Six is. Seven is.", 0), query="Q is. R is.")
    drawn = [SentenceNoise(mix=1.0, texts="both")(item, epoch) for epoch in range(50)]
    assert all(new.query == item.query and new.passages[2] == item.passages[2] for new in drawn)
    for place in (0, 1):
        for new in drawn:
            added = new.passages[place].replace("Six is.", "").replace("Seven is.", "")
            assert added.split() == item.passages[place].split()
            assert new.passages[place] != item.passages[place]
    assert {place for new in drawn for place in [new.passages[0].find("S")]} == {0, 8, 16, 26}


def test_without_an_irrelevant_passage_nothing_is_mixed(make_list):
    item = make_list((THREE, 2), ("Four is. Five is.", 1))
    assert SentenceNoise(mix=1.0)(item, 0) == item


def test_one_sentence_always_stays(make_list):
    item = make_list((THREE, 1), ("你好。再见。", 1))
    for epoch in range(20):
        new = SentenceNoise(drop=1.0)(item, epoch)
        assert new.passages[0] in ("One is.", "Two is.", "Three is.")
        assert new.passages[1] in ("你好。", "再见。")


@pytest.mark.parametrize("text", ["just one sentence", "Just  one.", "word", " \n", "没有", "你好。", "... !"])
def test_a_text_of_one_sentence_stays(make_list, text):
    item = make_list((text, 1), ("Other one. And two.", 0), query=text)
    new = SentenceNoise(drop=0.9, shuffle=1.0, mix=1.0, grades=[1, 1], texts="both")(item, 0)
    assert new == item


def test_a_text_without_a_change_keeps_its_white_space(make_list):
    item = make_list(("One.\n\n Two  it is. ", 1))
    assert SentenceNoise(drop=1e-12)(item, 0) == item


def test_chinese_sentences_are_joined_without_a_space(make_list, script):
    script(uniform=[0.0, 0.9, 0.9, 0.0, 0.9])
    assert first(SentenceNoise(shuffle=1.0)(make_list(("你好。再见！", 1)), 0)) == "再见！你好。"


@pytest.mark.parametrize(
    ("settings", "fragment"),
    [
        ({}, "data.augment.drop, shuffle and mix are all 0: nothing would change"),
        ({"drop": 1.5}, "data.augment.drop is 1.5; wanted a share from 0 to 1"),
        ({"shuffle": -1}, "data.augment.shuffle is -1"),
        ({"shuffle": True}, "data.augment.shuffle is True"),
        ({"mix": "yes"}, "data.augment.mix is 'yes'"),
        ({"mix": 0.5, "texts": "query"}, "data.augment.mix is 0.5, but data.augment.texts is query"),
        ({"mix": 0.5, "drop": 0.1, "grades": [0, 0]}, r"data.augment.mix is 0.5, .*data.augment.grades \[0, 0\]"),
        ({"drop": 0.5, "probability": 0.0}, "data.augment.probability is 0.0"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, fragment):
    with pytest.raises(WrankError, match=fragment):
        SentenceNoise(**settings)
