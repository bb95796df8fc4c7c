"""What a loss needs beside scores reaches it on its own columns, and over ranks with the joined batch's gradient."""

import dataclasses
import math
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from wrank.data.collate import collate
from wrank.loss.base import Loss
from wrank.loss.coherence import Coherence
from wrank.loss.infonce import InfoNCE
from wrank.loss.margin_mse import MarginMSE
from wrank.loss.pair_kl import PairKL
from wrank.loss.sum import Sum
from wrank.records import RankedList
from wrank.training.extra import Beside, paraphrase_texts
from wrank.training.module import ListwiseModule
from wrank.training.settings import TrainerSettings

D = 5
SIZES = (3, 2, 2, 1)  # passages a list: those of the second rank are shorter
LOSSES = {
    "pair_kl": lambda: PairKL(temperature=0.5),
    "coherence": Coherence,
    "margin_mse": lambda: MarginMSE(temperature=0.5),
    "sum": lambda: Sum(
        parts={
            "infonce": {"weight": 1.0, "loss": InfoNCE(temperature=0.5)},
            "pair_kl": {"weight": 0.5, "loss": PairKL(temperature=0.5)},
            "coherence": {"weight": 0.5, "loss": Coherence()},
            "margin_mse": {"weight": 0.1, "loss": MarginMSE(temperature=0.5)},
        }
    ),
}


class Needing(Loss):
    """A loss with needs."""

    def __init__(self, *needs):
        super().__init__()
        self.needs = frozenset(needs)


def lists(scarce):
    """Four lists; `scarce`: only the first has anything beside grades, so that the second rank has nothing."""
    pairs = [[(0, 2, 0.9), (1, 0, 0.25)], [(1, 0, 0.75)], [(0, 1, 0.6)], []]
    texts = [["a one"], [], ["c one", "c two"], ["d one"]]
    items = []
    for number, size in enumerate(SIZES):
        there = number == 0 or not scarce
        item = RankedList(
            query_id=f"q{number}",
            query=f"query {number}",
            passage_ids=[f"{number}-{place}" for place in range(size)],
            passages=[f"passage {number} {place}" for place in range(size)],
            grades=[3.0 - place for place in range(size)],
            sources=["judged"] * size,
            weight=1.0 + number,
            teacher=[0.5 * place * (number - 1) for place in range(size)] if there else None,
            pairs=pairs[number] if there else [],
            paraphrases=texts[number] if there else [],
        )
        items.append(item)
    return items


def vector(text):
    """The input of an encoder that is a matrix."""
    generator = torch.Generator().manual_seed(sum(text.encode()) * len(text))
    return torch.randn(D, generator=generator, dtype=torch.float64)


def gradient(name, in_batch, items):
    """Loss and gradient of the encoder's weights, through the training's own step."""
    weights_DD = torch.eye(D, dtype=torch.float64) + 0.1
    weights_DD.requires_grad_()
    loss = LOSSES[name]()
    module = ListwiseModule(
        SimpleNamespace(score=lambda a, b: a @ b.T),
        loss,
        TrainerSettings(in_batch=in_batch, learning_rate=1e-3, accelerator="cpu"),
        total_steps=1,
        seed=0,
    )
    batch = collate(items, lambda id: [])

    def embedded(texts):
        rows = [vector(text) if text else torch.zeros(D, dtype=torch.float64) for text in texts]
        return torch.stack(rows) @ weights_DD if rows else weights_DD.new_zeros(0, D)

    passages_ND = embedded([text for texts in batch.passages for text in texts])
    output, _ = module._loss(batch, embedded(batch.queries), embedded(paraphrase_texts(loss, batch)), passages_ND)
    output.loss.backward()
    return output, weights_DD.grad


def on_a_rank(rank, name, in_batch, scarce, path):
    dist.init_process_group("gloo", init_method=f"file://{path}/rendezvous", rank=rank, world_size=2)
    output, grad = gradient(name, in_batch, lists(scarce)[2 * rank : 2 * rank + 2])
    dist.all_reduce(grad)  # what DDP does: the mean over ranks
    torch.save((output.loss.detach(), grad / 2), f"{path}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize(
    ("name", "scarce", "in_batch"),
    [
        ("sum", True, "global"),
        ("coherence", False, "none"),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in [
                *[("pair_kl", False, "none"), ("pair_kl", False, "global"), ("coherence", False, "global")],
                *[("sum", False, "none"), ("sum", False, "global"), ("sum", True, "none")],
            ]
        ),
    ],
)
def test_two_ranks_have_the_gradient_of_one_with_the_joined_batch(name, scarce, in_batch, tmp_path):
    output, expected = gradient(name, in_batch, lists(scarce))
    assert expected.abs().max() > 1e-3
    mp.start_processes(on_a_rank, (name, in_batch, scarce, str(tmp_path)), nprocs=2, start_method="spawn")
    for rank in range(2):
        loss, found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(loss, output.loss.detach(), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["pair_kl", "margin_mse"])
def test_what_is_about_the_own_list_alone_is_the_same_with_other_lists_beside_it(name):
    """Columns are shifted to where each list stands among all."""
    (one, one_grad), (other, other_grad) = (gradient(name, in_batch, lists(False)) for in_batch in ("none", "local"))
    torch.testing.assert_close(one.loss, other.loss)
    torch.testing.assert_close(one_grad, other_grad)


def test_preferences_point_at_the_passages_that_they_are_about():
    batch = collate(lists(False), lambda id: [])
    loss = Needing("pairs")
    own = Beside.of(loss, batch).of_own_lists()
    assert own.pairs_P3.tolist() == [[0, 0, 2], [0, 1, 0], [1, 1, 0], [2, 0, 1]]
    own_BN = torch.eye(4, dtype=torch.bool).repeat_interleave(3, dim=1)
    passages_ND = torch.zeros(12, D)
    wide = Beside.of(loss, batch).of_batch(lambda a, b: a @ b.T, passages_ND, own_BN)
    assert wide.pairs_P3.tolist() == [[0, 0, 2], [0, 1, 0], [1, 4, 3], [2, 6, 7]]
    assert wide.pair_p_P is own.pair_p_P


def test_scores_of_a_teacher_stand_under_the_own_columns():
    batch = collate(lists(False), lambda id: [])
    own_BN = torch.eye(4, dtype=torch.bool).repeat_interleave(3, dim=1)
    extra = Beside.of(Needing("teacher"), batch).of_batch(lambda a, b: a @ b.T, torch.zeros(12, D), own_BN)
    torch.testing.assert_close(extra.teacher_BN[own_BN], batch.teacher_BK.flatten(), equal_nan=True)
    assert extra.teacher_BN[~own_BN].isnan().all()


def test_only_what_the_loss_needs_is_taken():
    batch = collate(lists(False), lambda id: [])
    assert Beside.of(Needing(), batch) == Beside(4)
    assert paraphrase_texts(Needing("teacher"), batch) == []
    assert paraphrase_texts(Needing("paraphrases"), batch) == ["a one", "c one", "c two", "d one"]


def test_a_batch_without_any_is_empty_and_not_missing():
    """A loss refuses what is missing; other ranks wait for what is not gathered."""
    batch = collate([dataclasses.replace(item, teacher=None) for item in lists(True)[1:]], lambda id: [])
    beside = Beside.of(Needing("teacher", "pairs", "paraphrases"), batch, torch.ones(3, D), torch.zeros(0, D))
    assert beside.pairs_P3.shape == (0, 3)
    assert beside.others_BMD.shape == (3, 0, D)
    assert beside.others_BMD.requires_grad
    assert all(math.isnan(score) for score in beside.teacher_BK.flatten().tolist())
    output, grad = gradient("sum", "local", lists(True)[1:])
    assert torch.isfinite(output.loss)
    assert torch.isfinite(grad).all()
