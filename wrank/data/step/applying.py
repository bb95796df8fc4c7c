"""Steps one after another, each told where it stands; and which of them left nothing."""

import dataclasses
from collections.abc import Sequence

from wrank.data.step.base import Pairs, Step
from wrank.data.step.naming import counts_of
from wrank.errors import WrankError


def apply(steps: Sequence[Step], pairs: Pairs, where: str, skip: Step | None = None) -> tuple[Pairs, dict[str, int]]:
    """Applies steps.

    Args:
        steps: in their order.
        pairs: before them; `Pairs.place` is the configuration key that `steps` belongs to.
        where: the part, or ``mix``, for the counts.
        skip: a step that is not applied here: a random draw, which waits for its epoch.

    Returns:
        The pairs after them, and the steps' counts by name.

    Raises:
        WrankError: no pair to begin with, or none left; how many each step left is told. And what a step raises.
    """
    place, notes, left = pairs.place, dict[str, int](), [f"{len(pairs)} at first"]
    if not len(pairs):
        raise WrankError(f"{place}: no pair in it: wanted a source with pairs, or take the part out")
    for number, step in enumerate(steps):
        if step is skip:
            continue
        pairs = dataclasses.replace(step(dataclasses.replace(pairs, place=f"{place}.steps.{number}")), place=place)
        notes |= counts_of(where, step)
        left.append(f"{len(pairs) or 'none'} after steps.{number} ({type(step).__name__})")
        if not len(pairs):
            raise WrankError(
                f"{place}: no pair is left: {', '.join(left)}: loosen that step"
                + (", or take the part out" if place != "data.mix" else "")
            )
    return pairs, notes
