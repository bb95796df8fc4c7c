import math

import pytest
import torch

from tests.fixtures.loss_batch import build
from wrank.errors import WrankError
from wrank.loss.bce_graded import BCEGraded
from wrank.loss.extra import Extra
from wrank.loss.infonce import InfoNCE
from wrank.loss.kl import KL
from wrank.loss.pair_kl import PairKL
from wrank.loss.sum import Sum
from wrank.loss.teacher_kl import TeacherKL
from wrank.loss.ws2 import WS2

INFONCE, LISTWISE = InfoNCE(temperature=0.5), KL(temperature=1.0)
GRADES = [[3.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, 0.0]]


def total(**parts):
    return Sum(parts={name: {"weight": weight, "loss": loss} for name, (weight, loss) in parts.items()})


@pytest.fixture
def scores():
    return torch.randn(3, 9, generator=torch.Generator().manual_seed(0)).requires_grad_()


def test_value_gradient_and_parts_are_those_of_the_losses_alone(in_batch, scores):
    grades, layout = in_batch(GRADES)
    output = total(one=(0.1, INFONCE), other=(2.0, LISTWISE))(scores, grades, **layout)
    first, second = (loss(scores, grades, **layout) for loss in (INFONCE, LISTWISE))
    expected = 0.1 * first.loss + 2 * second.loss
    torch.testing.assert_close(output.loss, expected)
    torch.testing.assert_close(*(torch.autograd.grad(value, scores)[0] for value in (output.loss, expected)))
    assert output.parts["one/loss"] == first.loss
    assert output.parts["other/loss"] == second.loss
    for name, alone in (("one", first), ("other", second)):
        assert all(output.parts[f"{name}/{key}"] == value for key, value in alone.parts.items())
    assert output.parts["queries_used"] == 2
    assert output.parts["passages_scored"] == 9


def test_each_part_means_over_the_queries_that_it_can_use(in_batch, scores):
    grades, layout = in_batch(GRADES)
    teacher = torch.full((3, 9), math.nan)
    teacher[0, :3] = torch.tensor([1.0, 2.0, 0.0])  # only the first query has a teacher
    distil, extra = TeacherKL(temperature=1.0), Extra(teacher_BN=teacher)
    output = total(kl=(1.0, LISTWISE), teacher=(1.0, distil))(scores, grades, **layout, extra=extra)
    expected = LISTWISE(scores, grades, **layout).loss + distil(scores, grades, **layout, extra=extra).loss
    torch.testing.assert_close(output.loss, expected)
    assert output.parts["queries_used"] == 2
    assert output.parts["teacher/queries_used"] == 1


def test_layouts_are_those_of_every_part_and_a_refusal_names_the_part():
    loss = total(a=(1.0, LISTWISE), b=(1.0, WS2(temperature=1.0)))
    assert loss.in_batch_supported == WS2.in_batch_supported < KL.in_batch_supported
    assert loss.in_batch_refusals == {"none": f"Part b: {WS2.in_batch_refusals['none']}"}
    assert not loss.per_query
    assert total(a=(1.0, LISTWISE), b=(1.0, INFONCE)).per_query
    assert KL.per_query  # the facts are the sum's own, not the classes'


def test_needs_are_the_union_and_missing_ones_are_named(in_batch, scores):
    grades, layout = in_batch(GRADES)
    loss = total(a=(1.0, PairKL(temperature=1.0)), b=(1.0, TeacherKL(temperature=1.0)), c=(1.0, INFONCE))
    assert loss.needs == {"pairs", "teacher"} | INFONCE.needs
    with pytest.raises(ValueError, match="needs pairs"):
        loss(scores, grades, **layout, extra=Extra(teacher_BN=torch.zeros(3, 9)))


def test_parts_that_no_layout_suits_are_refused():
    class OwnOnly(KL):
        in_batch_supported = frozenset({"none"})
        in_batch_refusals = {"local": "It cannot.", "global": "It cannot."}  # noqa: RUF012

    with pytest.raises(WrankError, match=r"no value of trainer.in_batch suits all parts.*Part own: It cannot"):
        total(own=(1.0, OwnOnly(temperature=1.0)), ws2=(1.0, WS2(temperature=1.0)))


def test_part_in_double_precision_keeps_it_beside_others(in_batch, scores):
    grades, layout = in_batch(GRADES)
    exact = WS2(temperature=0.2)(scores.double(), grades, **layout).loss
    output = total(ws2=(1.0, WS2(temperature=0.2)), kl=(1.0, LISTWISE))(scores, grades, **layout)
    assert output.loss.dtype == torch.float32
    assert output.parts["ws2/loss"].item() == pytest.approx(exact.item(), rel=1e-6)


def test_parameters_of_a_part_are_trained_and_saved_by_its_name():
    loss = total(bce=(1.0, BCEGraded(max_grade=3.0, scale=20.0, bias=-10.0)))
    assert set(loss.state_dict()) == {"losses.bce.log_scale", "losses.bce.bias"}


def test_weight_of_zero_only_logs(in_batch, scores):
    grades, layout = in_batch(GRADES)
    output = total(kl=(1.0, LISTWISE), watched=(0, INFONCE))(scores, grades, **layout)
    torch.testing.assert_close(output.loss, LISTWISE(scores, grades, **layout).loss)
    assert output.parts["watched/loss"] > 0


def test_sum_of_a_sum_is_a_sum(in_batch, scores):
    grades, layout = in_batch(GRADES)
    inner = total(kl=(0.5, LISTWISE))
    output = total(inner=(2.0, inner))(scores, grades, **layout)
    torch.testing.assert_close(output.loss, LISTWISE(scores, grades, **layout).loss)
    assert "inner/kl/loss" in output.parts


def test_printing_shows_weights_and_parts():
    assert repr(total(kl=(0.5, LISTWISE))).startswith("Sum(\n  kl: weight=0.5\n")


def test_cadet_is_the_published_sum(own_list):
    loss = build("cadet")
    assert loss.weights == {"infonce": 0.1, "kl": 1.0}
    generator = torch.Generator().manual_seed(0)
    scores, teacher = (torch.rand(2, 4, generator=generator).double() for _ in range(2))
    best = teacher.argmax(1)
    grades, layout = own_list(torch.nn.functional.one_hot(best, 4).tolist())
    contrastive = -(scores / 0.01).log_softmax(1)[torch.arange(2), best].mean()
    log_p, log_t = (scores / 0.05).log_softmax(1), (teacher / 0.3).log_softmax(1)
    expected = 0.1 * contrastive + (log_t.exp() * (log_t - log_p)).sum(1).mean()
    actual = loss(scores, grades, **layout, extra=Extra(teacher_BN=teacher)).loss
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "must be a mapping"),
        (None, "must be a mapping"),
        ({"kl": LISTWISE}, r"loss.parts.kl has KL.*must have the keys weight and loss"),
        ({"kl": {"weight": 1.0}}, r"loss.parts.kl has weight, but must have the keys weight and loss"),
        ({"kl": {"weight": 1.0, "loss": LISTWISE, "wieght": 1}}, "and no other"),
        ({"kl": {"weight": -1.0, "loss": LISTWISE}}, "loss.parts.kl.weight is -1.0"),
        ({"kl": {"weight": "1", "loss": LISTWISE}}, "loss.parts.kl.weight is '1'"),
        ({"kl": {"weight": math.nan, "loss": LISTWISE}}, "loss.parts.kl.weight is nan"),
        ({"kl": {"weight": 0.0, "loss": LISTWISE}}, "all weights are 0"),
        ({"kl": {"weight": 1.0, "loss": {"temperature": 1.0}}}, "loss.parts.kl.loss is .* must be a loss"),
        ({"my.kl": {"weight": 1.0, "loss": LISTWISE}}, "a part's name"),
        ({"values": {"weight": 1.0, "loss": LISTWISE}}, "a part's name"),
    ],
)
def test_parts_that_cannot_be_summed_are_refused_by_their_key(parts, message):
    with pytest.raises(WrankError, match=message):
        Sum(parts=parts)
