import math

import pytest

from wrank.teacher.base import Mark, Pointwise, sigmoid


class Lengths(Pointwise):
    """The longer passage is the better one."""

    name = "lengths"

    def identity(self):
        return {}

    def title(self):
        return "lengths"

    def marks(self, pairs, progress=None):
        return (Mark(float(len(passage))) for _, passage in pairs)


def test_scores_come_in_order_and_a_preference_is_the_sigmoid_of_their_difference():
    with Lengths() as teacher:
        assert list(teacher.score([("q", "abc"), ("q", "a")])) == [3.0, 1.0]
        assert teacher.prefer("q", "abc", "a") == pytest.approx(1 / (1 + math.exp(-2)))
        assert teacher.prefer("q", "a", "abc") == pytest.approx(1 - teacher.prefer("q", "abc", "a"))


@pytest.mark.parametrize(("x", "wanted"), [(0, 0.5), (-5000, 0.0), (5000, 1.0), (1, 0.7310585786300049)])
def test_sigmoid_does_not_overflow(x, wanted):
    assert sigmoid(x) == pytest.approx(wanted)
