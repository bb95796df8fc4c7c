import math

import pytest
import torch

from wrank.errors import WrankError
from wrank.loss.infonce import InfoNCE

SCORES = torch.tensor([[4.0, 2.0, 1.0, 1.0]], dtype=torch.float64).log()
GRADES = [[3.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {},
            (math.log(6 / 4) + math.log(4 / 2)) / 2,
        ),  # each positive against both negatives, without the other positive
        ({"positive_threshold": 1.5}, math.log(8 / 4)),  # grade 1 is a negative
        ({"positive_threshold": 3.0}, math.log(8 / 4)),  # inclusive
        ({"positives": "best"}, math.log(6 / 4)),
        ({"positives": "best", "other_positives": "negative"}, math.log(8 / 4)),
    ],
)
def test_value_by_hand(own_list, options, expected):
    grades, layout = own_list(GRADES)
    assert InfoNCE(temperature=1.0, **options)(SCORES, grades, **layout).loss.item() == pytest.approx(expected)


def test_temperature_divides_the_scores(own_list):
    grades, layout = own_list([[1.0, 0.0]])
    scores = torch.tensor([[0.5, 0.0]], dtype=torch.float64)
    assert InfoNCE(temperature=0.5)(scores, grades, **layout).loss.item() == pytest.approx(math.log(1 + math.exp(-1)))


def test_in_batch_passages_are_negatives_even_when_grade_zero_reaches_the_threshold(in_batch):
    grades, layout = in_batch([[0.0], [0.0]])
    output = InfoNCE(temperature=1.0, positive_threshold=0.0)(torch.zeros(2, 2).double(), grades, **layout)
    assert output.loss.item() == pytest.approx(math.log(2))


def test_passages_sharing_the_best_grade_are_all_positive(own_list):
    grades, layout = own_list([[2.0, 2.0, 1.0, 0.0]])
    loss = InfoNCE(temperature=1.0, positives="best")(SCORES, grades, **layout).loss
    assert loss.item() == pytest.approx((math.log(5 / 4) + math.log(3 / 2)) / 2)


def test_best_of_a_list_is_found_among_grades_below_zero(in_batch):
    grades, layout = in_batch([[-1.0, -2.0], [-2.0, -1.0]])  # e.g. a teacher's scores
    output = InfoNCE(temperature=1.0, positive_threshold=-9.0, positives="best")(torch.zeros(2, 4), grades, **layout)
    assert output.parts["queries_used"].item() == 2
    assert output.loss.item() == pytest.approx(math.log(3))


@pytest.mark.parametrize("grades", [[[0.0, 0.0, 0.0, 0.0]], [[1.0, 1.0, 1.0, 1.0]]])
def test_query_without_positive_or_without_negative_is_not_counted(own_list, grades):
    grades, layout = own_list(grades)
    output = InfoNCE(temperature=1.0)(SCORES, grades, **layout)
    assert output.loss.item() == 0
    assert output.parts["queries_used"].item() == 0


def test_accuracy_counts_positives_above_every_negative_and_no_ties(own_list):
    grades, layout = own_list([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    scores = torch.tensor([[4.0, 1.0, 2.0, 0.0], [3.0, 3.0, 2.0, 1.0]])
    assert InfoNCE(temperature=1.0)(scores, grades, **layout).parts["accuracy"].item() == pytest.approx(0.25)


@pytest.mark.parametrize("option", [{"positives": "some"}, {"other_positives": "drop"}])
def test_unknown_choice_is_refused(option):
    with pytest.raises(WrankError, match=f"loss.{next(iter(option))} is"):
        InfoNCE(temperature=1.0, **option)


def test_published_values_where_the_first_passage_is_the_positive(assert_published):
    def compute(case, scores, grades, own_BN, valid_BN):
        first = torch.zeros_like(grades)
        first[torch.arange(len(first)), torch.arange(len(first)) * case["group_size"]] = 1.0
        return InfoNCE(temperature=case["temperature"])(scores, first, own_BN=own_BN, valid_BN=valid_BN).loss

    assert_published("infonce_first_is_positive", compute)
