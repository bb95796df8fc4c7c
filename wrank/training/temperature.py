"""Temperatures: which there are in a training, and how they move in its course.

A temperature that moves is a function of the optimizer step alone, so a resumed training goes on where it was.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

from torch import nn

from wrank.errors import WrankError
from wrank.loss.base import Loss

Shape = Literal["linear", "cosine", "exponential"]

OF_MODEL = "model.temperature"
"""The temperature that the model divides its similarities by."""

_KEYS = {"end", "shape", "until"}


@dataclasses.dataclass(frozen=True)
class Course:
    """How one temperature moves from its option's value to another.

    Attributes:
        end: its value at the end; above 0, in units of what it divides.
        shape: ``linear``; ``cosine``: slow at both ends; ``exponential``: by equal factors.
        until: share of the training, above 0 to 1, after which it stays at ``end``.
    """

    end: float
    shape: Shape = "linear"
    until: float = 1.0

    def at(self, start: float, done: float) -> float:
        """The value after a share of the training.

        Args:
            start: the option's value.
            done: share of the training that is done, 0 to 1.
        """
        share = min(1.0, done / self.until)
        if self.shape == "exponential":
            return start * (self.end / start) ** share
        if self.shape == "cosine":
            share = (1 - math.cos(math.pi * share)) / 2
        return start + (self.end - start) * share


def read_courses(given: Mapping[str, Any] | None) -> dict[str, Course]:
    """``trainer.temperatures`` as courses.

    Args:
        given: name of a temperature, e.g. ``loss.temperature`` -> {end, shape, until}; None = none.

    Raises:
        WrankError: keys or values that are none, by their place.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise WrankError(f"trainer.temperatures={given!r}: wanted name -> {{end, shape, until}}")
    return {str(name): _course(f"trainer.temperatures.{name}", value) for name, value in given.items()}


def _course(where: str, value: Any) -> Course:
    if not isinstance(value, Mapping) or "end" not in value or set(value) - _KEYS:
        raise WrankError(f"{where} is {value!r}; wanted end, and if you like shape and until")
    course = Course(**value)
    for key, highest in (("end", math.inf), ("until", 1.0)):
        number = getattr(course, key)
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= highest:
            raise WrankError(f"{where}.{key} is {number!r}; wanted a number above 0 and up to {highest:g}")
        if math.isinf(number):
            raise WrankError(f"{where}.{key} is {number!r}; wanted a finite number")
    if course.shape not in get_args(Shape):
        raise WrankError(f"{where}.shape is {course.shape!r}; wanted one of {', '.join(get_args(Shape))}")
    return course


def temperatures_of(loss: Loss) -> dict[str, tuple[nn.Module, str]]:
    """The temperatures of a loss and of its parts: name, e.g. ``loss.kl.label_temperature`` -> (part, attribute)."""
    found: dict[str, tuple[nn.Module, str]] = {}
    for path, part in loss.named_modules():
        prefix = ".".join(["loss", *(word for word in path.split(".") if word not in ("", "losses"))])
        for attribute, value in vars(part).items():
            if attribute.endswith("temperature") and isinstance(value, float):
                found[f"{prefix}.{attribute}"] = (part, attribute)
    return found


def check_courses(courses: Mapping[str, Course], loss: Loss, learnt: bool | None) -> None:
    """Refuses a course of a temperature that is not there, or that is learnt.

    Args:
        courses: name -> course.
        loss: the loss that is trained with.
        learnt: whether the model learns its temperature; None = it has none, as a cross-encoder.

    Raises:
        WrankError: which there are.
    """
    known = [*temperatures_of(loss), *([OF_MODEL] if learnt is False else [])]
    for name in courses:
        if name == OF_MODEL and learnt:
            raise WrankError(
                f"trainer.temperatures.{name}: it is learnt; set model.learn_temperature=false, or leave it"
            )
        if name not in known:
            raise WrankError(f"trainer.temperatures.{name}: no such temperature; this loss and model have {known}")
