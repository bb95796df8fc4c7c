"""Keeps transformers' own output off the terminal, and turns its errors into ours."""

import contextlib
from collections.abc import Iterator

from transformers.utils import logging

from wrank.errors import WrankError


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' progress bars and load report; put its settings back afterwards."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn any error of transformers into a WrankError that names the model and the reason."""
    try:
        yield
    except WrankError:
        raise
    except (
        Exception
    ) as error:  # transformers raises OSError, ValueError, ImportError, RuntimeError, SafetensorError ...
        reason = " ".join(str(error).split())[:800]
        raise WrankError(f"{what} cannot be loaded as a model: {type(error).__name__}: {reason}") from error
