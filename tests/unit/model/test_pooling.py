import pytest
import torch

from wrank.errors import WrankError
from wrank.model.pooling import POOLINGS, pool

# one text of three tokens (1,8), (2,-4), (6,2) and padding of 100
REAL = [[1.0, 8.0], [2.0, -4.0], [6.0, 2.0]]
PAD = [[100.0, 100.0]]
WANTED = {"mean": [3.0, 2.0], "cls": [1.0, 8.0], "last": [6.0, 2.0], "max": [6.0, 8.0]}
PLACES = {
    "no mask": (REAL, None),
    "no padding": (REAL, [1, 1, 1]),
    "right": (REAL + PAD + PAD, [1, 1, 1, 0, 0]),
    "left": (PAD + PAD + REAL, [0, 0, 1, 1, 1]),
}


@pytest.mark.parametrize("how", POOLINGS)
@pytest.mark.parametrize("place", PLACES)
def test_padding_does_not_reach_the_vector(how, place):
    states, mask = PLACES[place]
    vector = pool(torch.tensor([states]), None if mask is None else torch.tensor([mask]), how)
    assert vector.tolist() == [WANTED[how]]


def test_max_of_negative_states_is_not_pulled_up_to_zero_by_padding():
    vector = pool(torch.tensor([[[-3.0], [-1.0], [0.0]]]), torch.tensor([[1, 1, 0]]), "max")
    assert vector.tolist() == [[-1.0]]


@pytest.mark.parametrize("how", POOLINGS)
def test_broken_states_in_padding_do_not_spread(how):
    states = torch.tensor([[[1.0], [3.0], [float("nan")]]])
    assert torch.isfinite(pool(states, torch.tensor([[1, 1, 0]]), how)).all()


@pytest.mark.parametrize("how", POOLINGS)
def test_half_precision_states_are_pooled_in_float32(how):
    states = torch.full((1, 3000, 1), 1.001, dtype=torch.bfloat16)
    vector = pool(states, torch.ones(1, 3000), how)
    assert vector.dtype == torch.float32
    assert vector.item() == pytest.approx(states[0, 0, 0].item(), abs=1e-5)


def test_an_unknown_pooling_is_refused_and_the_known_ones_named():
    with pytest.raises(WrankError, match=r"avg.*mean, cls, last, max"):
        pool(torch.zeros(1, 1, 1), None, "avg")
