import numpy as np
import pytest

from wrank.audit.style import style


def value(text, name, *others):
    names, table = style([text, *others])
    return table[0, names.index(name)]


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        ("One two. Three four! Five?", "sentences (in all)", 3),
        ("Version 3.14 is one sentence", "sentences (in all)", 1),
        ("First, second, third fourth", "commas", 50),
        ("It is important to note that cats sleep", "stock phrases", 12.5),
        ("I cannot help with that.", "refusal or preamble", 1),
        ("A <b>bold</b> word here", "markup", 200 / 6),
        ("no capital, no stop", "starts in lower case", 1),
        ("no capital, no stop", "ends without a stop", 1),
        ("A 12 b 3", "digits", 75),
    ],
)
def test_features_by_hand(text, name, wanted):
    assert value(text, name) == pytest.approx(wanted)


def test_common_first_words_are_features():
    names, table = style(["However, a", "However, b", "However, c", "Else"])
    assert table[:, names.index("first word: however")].tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("text", ["", " ", "!!!", "\u0000", "漢字だけの文章です。", "a" * 50_000, "<<<>>>" * 2000])
def test_any_text_has_finite_features(text):
    assert np.isfinite(style([text])[1]).all()
