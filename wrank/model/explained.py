"""Turns transformers' errors into ours."""

import contextlib
from collections.abc import Iterator

from wrank.errors import WrankError


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
