import numpy as np
import pytest

from wrank.audit.words import overlap, own_words, present, weighted


def test_the_querys_words_and_their_forms_are_left_out():
    assert own_words("baking bread", "Bread: the baker was BAKING, said Bob.") == ["the", "baker", "was", "said", "bob"]
    assert own_words("computers today", "The computer computes") == ["the"]
    assert own_words("red panda", "A red one, not a pan") == ["a", "one", "not", "a", "pan"]


def test_overlap_is_the_share_of_the_querys_words():
    assert overlap("red blue green", "A red and GREEN thing") == pytest.approx(2 / 3)
    assert overlap("", "anything") == 0


def test_first_words_are_features_of_their_own():
    names, held = present(["so it goes", "and so on", "so be it"], least=1)
    assert np.asarray(held[:, [names.index("^ so")]].todense()).ravel().tolist() == [1, 0, 1]
    assert "^" not in names


@pytest.mark.parametrize("texts", [["", ""], ["only once", "never again"]])
def test_texts_that_share_nothing_break_nothing(texts):
    assert weighted(texts).shape[0] == 2
    assert present(texts, least=2)[0] == []
