import pytest

from wrank.data.augment.token_noise import TokenNoise
from wrank.data.augment.words import split_words
from wrank.errors import WrankError

WORDS = [f"w{n}" for n in range(200)]


def first(item):
    return item.passages[0]


def test_one_draw_a_word_decides_what_becomes_of_it(make_list, script):
    """By hand: 0.1 < delete; 0.2 and 0.39 < delete + mask; 0.45 < all three; the rest stays."""
    made = script(uniform=[0.0, 0.1, 0.2, 0.39, 0.45, 0.9, 0.5], whole=[3])
    item = make_list(("one two three four five six", 1), ("x y", 0), ("z u", 0), ids=["b", "c", "a"])
    noise = TokenNoise(delete=0.15, mask=0.25, replace=0.1, grades=[1, 1], mask_token="<mask>")
    # words of the other passages in the order of their ids: z u, then x y; number 3 is y
    assert first(noise(item, 0)) == "<mask> <mask> y five six"
    assert made[0].limits == [(0, 4)]


def test_local_shuffle_sorts_places_plus_a_draw(make_list, script):
    """By hand: 0 + 3*0.9 = 2.7, 1 + 3*0.2 = 1.6, 2 + 3*0.0 = 2, 3 + 3*0.0 = 3: b c a d."""
    script(uniform=[0.0, *[0.5] * 4, 0.9, 0.2, 0.0, 0.0])
    assert first(TokenNoise(shuffle=3)(make_list(("a b c d", 1)), 0)) == "b c a d"


def test_the_share_of_deleted_words_is_the_one_asked_for(make_list):
    item = make_list((" ".join(WORDS), 1))
    left = sum(len(first(TokenNoise(delete=0.3)(item, epoch)).split()) for epoch in range(20))
    assert abs(left - 2800) < 4 * (4000 * 0.3 * 0.7) ** 0.5


def test_masked_and_replaced_shares_are_those_asked_for(make_list):
    item = make_list((" ".join(WORDS), 1), ("foreign words", 0))
    noise = TokenNoise(delete=0.1, mask=0.2, replace=0.3, grades=[1, 1])
    words = [word for epoch in range(20) for word in first(noise(item, epoch)).split()]
    counts = {"[MASK]": 0.2, "foreign": 0.15, "words": 0.15}
    for word, share in counts.items():
        assert abs(words.count(word) - 4000 * share) < 4 * (4000 * share * (1 - share)) ** 0.5
    assert abs(len(words) - 3600) < 4 * (4000 * 0.1 * 0.9) ** 0.5


def test_words_move_by_less_than_the_bound_and_reach_it(make_list):
    item = make_list((" ".join(WORDS), 1))
    farthest = 0
    for epoch in range(20):
        moved = first(TokenNoise(shuffle=4)(item, epoch)).split()
        assert sorted(moved) == sorted(WORDS)
        farthest = max(farthest, *(abs(WORDS.index(word) - place) for place, word in enumerate(moved)))
    assert farthest == 3


@pytest.mark.parametrize("text", ["one two three", "word", "我爱北京", "a 我", "ﷺ é"])
@pytest.mark.parametrize("settings", [{"delete": 1.0}, {"mask": 1.0}, {"replace": 1.0}])
def test_one_word_always_stays(make_list, text, settings):
    item = make_list((text, 1), ("foreign", 0))
    noise = TokenNoise(**settings, texts="both")
    for epoch in range(20):
        new = noise(item, epoch)
        assert set(split_words(first(new))) & set(split_words(text))
        assert set(new.query.split()) & {"what", "is", "it"}


def test_a_text_of_one_word_stays(make_list):
    noise = TokenNoise(delete=0.4, mask=0.3, replace=0.3, shuffle=3, texts="both")
    item = make_list(("word", 1), ("京", 0), query="query")
    assert all(noise(item, epoch) == item for epoch in range(20))


def test_replacements_come_from_the_other_passages_only(make_list):
    item = make_list(("a b c d", 1), ("e f", 1), ("g h", 0))
    drawn = [TokenNoise(replace=1.0, texts="both")(item, epoch) for epoch in range(100)]
    foreign = [{"e", "f", "g", "h"}, {"a", "b", "c", "d", "g", "h"}, {"a", "b", "c", "d", "e", "f"}]
    for place, words in enumerate(foreign):
        found = {word for new in drawn for word in new.passages[place].split()}
        assert found == words | set(item.passages[place].split())
    assert {word for new in drawn for word in new.query.split()} == set("abcdefgh") | {"what", "is", "it"}


def test_without_another_passage_nothing_is_replaced(make_list):
    item = make_list(("a b c d", 1))
    assert TokenNoise(replace=1.0)(item, 0) == item


def test_chinese_is_taken_apart_by_character(make_list):
    item = make_list(("我爱北京天安门", 1))
    texts = {first(TokenNoise(delete=0.5)(item, epoch)) for epoch in range(20)}
    assert len(texts) > 10
    assert all(set(text) <= set("我爱北京天安门") for text in texts)


@pytest.mark.parametrize("text", ["  two\n\nlines \x85 here ", " \t", "\u3000"])
def test_a_text_without_a_change_keeps_its_white_space(make_list, text):
    noise = TokenNoise(delete=1e-12)
    assert first(noise(make_list((text, 1)), 0)) == text


def test_a_blank_text_stays(make_list):
    item = make_list((" \t", 1), ("x", 0), query="\u3000")
    assert TokenNoise(delete=0.5, mask=0.2, replace=0.2, shuffle=3, texts="both")(item, 0) == item


@pytest.mark.parametrize(
    ("settings", "fragment"),
    [
        ({}, "delete, shuffle, mask and replace are all 0: nothing would change"),
        ({"delete": 0.5, "mask": 0.4, "replace": 0.2}, r"0\.5, 0\.4 and 0\.2: 1\.1 together; wanted 1 at most"),
        ({"delete": 1.2}, "data.augment.delete is 1.2; wanted a share from 0 to 1"),
        ({"mask": -0.1}, "data.augment.mask is -0.1"),
        ({"replace": "some"}, "data.augment.replace is 'some'"),
        ({"shuffle": 1}, "data.augment.shuffle is 1: a word would move by less than one place"),
        ({"shuffle": -2}, "data.augment.shuffle is -2; wanted a whole number from 0 up"),
        ({"shuffle": 2.5}, "data.augment.shuffle is 2.5"),
        ({"mask": 0.1, "mask_token": ""}, "data.augment.mask_token is ''; wanted one word"),
        ({"mask": 0.1, "mask_token": "a b"}, "data.augment.mask_token is 'a b'"),
        ({"mask": 0.1, "mask_token": " [MASK]"}, "data.augment.mask_token"),
        ({"mask": 0.1, "mask_token": None}, "data.augment.mask_token is None"),
        ({"delete": 0.1, "texts": "all"}, "data.augment.texts is 'all'"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, fragment):
    with pytest.raises(WrankError, match=fragment):
        TokenNoise(**settings)


def test_shares_that_are_one_together_are_allowed():
    """To the last digit, 0.7 + 0.1 + 0.2 is less than 1, and 0.05 + 0.05 + 0.9 or others may be more."""
    tenths = [n / 20 for n in range(21)]
    above = [(a, b, 1 - a - b) for a in tenths for b in tenths if 1 - a - b >= 0]
    above += [(0.7, 0.1, 0.2), (0.1, 0.2, 0.7), (1.0, 0.0, 0.0)]
    for delete, mask, replace in above:
        assert TokenNoise(delete=delete, mask=mask, replace=replace).noise == pytest.approx(1)
