import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from wrank.errors import WrankError
from wrank.model.cross_encoder import CrossEncoder
from wrank.model.separator import separate_pairs, separates_pairs
from wrank.model.tiny import byte_tokenizer

PAIRS = [("ab", "cd"), ("abc", "d"), ("", "abcd")]


def tokenizer(post_processor=None, **named):
    """Two words and the tokens <s> and </s>."""
    backend = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "a": 2, "b": 3, "?": 4}, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    if post_processor is not None:
        backend.post_processor = post_processor
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="</s>", bos_token="<s>", **named)


def template(pair):
    return processors.TemplateProcessing(single="<s> $A", pair=pair, special_tokens=[("<s>", 0)])


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        (None, [2, 1, 3]),
        (template("<s> $A $B:1"), [0, 2, 1, 3]),
        (template("$A $B:1 <s>:1"), [2, 1, 3, 0]),
        (processors.ByteLevel(), [2, 1, 3]),
        (processors.Sequence([processors.ByteLevel(), template("<s> $A $B:1")]), [0, 2, 1, 3]),
    ],
)
def test_the_end_token_stands_between_where_nothing_does(before, wanted):
    one = tokenizer(before, eos_token="</s>")
    alone = one("a")["input_ids"]
    assert not separates_pairs(one)
    separate_pairs(one)
    assert separates_pairs(one)
    assert one("a", "b")["input_ids"] == wanted
    assert one("a")["input_ids"] == alone
    assert one("b " * 50, "a " * 50, truncation="longest_first", max_length=7)["input_ids"].count(1) == 1
    separate_pairs(one)
    assert one("a", "b")["input_ids"] == wanted, "it was put there twice"


def test_a_separator_that_is_there_is_left_alone():
    one = tokenizer(template("<s> $A <s> $B:1"), eos_token="</s>")
    separate_pairs(one)
    assert one("a", "b")["input_ids"] == [0, 2, 0, 3]
    bert = byte_tokenizer()
    before = bert.backend_tokenizer.to_str()
    separate_pairs(bert)
    assert bert.backend_tokenizer.to_str() == before


def test_a_tokenizer_without_a_token_for_it_is_refused():
    with pytest.raises(WrankError, match="sep_token or eos_token"):
        separate_pairs(tokenizer())


@pytest.mark.parametrize("flags", [{}, {"add_bos_token": False}, {"add_bos_token": False, "add_eos_token": False}])
def test_a_saved_tokenizer_still_separates(flags, tmp_path):
    """transformers makes a template of these flags where a folder has none."""
    tokenizer(eos_token="</s>", **flags).save_pretrained(tmp_path / "before")
    one = AutoTokenizer.from_pretrained(tmp_path / "before")
    separate_pairs(one)
    one.save_pretrained(tmp_path / "after")
    assert AutoTokenizer.from_pretrained(tmp_path / "after")("a", "b")["input_ids"] == [2, 1, 3]


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gpt2"])
def test_a_decoder_reads_where_the_passage_begins_also_when_it_is_saved(model_folder, tmp_path, architecture):
    from sentence_transformers import CrossEncoder as Theirs

    from wrank.teacher.cross_encoder import CrossEncoderTeacher

    model = CrossEncoder(path=str(model_folder(architecture, decoder_texts=True)), max_length=32)
    assert len({tuple(row["input_ids"]) for row in model.tokenize(PAIRS)}) == len(PAIRS)
    wanted = list(model.score_pairs(PAIRS))
    assert abs(wanted[0] - wanted[1]) > 1e-5
    model.save(tmp_path / "best")
    again = CrossEncoder(path=str(tmp_path / "best"))
    assert again.fingerprint() == model.fingerprint()
    np.testing.assert_allclose(list(again.score_pairs(PAIRS)), wanted, atol=1e-6)
    np.testing.assert_allclose(Theirs(str(tmp_path / "best"), device="cpu").predict(PAIRS), wanted, atol=1e-5)
    with CrossEncoderTeacher(str(tmp_path / "best"), max_length=32, device="cpu") as teacher:
        np.testing.assert_allclose(list(teacher.score(PAIRS)), wanted, atol=1e-5)


def test_a_head_that_was_trained_without_a_separator_keeps_reading_so(model_folder, tmp_path):
    model = CrossEncoder(path=str(model_folder("llama", decoder_texts=True)))
    model.save(tmp_path / "best")
    byte_tokenizer(decoder=True).save_pretrained(tmp_path / "best")
    again = CrossEncoder(path=str(tmp_path / "best"))
    assert not separates_pairs(again.tokenizer)
