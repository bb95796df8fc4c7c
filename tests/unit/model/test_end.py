import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.model.end import end_texts, ends_texts
from wrank.model.tiny import byte_tokenizer


def tokenizer(post_processor=None, **named):
    """Two words and the tokens <s> and </s>."""
    backend = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "a": 2, "b": 3, "?": 4}, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    if post_processor is not None:
        backend.post_processor = post_processor
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="</s>", bos_token="<s>", **named)


def begin():
    return processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])


@pytest.mark.parametrize(
    ("before", "wanted"), [(None, [2, 3, 1]), (begin(), [0, 2, 3, 1]), (processors.ByteLevel(), [2, 3, 1])]
)
def test_the_end_token_comes_after_what_the_tokenizer_writes(before, wanted):
    one = tokenizer(before, eos_token="</s>")
    assert not ends_texts(one)
    end_texts(one, "last")
    assert ends_texts(one)
    assert one("a b")["input_ids"] == wanted
    assert one("b " * 50, truncation=True, max_length=4)["input_ids"][-1] == 1
    assert len(one("b " * 50, truncation=True, max_length=4)["input_ids"]) == 4
    end_texts(one, "last")
    assert one("a b")["input_ids"] == wanted, "it was put there twice"


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_other_poolings_leave_the_tokenizer_alone(pooling):
    one = tokenizer(eos_token="</s>")
    end_texts(one, pooling)
    assert one("a b")["input_ids"] == [2, 3]


def test_a_separator_at_the_end_is_end_enough():
    assert ends_texts(byte_tokenizer())
    assert not ends_texts(byte_tokenizer(decoder=True))


def test_a_tokenizer_without_an_end_token_is_refused():
    with pytest.raises(WrankError, match="eos_token"):
        end_texts(tokenizer(), "last")


def test_a_decoder_pools_its_end_token_also_of_a_text_that_is_cut_and_when_it_is_saved(tmp_path):
    from sentence_transformers import SentenceTransformer

    prompts = {"query_prompt": "Instruct: find it\nQuery: ", "passage_prompt": ""}
    model = BiEncoder("random:tiny_decoder", pooling="last", query_length=40, passage_length=24, **prompts)
    texts = ["a text", "a text that is far too long to be read to its end", ""]
    for role in ("query", "passage"):
        for row in model.tokenize(texts, role):
            assert row[0] == model.encoder.tokenizer.bos_token_id
            assert row[-1] == model.encoder.tokenizer.eos_token_id
            assert row.count(row[-1]) == 1
    model.save(tmp_path / "best")
    again = BiEncoder(path=str(tmp_path / "best"))
    theirs = SentenceTransformer(str(tmp_path / "best"), device="cpu")
    assert again.fingerprint() == model.fingerprint()
    for role, encode in (("query", theirs.encode_query), ("passage", theirs.encode_document)):
        with torch.no_grad():
            wanted = model.embed(model.tokenize(texts, role), role)
            torch.testing.assert_close(again.embed(again.tokenize(texts, role), role), wanted)
        torch.testing.assert_close(encode(texts, convert_to_tensor=True), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_a_decoders_vector_does_not_depend_on_the_padding_beside_it(model_folder, architecture):
    model = BiEncoder(path=str(model_folder(architecture)), pooling="last")
    texts = ["short", "a text that is much longer than the other one"]
    with torch.no_grad():
        both = model.embed(model.tokenize(texts, "passage"), "passage")
        alone = torch.cat([model.embed(model.tokenize([text], "passage"), "passage") for text in texts])
    torch.testing.assert_close(both, alone, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_the_bundled_decoder_trains_a_step(tmp_path):
    """SmolLM2-135M for real: its instruction, its end token, LoRA, and what is saved."""
    model = BiEncoder(
        "bundled:smollm2", pooling="last", query_length=64, passage_length=64, models=str(tmp_path / "models"), lora={}
    )
    (row,) = model.tokenize(["how do decoders embed"], "query")
    assert row[-1] == model.encoder.tokenizer.eos_token_id
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-4)
    pairs = (["what is lift", "what is drag"], ["Lift is an upward force.", "Drag is a force against the motion."])
    losses = []
    for _ in range(6):
        queries, passages = (
            model.embed(model.tokenize(texts, role), role)
            for texts, role in zip(pairs, ("query", "passage"), strict=True)
        )
        loss = torch.nn.functional.cross_entropy(queries @ passages.T / 0.05, torch.arange(2))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]
    model.save(tmp_path / "best")
    again = BiEncoder(path=str(tmp_path / "best"))
    with torch.no_grad():
        wanted, found = (one.embed(one.tokenize(pairs[0], "query"), "query") for one in (model, again))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
