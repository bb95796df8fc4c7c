"""The loss at several sizes: a weighted sum of losses over cut vectors, for every loss and way of comparing."""

import csv
import functools

import pytest
import torch
from torch.nn import functional

from tests.fixtures.loss_batch import OPTIONS, build
from wrank.data.collate import collate
from wrank.data.lists import ListSampler
from wrank.loss.base import LossOutput
from wrank.model.bi_encoder import BiEncoder
from wrank.training.fit import Training, fit
from wrank.training.matryoshka import cut, over_sizes
from wrank.training.module import ListwiseModule
from wrank.training.settings import TrainerSettings

WITHOUT = [name for name in OPTIONS if not build(name).needs & {"teacher", "pairs", "paraphrases"}]


def length(vectors, factor):
    return LossOutput((vectors.abs().sum() * factor), {"kept": vectors.detach().sum()}), {"size": vectors.shape[-1]}


def test_a_sum_by_hand():
    vectors = torch.tensor([[3.0, 4.0, 12.0]], requires_grad=True)
    compute = functools.partial(length, factor=2.0)
    output, facts = over_sizes({3: 1.0, 2: 0.5}, False, compute, vectors)
    assert output.loss.item() == 2 * 19 + 0.5 * 2 * 7
    assert {name: value.item() for name, value in output.parts.items()} == {"kept": 19, "loss_3": 38, "loss_2": 14}
    assert facts == {"size": 3}
    output.loss.backward()
    assert vectors.grad.tolist() == [[3.0, 3.0, 2.0]]


def test_cut_vectors_have_length_1_where_whole_ones_have():
    vectors = torch.tensor([[3.0, 4.0, 12.0], [0.0, 0.0, 0.0]])
    assert cut(vectors, 2, True).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]
    assert cut(vectors, 2, False).tolist() == [[3, 4], [0, 0]]


def test_without_sizes_nothing_is_changed():
    vectors = torch.ones(1, 3)
    assert over_sizes({}, True, length, vectors, 1.0)[1] == {"size": 3}


@pytest.mark.parametrize("option", WITHOUT)
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_every_loss_is_the_sum_of_those_of_models_that_are_cut(option, similarity, collection, monkeypatch):
    """Against models whose vectors are cut, each under the same loss alone."""
    loss = build(option)
    in_batch = "local" if "local" in loss.in_batch_supported else "none"
    settings = TrainerSettings(in_batch=in_batch, batch_size=4, precision="32-true", accelerator="cpu")
    sampler = ListSampler(collection, size=4, choice="one_per_level", negatives="none", seed=0)
    batch = collate([sampler.sample(0, item) for item in range(4)], collection.known_keys)

    def loss_of(**changes):
        model = BiEncoder("random:tiny", query_length=32, passage_length=64, similarity=similarity, **changes)
        module = ListwiseModule(model, loss, settings, total_steps=1, seed=0)
        monkeypatch.setattr(module, "_log", lambda *_: None)
        return module.training_step(batch, 0)

    found = loss_of(matryoshka=[8, 32, 16], matryoshka_weights=[0.5, 1.0, 2.0])
    wanted = loss_of() + 2 * loss_of(dimensions=16) + 0.5 * loss_of(dimensions=8)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_a_training_logs_each_size_and_its_cut_vectors_are_good(collection, tmp_path):
    model = BiEncoder("random:tiny", query_length=32, passage_length=64, matryoshka="halves")
    sampler = ListSampler(collection, size=4, choice="one_per_level", negatives="none", seed=0)
    settings = TrainerSettings(max_steps=3, batch_size=4, precision="32-true", accelerator="cpu", learning_rate=1e-2)
    fit(Training(model, build("infonce"), sampler, collection.known_keys, settings, 0), tmp_path)
    with (tmp_path / "metrics.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        parts = [float(row[f"train/loss_{size}"]) for size in (32, 16, 8)]
        assert float(row["train/loss"]) == pytest.approx(sum(parts), rel=1e-5)
    whole, small = BiEncoder(path=str(tmp_path / "last")), BiEncoder(path=str(tmp_path / "last"), dimensions=8)
    ids = whole.tokenize(["alpha"], "query")
    with torch.no_grad():
        wanted = functional.normalize(whole.embed(ids, "query")[:, :8], dim=-1)
        torch.testing.assert_close(small.embed(ids, "query"), wanted)
