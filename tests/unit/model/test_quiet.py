import pytest
from transformers.utils import logging

from wrank.errors import WrankError
from wrank.model.quiet import explained, quiet


def _fail_quietly():
    with quiet():
        assert logging.get_verbosity() == logging.ERROR
        assert not logging.is_progress_bar_enabled()
        raise KeyError


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_the_settings_of_transformers_are_put_back_even_after_an_error(level):
    before = logging.get_verbosity()
    try:
        logging.set_verbosity(level)
        with pytest.raises(KeyError):
            _fail_quietly()
        assert logging.get_verbosity() == level
        assert logging.is_progress_bar_enabled()
    finally:
        logging.set_verbosity(before)


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
