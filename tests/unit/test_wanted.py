"""Values of a wrong type are told with their key and what was wanted."""

from typing import Literal

import pytest

from wrank.errors import WrankError
from wrank.wanted import check_types


class Part:
    def __init__(self, rate: float, size: int | None = None, form: Literal["mean", "sum"] = "mean", on: bool = False,
                 name: str = "", parts: list[int] | None = None) -> None: ...  # fmt: skip


GOOD = {"rate": 1, "size": 4.0, "form": "sum", "on": True, "name": 7, "parts": "whatever: its own business"}


def check(**values):
    check_types({"_target_": "part", **values}, "loss", lambda _: Part)


def test_what_fits_passes():
    check(**GOOD)
    check(rate=None, size=None, on=False, name="x")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"rate": "abc"}, "loss.rate=abc: wanted a number"),
        ({"rate": True}, "loss.rate=true: wanted a number"),
        ({"rate": [1]}, r"loss.rate=\[...\]: wanted a number"),
        ({"size": 2.5}, "loss.size=2.5: wanted a whole number or null"),
        ({"form": "max"}, "loss.form=max: wanted mean, sum"),
        ({"on": 1}, "loss.on=1: wanted true or false"),
        ({"name": {"a": 1}}, r"loss.name=\{...\}: wanted a word"),
    ],
)
def test_what_does_not_fit_is_told(values, told):
    with pytest.raises(WrankError, match=told):
        check(**GOOD | values)


def test_parts_below_are_checked_with_their_place():
    with pytest.raises(WrankError, match=r"data\.steps\.1\.rate=x"):
        check_types({"steps": [{"a": 1}, {"_target_": "part", "rate": "x"}]}, "data", lambda _: Part)
