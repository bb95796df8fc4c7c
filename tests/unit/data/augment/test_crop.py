import pytest

from wrank.data.augment.crop import Crop
from wrank.errors import WrankError

TEN = "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9"
FOUR = "Alpha beta gamma. Delta epsilon zeta. Eta theta iota. Kappa lambda mu."


def test_passage_then_length_then_place_are_drawn(make_list, script):
    """By hand: passage 1 of (a, c), share 0.2 + 0.3 * 0.5 = 0.35 of 10 words, rounded 4, from word 2 of 0..6."""
    made = script(uniform=[0.0, 0.5], whole=[1, 2])
    item = make_list((TEN, 2), ("x y z", 1), ("irrelevant one", 0), ids=["c", "a", "b"])
    new = Crop(share=[0.2, 0.5])(item, 0)
    assert new.query == "w2 w3 w4 w5"
    assert made[0].limits == [(0, 2), (0, 7)]
    assert new.passages == item.passages


def test_the_sentence_of_the_crop_leaves_the_passage(make_list, script):
    """By hand: the only source, its sentence 2 of 0..3, 2 words of 1..3, from word 1 of 0..1."""
    made = script(uniform=[0.0], whole=[0, 2, 2, 1])
    new = Crop(min_words=1, max_words=9, exclude=True)(make_list((FOUR, 1), ("One. Two.", 0)), 0)
    assert new.query == "theta iota."
    assert new.passages == ["Alpha beta gamma. Delta epsilon zeta. Kappa lambda mu.", "One. Two."]
    assert made[0].limits == [(0, 1), (0, 4), (1, 4), (0, 2)]


def test_the_inverse_cloze_task(make_list):
    drawn = [Crop(share=[1, 1], exclude=True)(make_list((FOUR, 1)), epoch) for epoch in range(50)]
    assert len({new.query for new in drawn}) == 4
    for new in drawn:
        assert new.query in FOUR
        assert new.query not in new.passages[0]
        assert len(new.query) + len(new.passages[0]) + 1 == len(FOUR)


def test_some_passages_keep_their_sentence(make_list):
    """The inverse cloze task keeps it in one case of ten; the query is drawn the same either way."""
    item, settings = make_list((FOUR, 1)), {"share": [1, 1], "exclude": True}
    drawn = [(Crop(keep=0.3, **settings)(item, epoch), Crop(**settings)(item, epoch)) for epoch in range(1000)]
    assert all(new.query == without.query for new, without in drawn)
    assert all(new.passages in (item.passages, without.passages) for new, without in drawn)
    assert abs(sum(new.passages == item.passages for new, _ in drawn) - 300) < 4 * (1000 * 0.3 * 0.7) ** 0.5


def test_every_passage_is_cropped_independently(make_list):
    """Were only the source shortened, its length would tell that it is relevant."""
    other = " ".join(f"v{n}" for n in range(10))
    item = make_list((TEN, 1), (other, 0), ("word", 0))
    drawn = [Crop(share=[0.2, 0.5], independent=True)(item, epoch) for epoch in range(200)]
    for new in drawn:
        assert new.query in TEN
        assert new.passages[0] in TEN
        assert new.passages[1] in other
        assert new.passages[2] == "word"
        assert all(2 <= len(text.split()) <= 5 for text in (new.query, *new.passages[:2]))
    assert len({(new.query, new.passages[0]) for new in drawn}) > 150
    assert len({tuple(word[1:] for word in text.split()) for new in drawn for text in new.passages[:2]}) > 25
    same = [new.passages[0].replace("w", "v") == new.passages[1] for new in drawn]
    assert sum(same) < 20


def test_a_passage_shorter_than_min_words_is_kept_whole(make_list):
    item = make_list((TEN, 1), ("x y", 0), ("u v w z", 0))
    for epoch in range(20):
        new = Crop(min_words=3, max_words=5, independent=True)(item, epoch)
        assert new.passages[1] == "x y"
        assert new.passages[2] in ("u v w", "v w z", "u v w z")
        assert 3 <= len(new.passages[0].split()) <= 5


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        ({"share": [0.2, 0.5]}, {2, 3, 4, 5}),
        ({"share": [0.3, 0.3]}, {3}),
        ({"share": [0.001, 0.001]}, {1}),
        ({"share": [1, 1]}, {9}),
        ({"min_words": 2, "max_words": 4}, {2, 3, 4}),
        ({"min_words": 8, "max_words": 50}, {8, 9}),
        ({"min_words": 9, "max_words": 9}, {9}),
    ],
)
def test_lengths_in_words(make_list, settings, sizes):
    crops = [Crop(**settings)(make_list((TEN, 1)), epoch).query for epoch in range(100)]
    assert {len(crop.split()) for crop in crops} == sizes
    assert all(crop in TEN for crop in crops)
    assert {"w0", "w9"} <= {word for crop in crops for word in crop.split()}


def test_only_relevant_passages_in_the_range_of_grades_are_drawn_from(make_list):
    item = make_list(("a a", 3), ("b b", 2), ("c c", 0.5), ("d d", 0))

    def queries(**settings):
        return {Crop(share=[0.5, 0.5], **settings)(item, epoch).query for epoch in range(60)}

    assert queries() == {"a", "b", "c"}
    assert queries(grades=[1, 2]) == {"b"}
    assert queries(grades=[2, float("inf")]) == {"a", "b"}
    assert queries(grades=[4, 9]) == {"what is it"}


def test_probability_is_the_share_of_queries_replaced(make_list):
    item = make_list((TEN, 1))
    replaced = sum(Crop(share=[0.5, 0.5], probability=0.3)(item, epoch) != item for epoch in range(1000))
    assert abs(replaced - 300) < 4 * (1000 * 0.3 * 0.7) ** 0.5


def test_paraphrases_go_with_the_query_they_belonged_to(make_list):
    item = make_list((TEN, 1))
    new = Crop(share=[0.5, 0.5])(item, 0)
    assert (new.paraphrases, new.teacher, new.pairs, new.weight) == ([], item.teacher, item.pairs, 0.5)
    assert item.paraphrases == ["what that is"]


@pytest.mark.parametrize("text", ["word", " \n ", "我", ""])
def test_a_passage_too_short_to_crop_is_not_drawn_from(make_list, text):
    item = make_list((text, 3), (TEN, 0))
    for settings in ({"exclude": True}, {"independent": True}, {}):
        assert Crop(share=[0.1, 1.0], **settings)(item, 0) == item
    assert Crop(min_words=10, max_words=20)(make_list((TEN, 1)), 0).query == "what is it"


def test_a_passage_of_one_sentence_is_not_excluded_from(make_list):
    item = make_list(("only one sentence here", 1), ("Two of. Them here.", 1))
    drawn = [Crop(share=[1, 1], exclude=True)(item, epoch) for epoch in range(20)]
    assert {new.query for new in drawn} == {"Two of.", "Them here."}
    assert {new.passages[0] for new in drawn} == {item.passages[0]}


def test_sentences_below_min_words_are_not_drawn(make_list):
    item = make_list(("Short. This one is long. No.", 1))
    drawn = [Crop(min_words=3, max_words=9, exclude=True)(item, epoch) for epoch in range(20)]
    assert {new.passages[0] for new in drawn} == {"Short. No."}


def test_chinese_is_cropped_by_character(make_list):
    text = "我爱北京天安门。"
    crops = {Crop(min_words=2, max_words=3)(make_list((text, 1)), epoch).query for epoch in range(50)}
    assert {len(crop) for crop in crops} == {2, 3}
    assert all(crop in text for crop in crops)


@pytest.mark.parametrize(
    ("settings", "fragment"),
    [
        ({}, "min_words, max_words and share are None, None and None; wanted"),
        ({"min_words": 2}, "min_words, max_words and share are 2, None and None"),
        ({"max_words": 2}, "min_words, max_words and share are None, 2 and None"),
        ({"min_words": 2, "max_words": 3, "share": [0.1, 0.2]}, "are 2, 3 and "),
        ({"min_words": 2, "share": [0.1, 0.2]}, "are 2, None and "),
        ({"min_words": 0, "max_words": 3}, "data.augment.min_words is 0; wanted a whole number from 1 up"),
        ({"min_words": 4, "max_words": 3}, "data.augment.max_words is 3; wanted a whole number from 4 up"),
        ({"min_words": 1.5, "max_words": 3}, "data.augment.min_words is 1.5"),
        ({"share": [0, 0.5]}, r"data.augment.share is \[0, 0.5\]; wanted"),
        ({"share": [0.5, 1.5]}, "data.augment.share"),
        ({"share": [0.5, 0.2]}, "data.augment.share"),
        ({"share": 0.5}, "data.augment.share is 0.5"),
        ({"share": [0.1, 0.5], "exclude": True, "independent": True}, "exclude and data.augment.independent are both"),
        ({"share": [0.1, 0.5], "keep": 0.1}, "data.augment.keep is 0.1 and data.augment.exclude is False; wanted"),
        ({"share": [0.1, 0.5], "exclude": True, "keep": 1.0}, "data.augment.keep is 1.0 and data.augment.exclude is T"),
        ({"share": [0.1, 0.5], "exclude": True, "keep": -0.1}, "data.augment.keep is -0.1; wanted a share"),
        ({"share": [0.1, 0.5], "exclude": "yes"}, "data.augment.exclude is 'yes'; wanted true or false"),
        ({"share": [0.1, 0.5], "independent": 1}, "data.augment.independent is 1"),
        ({"share": [0.1, 0.5], "grades": [0, 3]}, r"data.augment.grades is \[0, 3\]; wanted .* above 0"),
        ({"share": [0.1, 0.5], "grades": [3, 1]}, "data.augment.grades"),
        ({"share": [0.1, 0.5], "probability": 0}, "data.augment.probability is 0"),
        ({"share": [0.1, 0.5], "seed": "x"}, "data.augment.seed is 'x'"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, fragment):
    with pytest.raises(WrankError, match=fragment):
        Crop(**settings)
