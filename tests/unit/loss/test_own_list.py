import math

import pytest
import torch

from wrank.loss.own_list import (
    contest,
    discount,
    gains,
    ideal_dcg,
    masked_logsumexp_last,
    own_order,
    worst_ranks,
)

EVERY = torch.ones(1, 4, dtype=torch.bool)


def test_own_lists_of_different_lengths_are_packed_in_their_order():
    own = torch.tensor([[False, True, False, True], [True, False, False, False], [False] * 4])
    order = own_order(own)
    assert order.shape == (3, 2)
    assert order[0].tolist() == [1, 3]
    assert order[1, 0] == 0


def test_who_is_below_whom():
    own = torch.tensor([[True, True, False, False]])
    grades = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
    valid = torch.tensor([[True, True, True, False]])
    near = contest(torch.zeros(1, 4), grades, own, valid, "leave_out")
    far = contest(torch.zeros(1, 4), grades, own, valid, "grade_zero")
    assert near.below_BKN.tolist() == [[[False, True, False, False], [False] * 4]]
    assert far.below_BKN.tolist() == [[[False, True, True, False], [False] * 4]]
    assert far.field_BN.tolist() == valid.tolist()


def test_ranks_of_equal_scores_stand_in_the_worst_order_and_equal_passages_share():
    scores = torch.tensor([[1.0, 1.0, 1.0, 5.0]])
    grades = torch.tensor([[0.0, 2.0, 0.0, 1.0]])
    assert worst_ranks(scores, grades, EVERY).tolist() == [[2.5, 4.0, 2.5, 1.0]]


def test_what_is_masked_takes_no_rank():
    scores = torch.tensor([[1.0, 9.0, 2.0, 0.0]])
    mask = torch.tensor([[True, False, True, True]])
    assert worst_ranks(scores, torch.zeros(1, 4), mask)[mask].tolist() == [2, 1, 3]


def test_log_sum_over_the_last_axis_and_zero_for_an_empty_mask():
    mask = torch.tensor([[[True, True], [False, False]]])
    assert masked_logsumexp_last(torch.tensor([[[0.0, math.log(3)]]]), mask)[0].tolist() == [
        pytest.approx(math.log(4)),
        0,
    ]


def test_gains_and_the_best_dcg_by_hand():
    grades = torch.tensor([[1.0, 3.0, -1.0, 9.0]])
    own = torch.tensor([[True, True, True, False]])
    assert gains(grades, "exponential")[0, :3].tolist() == pytest.approx([1, 7, 0])
    assert gains(grades, "linear")[0, :3].tolist() == [1, 3, 0]
    assert discount(torch.tensor([1.0, 3.0])).tolist() == [1, 0.5]
    assert ideal_dcg(gains(grades, "exponential"), own).item() == pytest.approx(7 + 1 / math.log2(3))
