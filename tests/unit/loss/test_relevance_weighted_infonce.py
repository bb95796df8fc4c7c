import math

import pytest
import torch

from wrank.loss.infonce import InfoNCE
from wrank.loss.relevance_weighted_infonce import RelevanceWeightedInfoNCE, relevance_shares


def test_value_by_hand(own_list):
    grades, layout = own_list([[1.0, 1.0, 0.0]])
    scores = torch.tensor([[0.6, 0.2, 0.2]], dtype=torch.float64)  # weights 3/4 and 1/4
    output = RelevanceWeightedInfoNCE(temperature=0.4 / math.log(3))(scores, grades, **layout)
    assert output.loss.item() == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(2))
    assert output.parts["largest_weight"].item() == pytest.approx(0.75)


def test_value_and_gradient_of_a_loop_with_constant_weights(in_batch):
    grades, layout = in_batch([[2.0, 1.0, 0.0], [1.0, 1.0, 3.0]])
    scores = torch.randn(2, 6, generator=torch.Generator().manual_seed(3)).double().requires_grad_()
    actual = RelevanceWeightedInfoNCE(temperature=0.5)(scores, grades, **layout).loss
    expected = 0
    for row in range(2):
        positives = [j for j in range(6) if layout["own_BN"][row, j] and grades[row, j] >= 1]
        negatives = [j for j in range(6) if j not in positives]
        total = sum(max(scores[row, j].item(), 0) for j in positives)
        for j in positives:
            logits = torch.stack([scores[row, k] for k in (j, *negatives)]) / 0.5
            expected = expected - max(scores[row, j].item(), 0) / total * logits.log_softmax(0)[0] / 2
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(*(torch.autograd.grad(value, scores)[0] for value in (actual, expected)))


def test_weights_are_not_learned_from(own_list):
    grades, layout = own_list([[1.0, 1.0, 0.0]])
    scores = torch.tensor([[0.9, 0.1, -9.0]], dtype=torch.float64, requires_grad=True)
    RelevanceWeightedInfoNCE(temperature=0.01)(scores, grades, **layout).loss.backward()
    assert scores.grad.abs().max() < 1e-12  # both positives are won: only a gradient of the weights could be left


@pytest.mark.parametrize("scores", [[0.5, 0.5, 0.1], [-0.5, -0.1, 0.1], [0.0, 0.0, 0.0]])
def test_equal_or_no_positive_similarity_is_infonce(own_list, scores):
    grades, layout = own_list([[1.0, 2.0, 0.0]])
    scores = torch.tensor([scores], dtype=torch.float64)
    expected = InfoNCE(temperature=0.3)(scores, grades, **layout).loss
    torch.testing.assert_close(RelevanceWeightedInfoNCE(temperature=0.3)(scores, grades, **layout).loss, expected)


def test_shares_sum_to_one_and_leave_out_what_is_below_zero():
    scores = torch.tensor([[3.0, 1.0, -2.0, 9.0], [-1.0, -1.0, 5.0, 5.0]])
    mask = torch.tensor([[True, True, True, False], [True, True, False, False]])
    assert relevance_shares(scores, mask).tolist() == [[0.75, 0.25, 0, 0], [0.5, 0.5, 0, 0]]
