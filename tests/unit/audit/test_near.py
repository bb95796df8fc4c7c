import numpy as np
import pytest

from wrank.audit.near import Index, band_keys, candidates, jaccard, shingles, windows
from wrank.generator.text import Text

WORDS = [f"word{n}" for n in range(100)]


def sets(*texts):
    return [shingles(Text(text), 3) for text in texts]


def test_jaccard_by_hand():
    a, b = sets("a b c d", "a b c e")
    assert jaccard(a, b) == pytest.approx(1 / 3)
    assert jaccard(a, a) == 1
    assert jaccard(*sets("", "")) == 0


def test_case_punctuation_and_space_do_not_matter_but_order_does():
    a, b, c = sets("The cat, it sat.", "the  CAT it sat", "sat it cat the")
    assert jaccard(a, b) == 1
    assert jaccard(a, c) == 0


def test_a_text_shorter_than_a_run_is_one_run():
    assert len(sets("two words")[0]) == 1
    assert len(windows(["a", "b"], 8)) == 0


def test_texts_without_spaces_between_words_are_compared_too():
    a, b = sets("今日はとても良い天気です散歩に行きましょう", "今日はとても良い天気です買い物に行きましょう")
    assert 0.2 < jaccard(a, b) < 1


def test_hashes_are_the_same_in_every_process():
    assert windows(["alpha", "beta", "gamma"], 3).tolist() == [2784050176]


def test_near_duplicates_become_candidates_and_others_do_not():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 80)) for _ in range(300)]
    copies = [text.replace(text.split()[40], "changed", 1) for text in texts[:100]]
    pairs = candidates(band_keys(sets(*texts, *copies)))
    assert {(n, n + 300) for n in range(100)} <= {tuple(pair) for pair in pairs.tolist()}
    assert len(pairs) < 150


def test_many_equal_texts_cost_no_more_than_others():
    assert len(candidates(band_keys(sets(*["the same text every time"] * 500)))) < 1000


def test_texts_without_a_word_meet_nobody():
    assert len(candidates(band_keys(sets("", "!!", "")))) == 0
    assert list(Index(sets("", "one two three")).lookup(sets("", "one two three"))) == [(1, 1)]
