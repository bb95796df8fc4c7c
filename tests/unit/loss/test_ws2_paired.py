import math

import pytest
import torch

from wrank.loss.ws2 import WS2
from wrank.loss.ws2_paired import WS2Paired

LN3 = math.log(3)


def test_value_by_hand(own_list):
    grades, layout = own_list([[LN3, 0.0]])  # T = 3/4, 1/4
    scores = torch.tensor([[0.0, LN3]], dtype=torch.float64)  # P = 1/4, 3/4
    assert WS2Paired(temperature=1.0)(scores, grades, **layout).loss.item() == pytest.approx(0.5)


def test_it_knows_which_query_a_row_belongs_to(in_batch):
    grades, layout = in_batch([[3.0], [3.0]])
    perfect = torch.tensor([[9.0, -9.0], [-9.0, 9.0]], dtype=torch.float64)
    loss = WS2Paired(temperature=1.0)
    assert loss(perfect, grades, **layout).loss.item() < 1e-10
    assert loss(perfect.flip(0), grades, **layout).loss.item() > 1.9


@pytest.mark.parametrize("in_batch_target", ["none", "graded_zero"])
@pytest.mark.parametrize("seed", range(5))
def test_it_bounds_ws2_from_above_as_the_docstring_says(in_batch, seed, in_batch_target):
    generator = torch.Generator().manual_seed(seed)
    grades, layout = in_batch(torch.randint(0, 4, (6, 4), generator=generator) + torch.tensor([1, 0, 0, 0]))
    scores = 3 * torch.randn(grades.shape, generator=generator).double()
    settings = {"temperature": 1.0, "in_batch_target": in_batch_target}
    bound = 6 / 5 * WS2Paired(**settings)(scores, grades, **layout).loss
    assert WS2(**settings)(scores, grades, **layout).loss <= bound
