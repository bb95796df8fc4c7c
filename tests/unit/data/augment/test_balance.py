"""More relevant passages, none of them said twice."""

import math
import re

import pytest

from wrank.data.augment.balance import Balance
from wrank.data.augment.base import Augmentation, renewed
from wrank.data.augment.crop import Crop
from wrank.data.augment.sentence_noise import SentenceNoise
from wrank.data.augment.token_noise import TokenNoise
from wrank.data.collate import collate, in_batch_masks
from wrank.errors import WrankError

WORDS = "one two three four five six seven eight"


def noise():
    return TokenNoise(delete=0.3, shuffle=3)


@pytest.mark.parametrize(
    ("relevant", "others", "share", "most", "wanted"),
    [
        (1, 7, 0.5, 9, 6),  # 7 beside 7
        (1, 7, 0.5, 3, 3),  # no more variants than allowed
        (2, 6, 0.25, 9, 0),  # there already
        (2, 6, 0.4, 9, 2),  # 4 of 10
        (2, 5, 0.5, 9, 3),
        (1, 3, 0.74, 20, 8),  # 9 of 12 is the first share from 0.74 up
        (3, 0, 0.5, 9, 0),
        (0, 4, 0.5, 9, 0),
    ],
)
def test_variants_fill_up_to_the_share(make_list, relevant, others, share, most, wanted):
    """By hand: v variants with (relevant + v) / (relevant + others + v) >= share, the fewest."""
    item = make_list(*[(f"{WORDS} r{n}", 2) for n in range(relevant)], *[(f"{WORDS} o{n}", 0) for n in range(others)])
    new = Balance(noise=noise(), share=share, most=most)(item, 0)
    assert len(new.grades) - len(item.grades) == wanted


def test_the_list_comes_first_as_it_was_and_variants_are_their_passages(make_list):
    item = make_list((f"{WORDS} r", 3), (f"{WORDS} s", 1), *[(f"{WORDS} o{n}", 0) for n in range(6)])
    item.keys = list(range(100, 108))
    new = Balance(noise=noise(), share=0.5)(item, 0)
    assert new.passages[:8] == item.passages
    assert (new.weight, new.pairs, new.query) == (item.weight, item.pairs, item.query)
    assert sorted(new.passage_ids[8:]) == ["p0#1", "p0#2", "p1#1", "p1#2"]  # they take turns
    assert new.sources[8:] == ["variant"] * 4
    assert all(math.isnan(score) for score in new.teacher[8:])
    for id, text, grade, key in zip(new.passage_ids[8:], new.passages[8:], new.grades[8:], new.keys[8:], strict=True):
        place = int(re.match(r"p(\d)#", id)[1])
        assert (grade, key) == (item.grades[place], item.keys[place])
        assert set(text.split()) <= set(item.passages[place].split())


def test_no_text_comes_twice(make_list):
    item = make_list(("a b", 1), *[(f"o{n} o o", 0) for n in range(9)])
    for epoch in range(50):
        new = Balance(noise=TokenNoise(delete=0.5), most=9)(item, epoch)
        assert len(set(new.passages)) == len(new.passages)
        assert set(new.passages[10:]) <= {"a", "b"}  # there are no other variants of two words


def test_a_noise_that_changes_nothing_makes_no_variant(make_list):
    item = make_list(("one sentence alone", 1), ("another. of two.", 0), ("b", 0))
    assert Balance(noise=SentenceNoise(drop=0.5))(item, 0) == item
    assert Balance(noise=Crop(share=[0.1, 0.5]))(item, 0) == item  # a crop is a query, the passages stay


def test_each_variant_is_drawn_for_itself_and_anew_each_epoch(make_list):
    item = make_list((" ".join(WORDS.split() * 5), 1), *[(f"o{n}", 0) for n in range(9)])
    texts = [text for epoch in range(10) for text in Balance(noise=noise(), most=8)(item, epoch).passages[10:]]
    assert len(texts) == len(set(texts)) == 80


def test_a_variant_is_no_negative_where_its_passage_is_known_to_be_relevant(make_list):
    """Its key is its passage's: another query whose positive the passage is does not meet the variant either."""
    first = make_list((f"{WORDS} r", 1), ("o", 0), ("p", 0), query_id="a")
    other = make_list((f"{WORDS} x", 1), ("y", 0), ("z", 0), query_id="b", ids=["x", "y", "z"])
    first.keys, other.keys = [1, 2, 3], [4, 5, 6]
    longer = Balance(noise=noise(), share=0.5)(first, 0)
    assert len(longer.passages) == 4
    for known_of_b, wanted in (([1, 4], 0), ([4], 1)):
        batch = collate([longer, other], lambda id, known=known_of_b: [1] if id == "a" else known)
        own_BN, valid_BN, _ = in_batch_masks(batch.keys_BK, batch.mask_BK, batch.known_BJ)
        assert valid_BN[0, :4].all()  # its own list holds both
        columns = valid_BN[1] & ~own_BN[1] & (batch.keys_BK.flatten() == 1)
        assert int(columns.sum()) == wanted  # of a passage and its variants one column at most


def test_seed_query_and_passage_each_change_the_draw(make_list):
    def drawn(seed=0, query_id="q", id="p0"):
        item = make_list((WORDS, 1), ("o", 0), ("p", 0), query_id=query_id, ids=[id, "p1", "p2"])
        return [Balance(noise=TokenNoise(delete=0.3, seed=seed))(item, epoch).passages[3:] for epoch in range(10)]

    found = [drawn(), drawn(), drawn(seed=1), drawn(query_id="r"), drawn(id="x")]
    assert found[0] == found[1]
    assert all(one != found[0] for one in found[2:])


class Loud(Augmentation):
    """Writes what it was asked into the text."""

    def __call__(self, item, epoch):
        return renewed(item, passages=[f"{text} {self._path}" for text in item.passages])


def test_any_augmentation_can_make_the_variants(make_list):
    item = make_list(("r", 1), ("o", 0), ("p", 0))
    assert Balance(noise=Loud())(item, 0).passages[3:] == ["r Balance/1.0/Loud"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": None}, "data.augment.noise is None; wanted an augmentation"),
        ({"noise": Balance(noise=noise())}, "data.augment.noise is a Balance"),
        ({"share": 1}, "data.augment.share is 1; wanted a share above 0 and below 1"),
        ({"share": 0}, "data.augment.share is 0"),
        ({"most": 0}, "data.augment.most is 0"),
        ({"seed": 0.5}, "data.augment.seed is 0.5"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(WrankError, match=message):
        Balance(**({"noise": noise()} | settings))
