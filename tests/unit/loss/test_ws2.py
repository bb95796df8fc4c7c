import math

import pytest
import torch

from experiments.benchmark.published_ws2 import published_ws2, textbook_ws2
from wrank.loss.ws2 import WS2

LN3 = math.log(3)
ROOT = 1e-15**0.5  # what a singular value of 0 adds to the sum, as published


def published(temperature=1.0):
    return WS2(temperature=temperature, label_temperature=1.0, in_batch_target="graded_zero")


def graded_batch(in_batch, queries, seed=0):
    generator = torch.Generator().manual_seed(seed)
    levels = torch.rand(queries, 4, generator=generator).argsort(1).double()
    grades, layout = in_batch(levels)
    return torch.randn(grades.shape, generator=generator).double(), grades, layout


def test_value_by_hand(in_batch):
    grades, layout = in_batch([[1.0], [1.0]])  # T = (1, 0), (0, 1): Tr cov_T = 1
    scores = torch.tensor([[LN3, 0.0], [0.0, LN3]], dtype=torch.float64)  # P = (3/4, 1/4), (1/4, 3/4): Tr cov_P = 1/4
    output = WS2(temperature=1.0)(scores, grades, **layout)  # both spread along (1, -1), so the root is sqrt(1 * 1/4)
    assert output.loss.item() == pytest.approx(1 + 0.25 - 2 * 0.5, abs=1e-7)
    assert output.parts["mean_term"].item() == pytest.approx(0, abs=1e-12)
    equal = WS2(temperature=1.0)(torch.zeros(2, 2), grades, **layout)
    assert equal.loss.item() == pytest.approx(1, abs=1e-6)


def test_mean_term_by_hand(in_batch):
    grades, layout = in_batch([[1.0], [1.0]])
    scores = torch.tensor(
        [[LN3, 0.0], [LN3, 0.0]], dtype=torch.float64
    )  # both rows 3/4, 1/4, against a mean of 1/2, 1/2
    output = WS2(temperature=1.0)(scores, grades, **layout)
    assert output.parts["mean_term"].item() == pytest.approx(2 / 16)
    assert output.parts["trace_term"].item() == pytest.approx(1, abs=1e-6)


def test_permuting_the_rows_of_a_perfect_prediction_still_gives_zero(in_batch):
    """Property (a): it does not know which query a row belongs to."""
    _, grades, layout = graded_batch(in_batch, 8)
    for scores in (grades, grades[torch.randperm(8, generator=torch.Generator().manual_seed(1))]):
        assert published()(scores, grades, **layout).loss.item() == pytest.approx(0, abs=2 * 8 * ROOT + 1e-12)


def test_graded_zero_target_thins_out_as_the_batch_grows(in_batch):
    """Property (b): the target, and so the loss, depends on N."""
    masses, losses = [], []
    for queries in (4, 16, 64):
        grades, layout = in_batch([[3.0, 2.0, 1.0, 0.0]] * queries)
        output = published()(torch.zeros(grades.shape), grades, **layout)
        masses.append(output.parts["own_target_mass"].item())
        losses.append(output.loss.item())
        assert output.parts["passages_scored"].item() == 4 * queries
        assert WS2(temperature=1.0)(grades, grades, **layout).parts["own_target_mass"].item() == pytest.approx(1)
    assert masses == pytest.approx([0.72, 0.34, 0.11], abs=0.005)
    assert losses[0] > 4 * losses[1] > 16 * losses[2]


def test_confident_scores_cost_more_than_a_reversed_order(in_batch):
    """Property (c), at B=64 and K=4."""
    grades, layout = in_batch([[3.0, 2.0, 1.0, 0.0]] * 64)
    own = layout["own_BN"]
    rows = {
        "uniform": torch.zeros_like(grades),
        "reversed": torch.where(own, 3 - grades, 0.0),
        "confident": torch.where(own & (grades == 3), 100.0, 0.0),
    }
    losses = [published()(scores, grades, **layout).loss.item() for scores in rows.values()]
    assert losses == [pytest.approx(0.005, abs=5e-4), pytest.approx(0.010, abs=5e-4), pytest.approx(0.88, abs=5e-3)]


def test_one_query_leaves_the_mean_term(in_batch):
    """Property (d): (3/4, 1/4) against (1/4, 3/4)."""
    grades, layout = in_batch([[0.0, LN3]])
    output = WS2(temperature=1.0)(torch.tensor([[LN3, 0.0]]).double(), grades, **layout)
    assert output.parts["mean_term"].item() == pytest.approx(0.5)
    assert output.parts["trace_term"].item() == pytest.approx(0, abs=2.1 * ROOT)


def test_layout_without_in_batch_passages_is_refused_and_says_why(own_list):
    """Property (e): a column must be the same passage for every row."""
    grades, layout = own_list([[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match=r"2 of 2 columns .* the same passage for every query"):
        WS2(temperature=1.0)(torch.zeros(2, 2), grades, **layout)
    assert WS2.in_batch_supported == {"local", "global"}
    assert set(WS2.in_batch_refusals) == {"none"}


def test_published_values(assert_published):
    assert_published("ws2", lambda case, *inputs, **layout: published(case["temperature"])(*inputs, **layout).loss)


def test_published_values_by_eigenvalues(assert_published):
    assert_published("ws2", lambda case, *inputs, **_: published_ws2(*inputs, case["temperature"]))


@pytest.mark.parametrize("queries", [1, 2, 5, 16])
def test_it_equals_the_eigenvalue_forms_in_value_and_gradient(in_batch, queries):
    scores, grades, layout = graded_batch(in_batch, queries)
    scores.requires_grad_()
    loss, other = published(0.7)(scores, grades, **layout).loss, published_ws2(scores, grades, 0.7)
    torch.testing.assert_close(loss, other, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(*(torch.autograd.grad(x, scores)[0] for x in (loss, other)), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(loss, textbook_ws2(scores, grades, 0.7), rtol=1e-6, atol=2 * 4 * queries * ROOT + 1e-7)


def test_float32_scores_are_computed_in_float64(in_batch):
    scores, grades, layout = graded_batch(in_batch, 16)
    output = published()(scores.float(), grades.float(), **layout)
    assert output.loss.dtype == torch.float32
    expected = published()(scores.float().double(), grades, **layout).loss
    assert output.loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_row_of_weight_zero_is_as_if_absent_though_its_passages_stay(in_batch):
    scores, grades, layout = graded_batch(in_batch, 5)
    weighted = published()(scores, grades, **layout, weight_B=torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0]))
    rows = torch.tensor([0, 1, 3, 4])
    expected = published()(scores[rows], grades[rows], **{name: mask[rows] for name, mask in layout.items()})
    torch.testing.assert_close(weighted.loss, expected.loss)


def test_weights_give_the_weighted_mean_and_the_unbiased_weighted_covariance(in_batch):
    scores, grades, layout = graded_batch(in_batch, 5)
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.5]).double()
    p, t = scores.softmax(1), grades.softmax(1)
    mean_p, mean_t = (weight @ x / weight.sum() for x in (p, t))
    cov_p, cov_t = (torch.cov(x.T, aweights=weight) for x in (p, t))
    root = torch.linalg.eigvals(cov_p @ cov_t).real.clamp(min=0).sqrt().sum()
    expected = (mean_p - mean_t).square().sum() + cov_p.trace() + cov_t.trace() - 2 * root
    output = published()(scores, grades, **layout, weight_B=weight)
    assert output.loss.item() == pytest.approx(expected.item(), abs=1e-6)
    scaled = published()(scores, grades, **layout, weight_B=1000 * weight)
    torch.testing.assert_close(scaled.loss, output.loss)


@pytest.mark.parametrize("small", [1e-9, 1e-14, 1e-17, 1e-30])
def test_one_weight_far_above_the_others_does_not_magnify_rounding(in_batch, small):
    scores, grades, layout = graded_batch(in_batch, 3)
    scores.requires_grad_()
    weight = torch.tensor([1.0, small, small], dtype=torch.float64)
    output = published()(scores, grades, **layout, weight_B=weight)
    output.loss.backward()
    assert scores.grad.abs().max() < 1
    assert (output.parts["trace_term"].abs() > 1e-3) == (small == 1e-9)
