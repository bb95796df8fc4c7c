import pytest

from wrank.errors import WrankError
from wrank.model.explained import explained


def test_an_error_is_told_in_one_line_with_its_cause():
    with (
        pytest.raises(WrankError, match="the-model cannot be loaded as a model: ValueError: two lines") as caught,
        explained("the-model"),
    ):
        raise ValueError("two\n  lines")
    assert isinstance(caught.value.__cause__, ValueError)


def test_our_own_errors_pass_unchanged():
    with pytest.raises(WrankError, match=r"^mine$"), explained("the-model"):
        raise WrankError("mine")
