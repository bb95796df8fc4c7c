"""The gradient of several ranks is that of one process with the joined batch: every loss of conf/loss, cached or not.

Of a bi-encoder, of one whose loss is computed at several sizes (Matryoshka), and of a cross-encoder.

All losses go through one group of four processes, which meet as four ranks, then as two, then as one; each group leaves
its gradients in a file, and the tests compare. Everything is float64, so that only the order of additions differs.
"""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from tests.fixtures.loss_batch import OPTIONS, build
from wrank.data.collate import collate
from wrank.data.text_hash import text_key
from wrank.model.bi_encoder import BiEncoder
from wrank.model.cross_encoder import CrossEncoder
from wrank.records import RankedList
from wrank.training.compute import prepare_model
from wrank.training.cross_module import CrossEncoderModule
from wrank.training.module import ListwiseModule
from wrank.training.settings import TrainerSettings

SIZED = ("infonce", "ws2", "sum")  # losses at several sizes of the vectors
CASES = [
    (option, layout, kind)
    for option in OPTIONS
    for layout in ("global", "none")
    if layout in build(option).in_batch_supported
    for kind in ("plain", "sizes", "cross")
    if kind == "plain"
    or (kind == "sizes" and option in SIZED)
    or (kind == "cross" and layout == "none" and "paraphrases" not in build(option).needs)
]
QUERIES = 8
SIZES = (4, 3, 1, 4, 2, 2, 3, 2)  # passages a list: the ranks' widths differ


def lists():
    """Ragged lists with weights, graded and scored passages, preferences and paraphrases, not all with all of them."""
    generator = torch.Generator().manual_seed(0)
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]

    def text(number, least=3):
        places = torch.randint(len(words), (least + number % 7,), generator=generator).tolist()
        return f"{number} " + " ".join(words[place] for place in places)

    found = []
    for row, size in enumerate(SIZES):
        passages = [text(10 * row + place) for place in range(size)]
        if row == 3:
            passages[1] = found[0].passages[1]  # a text that two queries brought
        found.append(
            RankedList(
                query_id=f"q{row}",
                query=text(row),
                passage_ids=[f"p{row}-{place}" for place in range(size)],
                passages=passages,
                grades=[float(3 - place) if row != 5 else 1.0 for place in range(size)],
                sources=["judged"] * size,
                weight=1.0 + 0.25 * row,
                teacher=None if row in (2, 3) else (2 * torch.randn(size, generator=generator)).tolist(),
                pairs=[(0, size - 1, 0.8)] if row in (0, 1, 6) else [],
                paraphrases=[text(30 + row)] * (row % 3) if row < 6 else [],
            )
        )
    return found


def known(query_id):
    """The known passages of two queries only: as many as ranks have none."""
    return [text_key("known"), text_key(lists()[0].passages[0])] if query_id in ("q1", "q6") else []


def models():
    """Kind -> model, in float64 and without dropout."""
    named = {"dropout": 0.0, "learn_temperature": True, "temperature": 0.3}
    made = {
        "plain": BiEncoder("random:tiny", **named),
        "sizes": BiEncoder("random:tiny", matryoshka=[32, 8], matryoshka_weights=[1.0, 0.5], **named),
        "cross": CrossEncoder("random:tiny", max_length=64, dropout=0.0),
    }
    return {kind: model.train().double() for kind, model in made.items()}


def gradient(model, option, layout, cached, rank, ranks):
    """The mean over the ranks of the parameters' gradients, as DDP has it, and the loss."""
    settings = TrainerSettings(
        in_batch=layout, cache_gradients=cached, passage_chunk=1, precision="32-true", accelerator="cpu"
    )
    cross = isinstance(model, CrossEncoder)
    reader = model if cross else model.encoder
    reader.recompute = False
    prepare_model(model, settings)
    assert reader.recompute == cached
    model.zero_grad()
    torch.manual_seed(0)
    kind = CrossEncoderModule if cross else ListwiseModule
    module = kind(model, build(option).double(), settings, total_steps=1, seed=0)
    module._log = lambda *words: None
    share = QUERIES // ranks
    loss = module.training_step(collate(lists()[rank * share : (rank + 1) * share], known), 0)
    loss.backward()
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in module.parameters()]
    total = torch.cat([part.flatten() for part in parts])
    if ranks > 1:
        dist.all_reduce(total)
    assert total.dtype == torch.float64
    return total / ranks, loss.detach()


def work(rank, folder):
    torch.set_num_threads(1)
    torch.Tensor.float = torch.Tensor.double  # in this process nothing is rounded to float32 on the way
    made = models()
    for ranks in (4, 2, 1):
        if rank >= ranks:
            return
        if ranks > 1:
            meet = f"file://{folder}/meet-{ranks}"
            dist.init_process_group("gloo", init_method=meet, rank=rank, world_size=ranks)
        found = {
            f"{option}/{layout}/{kind}/{cached}": gradient(made[kind], option, layout, cached, rank, ranks)
            for option, layout, kind in CASES
            for cached in (False, True)
        }
        if rank == 0:
            torch.save(found, f"{folder}/{ranks}.pt")
        if ranks > 1:
            dist.barrier()
            dist.destroy_process_group()


@pytest.fixture(scope="module")
def gradients(tmp_path_factory):
    """Number of ranks -> case -> (gradient, loss)."""
    folder = tmp_path_factory.mktemp("ranks")
    mp.start_processes(work, (str(folder),), nprocs=4, start_method="spawn")
    return {ranks: torch.load(folder / f"{ranks}.pt", weights_only=True) for ranks in (1, 2, 4)}


@pytest.mark.slow
@pytest.mark.parametrize(("option", "layout", "kind"), CASES)
def test_gradient_of_ranks_cached_or_not_is_that_of_the_joined_batch(option, layout, kind, gradients):
    expected, loss = gradients[1][f"{option}/{layout}/{kind}/False"]
    assert expected.abs().max() > 1e-6
    for ranks, found in gradients.items():
        for cached in (False, True):
            gradient, value = found[f"{option}/{layout}/{kind}/{cached}"]
            words = f"{ranks} ranks, cached={cached}"
            torch.testing.assert_close(value, loss, rtol=1e-9, atol=1e-12, msg=lambda text, words=words: words + text)
            # entries that are 0 up to rounding are measured against the largest
            scale = expected.abs().max().item()
            torch.testing.assert_close(
                gradient, expected, rtol=1e-9, atol=1e-11 * scale, msg=lambda text, words=words: words + text
            )
