import pytest
from transformers.utils import logging

from wrank.quiet import quiet


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
