"""Several augmentations, one after another."""

import copy
from collections.abc import Mapping, Sequence
from typing import Self

from wrank.data.augment.base import Augmentation
from wrank.errors import WrankError
from wrank.records import RankedList


class Chain(Augmentation):
    """Applies augmentations in a given order, each to what the one before it gave.

    Each step draws with its own seed, under its name: two steps of one kind and seed draw independently, and another
    step before it leaves a step's draws as they were.

    Args:
        steps: name -> augmentation.
        order: every name once, first to last. It is said apart because the order of a mapping's keys is no part of a
            run's key in the store: two orders would pass for the same run.

    Raises:
        WrankError: no step, a step that is no augmentation, or an order that leaves out, repeats or invents a name.
    """

    def __init__(self, steps: Mapping[str, Augmentation], order: Sequence[str]) -> None:
        super().__init__()
        if not isinstance(steps, Mapping) or not steps:
            raise WrankError(f"data.augment.steps is {steps!r}; wanted one or more augmentations, each under a name")
        for name, step in steps.items():
            if not isinstance(step, Augmentation):
                raise WrankError(
                    f"data.augment.steps.{name} is {step!r}; wanted an augmentation: a node with a _target_ such as "
                    f"wrank.data.augment.token_noise.TokenNoise"
                )
        listed = isinstance(order, Sequence) and not isinstance(order, str)
        if not listed or sorted(map(str, order)) != sorted(steps):
            raise WrankError(f"data.augment.order is {order!r}; wanted each of {sorted(steps)} once, first to last")
        self.steps = {name: steps[name].under(name) for name in order}

    def __call__(self, item: RankedList, epoch: int) -> RankedList:
        """A new list that all steps have gone over; the given one is not edited.

        Args:
            item: a training list.
            epoch: from 0.
        """
        for step in self.steps.values():
            item = step(item, epoch)
        return item

    def under(self, name: str) -> Self:
        """The same chain, all its steps drawing independently of others: as the step `name` of another chain."""
        renamed = copy.copy(self)
        renamed.steps = {own: step.under(name) for own, step in self.steps.items()}
        return renamed
