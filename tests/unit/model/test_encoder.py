import pytest
import torch

from wrank.errors import WrankError
from wrank.model.encoder import Encoder
from wrank.model.loading import load_parts
from wrank.model.pooling import POOLINGS
from wrank.model.tiny import tiny_parts

TEXTS = ["of a wing", "a", "", "boundary layer flow past a flat plate", "shock wave", "x" * 30]
ARCHITECTURES = ["bert", "distilbert", "gpt2", "llama", "modernbert", "mpnet", "qwen2", "roberta", "t5"]


@pytest.fixture
def encoder():
    return Encoder(*tiny_parts(3), "mean")


@pytest.mark.parametrize("chunk", [1, 2, 4, 100])
def test_chunks_do_not_change_vectors_nor_gradients(encoder, chunk):
    ids = encoder.tokenize(TEXTS, 64)
    direction = torch.linspace(-1, 1, encoder.dimension)
    results = []
    for size in (None, chunk):
        encoder.zero_grad()
        vectors = encoder.embed(ids, size)
        (vectors @ direction).pow(2).sum().backward()
        results.append((vectors.detach(), [p.grad.clone() for p in encoder.parameters() if p.grad is not None]))
    torch.testing.assert_close(results[0][0], results[1][0], atol=1e-6, rtol=1e-6)
    assert len(results[0][1]) > 10
    for whole, chunked in zip(results[0][1], results[1][1], strict=True):
        torch.testing.assert_close(whole, chunked, atol=2e-6 * float(whole.abs().max() + 1), rtol=1e-5)


def test_sorting_by_length_does_not_change_the_order_of_the_result(encoder):
    ids = encoder.tokenize(TEXTS, 64)
    together = encoder.embed(ids, 2)
    for row, token_ids in enumerate(ids):
        torch.testing.assert_close(together[row], encoder.embed([token_ids])[0], atol=1e-6, rtol=1e-6)


def test_a_chunk_is_padded_to_its_own_longest_only(encoder, monkeypatch):
    widths = []
    run = encoder.transformer.forward
    monkeypatch.setattr(
        encoder.transformer, "forward", lambda **given: widths.append(tuple(given["input_ids"].shape)) or run(**given)
    )
    encoder.embed([[2, 3], [2] * 9, [2] * 4, [2] * 8], 2)
    assert widths == [(2, 9), (2, 4)]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_padding_and_a_left_out_mask_change_no_vector(model_folder, architecture, pooling):
    encoder = Encoder(*load_parts(model_folder(architecture)), pooling)
    ids = [[2, 10, 11, 12, 3], [2, 20, 3], [2, 30, 31, 32, 33, 34, 35, 36, 37, 38, 3]]
    with torch.no_grad():
        together = encoder.embed(ids)
        for row, token_ids in enumerate(ids):
            alone = encoder.embed([token_ids])[0]  # no padding: no mask is passed
            masked = encoder.transformer(
                input_ids=torch.tensor([token_ids]), attention_mask=torch.ones(1, len(token_ids), dtype=torch.long)
            ).last_hidden_state[0]
            wanted = masked.mean(dim=0) if pooling == "mean" else masked[-1]
            torch.testing.assert_close(alone, wanted, atol=1e-6, rtol=1e-5)
            torch.testing.assert_close(together[row], wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gpt2"])
def test_a_decoder_stays_causal_without_a_mask(model_folder, architecture):
    encoder = Encoder(*load_parts(model_folder(architecture)), "cls")
    with torch.no_grad():
        vectors = encoder.embed([[2, 10, 11], [2, 40, 41]])
    torch.testing.assert_close(vectors[0], vectors[1])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_half_precision_inside_still_gives_float32_vectors(pooling):
    encoder = Encoder(*tiny_parts(3), pooling)
    ids = encoder.tokenize(TEXTS, 64)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = encoder.embed(ids)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, encoder.embed(ids), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("length", [8, 20])
def test_truncation_keeps_the_special_tokens(encoder, length):
    short, long = encoder.tokenize(["ab", "c" * 50], length)
    start, end = encoder.tokenizer.cls_token_id, encoder.tokenizer.sep_token_id
    assert (short[0], short[-1], len(short)) == (start, end, 4)
    assert (long[0], long[-1], len(long)) == (start, end, length)


def test_the_fast_way_of_tokenizing_equals_the_wrapper_of_transformers(encoder):
    texts = [*TEXTS, "a [SEP] b", "\x85 naïve"]
    wanted = encoder.tokenizer(texts, truncation=True, max_length=16)["input_ids"]
    assert encoder.tokenize(texts, 16) == wanted


def test_a_limit_of_one_call_does_not_stay_for_the_next(encoder):
    encoder.tokenize(["c" * 50], 10)
    assert len(encoder.tokenize(["c" * 50], 60)[0]) == 52


def test_an_empty_text_under_a_tokenizer_without_special_tokens_still_has_a_vector(encoder):
    from tokenizers.processors import ByteLevel

    encoder.tokenizer.backend_tokenizer.post_processor = ByteLevel()
    ids = encoder.tokenize(["", "ab"], 10)
    assert ids[0] == [encoder.tokenizer.pad_token_id]
    assert len(ids[1]) == 2
    assert torch.isfinite(encoder.embed(ids)).all()


def test_no_texts_give_no_vectors(encoder):
    assert encoder.tokenize([], 10) == []
    assert encoder.embed([]).shape == (0, 32)


def test_a_chunk_below_one_is_refused(encoder):
    with pytest.raises(WrankError, match="chunk=0"):
        encoder.embed([[2, 3]], 0)
