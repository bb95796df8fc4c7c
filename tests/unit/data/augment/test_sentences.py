import pytest

from wrank.data.augment.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One is. Two is! Three is? Four", ["One is.", "Two is!", "Three is?", "Four"]),
        ("no mark at all", ["no mark at all"]),
        ("word", ["word"]),
        ("", []),
        (" \n\u3000 ", []),
        ("  Pad it.  Next one.\n", ["Pad it.", "Next one."]),
        ("Pi is 3.14 or so. See a.b.com now.", ["Pi is 3.14 or so.", "See a.b.com now."]),
        ("Cats, e.g. Tom, of J. Smith. Dogs too.", ["Cats, e.g. Tom, of J. Smith.", "Dogs too."]),
        ("a wing in a slipstream . the lift was measured .", ["a wing in a slipstream .", "the lift was measured ."]),
        ('He said "no." She left (really!). End.', ['He said "no."', "She left (really!).", "End."]),
        ("What?! Wait... Yes.", ["What?!", "Wait...", "Yes."]),
        ("你好。再见！真的？是", ["你好。", "再见！", "真的？", "是"]),
        ("他说「好。」然后走了。", ["他说「好。」", "然后走了。"]),
        ("... What. ! ? Then. ...", ["... What.", "! ? Then. ..."]),
        ("?!", ["?!"]),
        ("! ? .", ["! ? ."]),
        ("first.second.", ["first.second."]),
    ],
)
def test_sentences(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.parametrize("text", ["a b. . c. !", "。。。", "x. 。 y", "\x85a. b.\x85", "👍. 👎.", "Ünï. Cödé."])
def test_no_sentence_is_empty_and_no_character_is_lost(text):
    sentences = split_sentences(text)
    assert all(sentence.strip() for sentence in sentences)
    assert "".join("".join(sentences).split()) == "".join(text.split())
