import math

import pytest
import torch

from wrank.loss.kl import KL
from wrank.loss.listnet import ListNet

LN3 = math.log(3)


def test_value_by_hand(own_list):
    grades, layout = own_list([[LN3, 0.0]])  # T = 3/4, 1/4
    scores = torch.tensor([[0.0, LN3]], dtype=torch.float64)  # P = 1/4, 3/4
    loss = ListNet(temperature=1.0)(scores, grades, **layout).loss
    assert loss.item() == pytest.approx(0.75 * math.log(4) + 0.25 * math.log(4 / 3))


def test_other_queries_passages_change_nothing(in_batch, own_list):
    own = torch.tensor([[0.1, 0.4, 0.2], [0.9, 0.3, 0.5]], dtype=torch.float64)
    grades, layout = own_list([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    wide_grades, wide_layout = in_batch(grades)
    wide = torch.full((2, 6), 7.0, dtype=torch.float64)
    wide[wide_layout["own_BN"]] = own.flatten()
    loss = ListNet(temperature=0.5)
    expected, output = loss(own, grades, **layout), loss(wide, wide_grades, **wide_layout)
    torch.testing.assert_close(output.loss, expected.loss)
    assert output.parts["passages_scored"].item() == 3


def test_it_is_kl_on_the_own_list_plus_the_entropy_of_the_target(own_list):
    grades, layout = own_list([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    scores = torch.tensor([[0.1, 0.4, 0.2], [0.9, 0.3, 0.5]], dtype=torch.float64)
    output = ListNet(temperature=0.5, label_temperature=0.8)(scores, grades, **layout)
    divergence = KL(temperature=0.5, label_temperature=0.8)(scores, grades, **layout).loss
    torch.testing.assert_close(output.loss, divergence + output.parts["target_entropy"])


def test_query_with_one_own_passage_is_not_counted(in_batch):
    grades, layout = in_batch([[1.0], [1.0]])
    output = ListNet(temperature=1.0)(torch.randn(2, 2), grades, **layout)
    assert output.loss.item() == 0
    assert output.parts["queries_used"].item() == 0
