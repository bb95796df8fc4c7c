import math

import pytest
import torch

from wrank.errors import WrankError
from wrank.loss.coherence import Coherence
from wrank.loss.extra import Extra


def extra(queries=2, passages=4, count=3, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator).double().requires_grad_()

    mask = torch.ones(queries, count, dtype=torch.bool)
    mask[0, 2] = False
    return Extra(
        queries_BD=draw(queries, 5),
        paraphrases_BMD=draw(queries, count, 5),
        paraphrase_scores_BMN=draw(queries, count, passages),
        paraphrase_mask_BM=mask,
    )


def naive(scores, grades, given, a, b, temperature):
    """Every query, paraphrase, positive and negative by itself."""
    rows = []
    for row in range(len(scores)):
        each = []
        for m in given.paraphrase_mask_BM[row].nonzero().flatten().tolist():
            distance = sum((given.queries_BD[row] - given.paraphrases_BMD[row, m]) ** 2)
            other = given.paraphrase_scores_BMN[row, m]
            gaps = [
                ((scores[row, p] - scores[row, n]) - (other[p] - other[n])) ** 2 / temperature**2
                for p in range(len(other))
                for n in range(len(other))
                if grades[row, p] >= 1 > grades[row, n]
            ]
            each.append(a * distance + b * sum(gaps) / len(gaps))
        rows.append(sum(each) / len(each))
    return sum(rows) / len(rows)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.5, 0.0), (0.0, 2.0)])
def test_value_and_gradients_of_loops(own_list, a, b):
    grades, layout = own_list([[3.0, 1.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])
    scores = torch.randn(2, 4, generator=torch.Generator().manual_seed(7)).double().requires_grad_()
    given = extra()
    loss = Coherence(temperature=0.3, embedding_weight=a, margin_weight=b)
    actual, expected = loss(scores, grades, **layout, extra=given).loss, naive(scores, grades, given, a, b, 0.3)
    torch.testing.assert_close(actual, expected)
    inputs = (scores, given.queries_BD, given.paraphrases_BMD, given.paraphrase_scores_BMN)
    gradients = [
        torch.autograd.grad(value, inputs, retain_graph=True, materialize_grads=True) for value in (actual, expected)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_value_by_hand(own_list):
    grades, layout = own_list([[1.0, 0.0]])
    given = Extra(
        queries_BD=torch.tensor([[1.0, 0.0]]),
        paraphrases_BMD=torch.tensor([[[0.0, 1.0]]]),  # squared distance 2
        paraphrase_scores_BMN=torch.tensor([[[0.5, 0.3]]]),  # margin 0.2 against 0.6
        paraphrase_mask_BM=torch.tensor([[True]]),
    )
    output = Coherence(embedding_weight=0.5, margin_weight=10.0)(
        torch.tensor([[0.9, 0.3]]), grades, **layout, extra=given
    )
    assert output.loss.item() == pytest.approx(0.5 * 2 + 10 * 0.16)
    assert output.parts["distance"].item() == pytest.approx(2)
    assert output.parts["margin_gap"].item() == pytest.approx(0.16)


def test_same_vectors_and_scores_but_for_a_shift_are_a_minimum(own_list):
    grades, layout = own_list([[3.0, 1.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])
    scores = torch.randn(2, 4).double()
    given = extra()
    same = Extra(
        queries_BD=given.queries_BD,
        paraphrases_BMD=given.queries_BD[:, None].expand(-1, 3, -1),
        paraphrase_scores_BMN=scores[:, None] + torch.tensor([1.0, -2.0, 0.5])[:, None],
        paraphrase_mask_BM=given.paraphrase_mask_BM,
    )
    assert Coherence()(scores, grades, **layout, extra=same).loss.item() == pytest.approx(0, abs=1e-12)


def test_query_without_a_paraphrase_is_not_counted_and_padding_is_not_read(own_list):
    grades, layout = own_list([[3.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])
    scores = torch.randn(2, 4, generator=torch.Generator().manual_seed(1)).double().requires_grad_()
    given = extra()
    given.paraphrase_mask_BM[1] = False
    for tensor in (given.paraphrases_BMD, given.paraphrase_scores_BMN):
        tensor.data[~given.paraphrase_mask_BM] = math.nan
    output = Coherence()(scores, grades, **layout, extra=given)
    expected = naive(scores[:1], grades[:1], given, 1.0, 1.0, 1.0)
    torch.testing.assert_close(output.loss, expected)
    gradients = torch.autograd.grad(output.loss, (scores, given.queries_BD, given.paraphrases_BMD))
    assert all(gradient.isfinite().all() and gradient[1].abs().max() == 0 for gradient in gradients)
    assert output.parts["queries_used"].item() == 1
    assert output.parts["paraphrases"].item() == 2


def test_list_without_a_positive_still_draws_the_vectors_together(own_list):
    grades, layout = own_list([[0.0, 0.0, 0.0, 0.0]] * 2)
    output = Coherence()(torch.randn(2, 4).double(), grades, **layout, extra=extra())
    assert output.parts["margin_gap"].item() == 0
    assert output.loss.item() == pytest.approx(output.parts["distance"].item())


def test_paraphrases_without_their_scores_are_refused(own_list):
    grades, layout = own_list([[1.0, 0.0]])
    with pytest.raises(ValueError, match="paraphrase_scores_BMN and paraphrase_mask_BM"):
        Coherence()(torch.zeros(1, 2), grades, **layout, extra=Extra(paraphrases_BMD=torch.zeros(1, 1, 2)))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"embedding_weight": -1.0}, "loss.embedding_weight is"),
        ({"margin_weight": math.inf}, "loss.margin_weight is"),
        ({"temperature": 0.0}, "loss.temperature is"),
        ({"embedding_weight": 0.0, "margin_weight": 0.0}, "both 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(option, message):
    with pytest.raises(WrankError, match=message):
        Coherence(**option)
