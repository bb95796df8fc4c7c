import math

import pytest
import torch
from torch.nn.functional import kl_div

from wrank.loss.extra import Extra
from wrank.loss.pair_kl import PairKL


def preferences(*triples):
    rows, p = zip(*(((row, i, j), p) for row, i, j, p in triples), strict=True)
    return Extra(pairs_P3=torch.tensor(rows), pair_p_P=torch.tensor(p, dtype=torch.float64))


def test_value_by_hand(own_list):
    grades, layout = own_list([[0.0, 0.0]])
    scores = torch.tensor([[0.0, 0.5 * math.log(3)]], dtype=torch.float64)  # the model says 1/4 at temperature 0.5
    output = PairKL(temperature=0.5)(scores, grades, **layout, extra=preferences((0, 0, 1, 0.75)))
    assert output.loss.item() == pytest.approx(0.75 * math.log(3) - 0.25 * math.log(3))
    assert output.parts["pair_agreement"].item() == 0


def test_value_and_gradient_of_torchs_divergence_pair_by_pair(own_list):
    grades, layout = own_list([[0.0] * 4] * 3)
    scores = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    triples = [(0, 0, 1, 0.9), (0, 2, 3, 0.2), (0, 1, 3, 1.0), (2, 3, 0, 0.6)]
    actual = PairKL(temperature=0.3)(scores, grades, **layout, extra=preferences(*triples)).loss
    each = {0: [], 2: []}
    for row, i, j, p in triples:
        log_p = (scores[row, [i, j]] / 0.3).log_softmax(0)
        each[row].append(kl_div(log_p, torch.tensor([p, 1 - p], dtype=torch.float64), reduction="sum"))
    expected = sum(sum(values) / len(values) for values in each.values()) / 2  # query 1 has no pair
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(*(torch.autograd.grad(value, scores)[0] for value in (actual, expected)))


def test_pair_and_its_mirror_are_the_same_preference(own_list):
    grades, layout = own_list([[0.0, 0.0]])
    scores = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    values = [
        PairKL(temperature=1.0)(scores, grades, **layout, extra=preferences(triple)).loss.item()
        for triple in ((0, 0, 1, 0.8), (0, 1, 0, 0.2))
    ]
    assert values[0] == pytest.approx(values[1])


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_preference_is_finite_and_zero_when_met(own_list, p):
    grades, layout = own_list([[0.0, 0.0]])
    for sign, expected in ((1, 0.0), (-1, 2e4)):
        scores = torch.tensor([[sign * 1e4 * (2 * p - 1), -sign * 1e4 * (2 * p - 1)]], dtype=torch.float64)
        output = PairKL(temperature=1.0)(scores, grades, **layout, extra=preferences((0, 0, 1, p)))
        assert output.loss.item() == pytest.approx(expected)


def test_pair_with_padding_with_itself_or_without_probability_takes_no_part(own_list):
    grades, layout = own_list([[1.0, 0.0, 0.0]])
    layout["valid_BN"] = torch.tensor([[True, True, False]])
    scores = torch.tensor([[0.1, 0.4, math.inf]], dtype=torch.float64)
    good, bad = (0, 0, 1, 0.9), [(0, 0, 2, 0.9), (0, 1, 1, 0.9), (0, 1, 0, math.nan)]
    expected = PairKL(temperature=1.0)(scores, grades, **layout, extra=preferences(good))
    actual = PairKL(temperature=1.0)(scores, grades, **layout, extra=preferences(good, *bad))
    assert actual.loss.item() == pytest.approx(expected.loss.item())
    assert actual.parts["pairs"].item() == 1


def test_batch_without_any_pair_is_zero(own_list):
    grades, layout = own_list([[1.0, 0.0]])
    extra = Extra(pairs_P3=torch.zeros(0, 3, dtype=torch.int64), pair_p_P=torch.zeros(0))
    scores = torch.zeros(1, 2, requires_grad=True)
    output = PairKL(temperature=1.0)(scores, grades, **layout, extra=extra)
    output.loss.backward()
    assert output.loss.item() == 0
    assert output.parts["queries_used"].item() == 0
    assert scores.grad.abs().max() == 0


def test_pairs_without_probabilities_are_refused(own_list):
    grades, layout = own_list([[1.0, 0.0]])
    with pytest.raises(ValueError, match=r"wants pair_p_P \[P\], got \[1, 3\] and None"):
        PairKL(temperature=1.0)(
            torch.zeros(1, 2), grades, **layout, extra=Extra(pairs_P3=torch.zeros(1, 3, dtype=torch.int64))
        )
