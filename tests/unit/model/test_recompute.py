"""Chunks that are computed again give the same vectors and gradients, and keep nothing until then."""

import pytest
import torch

from wrank.model import recompute
from wrank.model.bi_encoder import BiEncoder
from wrank.model.recompute import recomputed, recomputed_apart

TEXTS = [f"{word} " * count for word, count in zip("abcdefgh", (9, 7, 5, 5, 4, 3, 2, 1), strict=True)]
WAYS = {"plain": None, "again": recomputed, "apart": recomputed_apart}


def model(way):
    made = BiEncoder("random:tiny", query_length=32, passage_length=64, dropout=0.1).train()
    made.encoder.recompute = way != "plain"
    made.encoder.passes = (lambda count: count) if way == "apart" else None
    return made


def vectors_and_gradient(way, autocast=False):
    made = model(way)
    ids = made.tokenize(TEXTS, "passage")
    torch.manual_seed(5)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        vectors = made.embed(ids, "passage", chunk=3)
    weights = torch.linspace(-1, 1, vectors.numel()).view_as(vectors)
    (vectors * weights).sum().backward()
    after = torch.rand(1)
    return vectors.detach(), [p.grad for p in made.parameters() if p.grad is not None], after


@pytest.mark.parametrize("way", ["again", "apart"])
@pytest.mark.parametrize("autocast", [False, True])
def test_vectors_and_gradients_are_the_same_with_dropout(way, autocast):
    expected, gradients, after = vectors_and_gradient("plain", autocast)
    found, found_gradients, found_after = vectors_and_gradient(way, autocast)
    assert torch.equal(found, expected)
    assert len(found_gradients) == len(gradients)
    for one, other in zip(found_gradients, gradients, strict=True):
        # in bf16 the chunks' gradients of a weight are added before they are rounded, or after
        near = {"rtol": 1e-2, "atol": 1e-5} if autocast else {"rtol": 1e-5, "atol": 1e-7}
        torch.testing.assert_close(one, other, **near)
    assert torch.equal(found_after, after)  # the second pass gives back the random state it borrowed


@pytest.mark.parametrize("way", WAYS)
def test_what_a_forward_pass_keeps(way):
    """Bytes that autograd holds between the passes, weights aside: a hundredth of what it holds otherwise."""
    made = model(way)
    own = {p.data_ptr() for p in made.parameters()}
    kept = []

    def pack(tensor):
        if tensor.data_ptr() not in own:
            kept.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        made.embed(made.tokenize(TEXTS * 8, "passage"), "passage", chunk=8)
    assert (sum(kept) < 100_000) == (way != "plain"), sum(kept)


def test_random_state_of_the_weights_device_is_put_back(monkeypatch):
    """torch.utils.checkpoint looks at its tensors for the GPUs whose random state it must keep."""
    seen = []

    def checkpoint(forward, *tensors, **named):
        seen.append((tensors, named))
        return forward(*tensors)

    monkeypatch.setattr(recompute, "checkpoint", checkpoint)
    made = model("again")
    made.embed(made.tokenize(TEXTS, "passage"), "passage", chunk=4)
    assert len(seen) == 2
    for tensors, named in seen:
        assert tensors[0].device == made.device
        assert named["preserve_rng_state"]


@pytest.mark.parametrize("again", [recomputed, recomputed_apart])
def test_without_gradients_it_is_a_plain_call(again):
    with torch.no_grad():
        assert torch.equal(again(torch.exp, torch.zeros(2)), torch.ones(2))


def test_ranks_that_exchange_weights_make_as_many_passes():
    """Empty passes change nothing, and count for the gradient's hooks."""
    made = model("plain").eval()
    ids = made.tokenize(TEXTS, "passage")
    expected = made.embed(ids, "passage", chunk=4)
    passes = []
    made.encoder.transformer.register_forward_hook(lambda *words: passes.append(1))
    made.encoder.passes = lambda count: count + 2
    assert torch.equal(made.embed(ids, "passage", chunk=4), expected)
    assert len(passes) == 4
