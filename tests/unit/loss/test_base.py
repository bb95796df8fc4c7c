import math

import pytest
import torch

from wrank.errors import WrankError
from wrank.loss.base import Loss, LossOutput, batch_parts, masked_log_softmax, masked_logsumexp, weighted_mean
from wrank.loss.kl import KL


def test_masked_log_softmax_ignores_what_the_mask_leaves_out():
    logits = torch.tensor([[0.0, math.log(3), 50.0]], dtype=torch.float64)
    mask = torch.tensor([[True, True, False]])
    torch.testing.assert_close(masked_log_softmax(logits, mask).exp(), torch.tensor([[0.25, 0.75, 1.0]]).double())
    assert masked_logsumexp(logits, mask).item() == pytest.approx(math.log(4))


def test_empty_mask_gives_zeros_and_no_nan_gradient():
    logits = torch.tensor([[1.0, 2.0]], requires_grad=True)
    mask = torch.tensor([[False, False]])
    with torch.autograd.set_detect_anomaly(True):  # finds a NaN on the way, even one that a later step hides
        total = masked_log_softmax(logits, mask).sum() + masked_logsumexp(logits, mask).sum()
        total.backward()
    assert total.item() == 0
    assert logits.grad.tolist() == [[0, 0]]


def test_weighted_mean_leaves_unused_queries_out_of_the_count():
    value, weight = torch.tensor([1.0, 4.0, 100.0]), torch.tensor([2.0, 1.0, 5.0])
    assert weighted_mean(value, weight, torch.tensor([True, True, False])).item() == pytest.approx(2.0)
    assert weighted_mean(value, weight, torch.zeros(3, dtype=torch.bool)).item() == 0


def test_parts_count_used_queries_and_the_passages_they_were_scored_against():
    valid = torch.tensor([[True, True, True, True], [True, True, False, False], [False] * 4])
    parts = batch_parts(valid, torch.tensor([True, True, False]))
    assert parts["queries_used"].item() == 2
    assert parts["passages_scored"].item() == 3


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", ["temperature", "label_temperature"])
def test_temperature_that_would_give_nan_or_invert_the_order_is_refused(name, temperature):
    with pytest.raises(WrankError, match=rf"loss\.{name} is"):
        KL(**{"temperature": 1.0, name: temperature})


def test_unknown_in_batch_target_is_refused_with_the_choices():
    with pytest.raises(WrankError, match="'zero', but must be one of: none, graded_zero"):
        KL(temperature=1.0, in_batch_target="zero")


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("grades_BN", torch.zeros(2, 1)),
        ("own_BN", torch.ones(1, 3, dtype=torch.bool)),
        ("valid_BN", torch.ones(3, dtype=torch.bool)),
        ("own_BN", torch.ones(2, 3)),
        ("weight_B", torch.ones(3)),
        ("scores_BN", torch.zeros(3)),
        ("scores_BN", torch.zeros(2, 3, dtype=torch.long)),
    ],
)
def test_shapes_that_would_broadcast_in_silence_are_refused(name, tensor):
    mask = torch.ones(2, 3, dtype=torch.bool)
    inputs = {"scores_BN": torch.zeros(2, 3), "grades_BN": torch.zeros(2, 3), "own_BN": mask, "valid_BN": mask}
    with pytest.raises(ValueError, match=name):
        KL(temperature=1.0)(**{**inputs, name: tensor})


def test_loss_without_compute_names_itself():
    mask = torch.ones(1, 2, dtype=torch.bool)
    with pytest.raises(NotImplementedError, match="Loss must define compute"):
        Loss()(torch.zeros(1, 2), torch.zeros(1, 2), own_BN=mask, valid_BN=mask)


def test_compute_receives_blanked_inputs_in_float32_outside_autocast():
    class Recorder(Loss):
        def compute(self, *inputs):
            self.inputs, self.autocast = inputs, torch.is_autocast_enabled("cpu")
            return LossOutput(inputs[0].sum())

    loss = Recorder()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss(
            torch.tensor([[1.0, 2.0, torch.nan]], dtype=torch.bfloat16),
            torch.tensor([[3, 7, 7]]),
            own_BN=torch.tensor([[True, False, True]]),
            valid_BN=torch.tensor([[True, True, False]]),
        )
    assert not loss.autocast
    scores, grades, own, _, weight = loss.inputs
    assert scores.dtype == grades.dtype == weight.dtype == torch.float32
    assert [scores.tolist(), grades.tolist(), weight.tolist()] == [[[1, 2, 0]], [[3, 0, 0]], [1]]
    assert own.tolist() == [[True, False, False]]


def test_printing_a_loss_shows_its_settings():
    assert repr(KL(temperature=0.5)) == "KL(temperature=0.5, label_temperature=1.0, in_batch_target='none')"
