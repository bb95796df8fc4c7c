"""Checks of an augmentation's keys: what came, what was wanted, which key."""

from collections.abc import Sequence
from typing import Any

from wrank.errors import WrankError


def check_share(key: str, value: Any, *, positive: bool = False) -> float:
    """A probability or share.

    Args:
        key: below ``data.augment``.
        value: what came.
        positive: 0 is refused too.

    Raises:
        WrankError: no number from 0 to 1.
    """
    if not _is_number(value) or not 0 <= value <= 1 or (positive and value == 0):
        raise WrankError(
            f"data.augment.{key} is {value!r}; wanted a share {'above 0, up to 1' if positive else 'from 0 to 1'}"
        )
    return float(value)


def check_whole(key: str, value: Any, least: int | None = None) -> int:
    """A whole number.

    Args:
        key: below ``data.augment``.
        value: what came.
        least: the smallest that will do; None = any.

    Raises:
        WrankError: no whole number, or too small a one.
    """
    if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
        wanted = "a whole number" if least is None else f"a whole number from {least} up"
        raise WrankError(f"data.augment.{key} is {value!r}; wanted {wanted}")
    return value


def check_flag(key: str, value: Any) -> bool:
    """A switch.

    Args:
        key: below ``data.augment``.
        value: what came.

    Raises:
        WrankError: neither true nor false.
    """
    if not isinstance(value, bool):
        raise WrankError(f"data.augment.{key} is {value!r}; wanted true or false")
    return value


def check_range(key: str, value: Any, wanted: str) -> tuple[float, float]:
    """Two numbers, the lower first.

    Args:
        key: below ``data.augment``.
        value: what came.
        wanted: the range in words, for the message.

    Raises:
        WrankError: not two numbers, NaN, or the higher first.
    """
    pair = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    if len(pair) != 2 or not all(map(_is_number, pair)) or not pair[0] <= pair[1]:
        raise WrankError(f"data.augment.{key} is {value!r}; wanted {wanted}")
    return float(pair[0]), float(pair[1])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
