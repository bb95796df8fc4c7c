import pytest

from wrank.data.augment.words import join_pieces, split_words, word_spans


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one two\n three", ["one", "two", "three"]),
        ("word", ["word"]),
        ("", []),
        (" \t\u3000\x85 ", []),
        ("naïve café, 3.14!", ["naïve", "café,", "3.14!"]),
        ("我爱北京。", ["我", "爱", "北", "京", "。"]),
        ("用BERT检索", ["用", "BERT", "检", "索"]),
        ("ひらカタ", ["ひ", "ら", "カ", "タ"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("𠀀x 👍🏽 y", ["𠀀", "x", "👍🏽", "y"]),
    ],
)
def test_words_are_what_white_space_or_the_script_sets_apart(text, words):
    assert split_words(text) == words
    assert [text[start:end] for start, end in word_spans(text)] == words


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["one", "two"], "one two"),
        (["我", "爱", "。"], "我爱。"),
        (["用", "BERT", "检", "索"], "用 BERT 检索"),
        (["你好。", "再见。", "Bye."], "你好。再见。 Bye."),
        (["한국어", "문장"], "한국어 문장"),
        (["one"], "one"),
        ([], ""),
    ],
)
def test_pieces_are_joined_as_the_script_writes(pieces, text):
    assert join_pieces(pieces) == text
