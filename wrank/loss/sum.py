"""A weighted sum of losses."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from wrank.errors import WrankError
from wrank.loss.base import Loss, LossOutput
from wrank.loss.extra import Extra

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LAYOUTS = ("none", "local", "global")


class Sum(Loss):
    r"""Weighted sum of losses, each with its own settings, on the same scores.

    .. math:: \ell = \sum_k w_k \, \ell_k

    Each part works as it would alone: it leaves out the queries that it has nothing to learn from, means over the
    others, and computes in its own precision (``ws2`` in float64 beside others in float32). So ``per_query`` holds
    where it holds for every part; ``in_batch`` may be what every part supports; what any part ``needs`` is needed.

    Logged: each part's loss before its weight as ``NAME/loss``, and what it logs itself as ``NAME/...``;
    ``queries_used`` and ``passages_scored`` are the largest of the parts'.

    Source: none for a sum. ``loss=cadet`` is CADET's: Tamber et al., "Conventional Contrastive Learning Often Falls
    Short" (arXiv 2505.19274, 2025): list-wise KL from a cross-encoder plus 0.1 InfoNCE. ``teacher_kl`` + ``pair_kl`` is
    PairDistill's (arXiv 2410.01383); a ranking loss + ``coherence`` is that of arXiv 2508.07975.

    Needs: what its parts need. The scale of a part's gradient goes with 1 / its temperature: mind it with the weights.

    Args:
        parts: name -> ``{"weight": 0 or above, "loss": a loss}``. A name is lower-case letters, digits and ``_``.

    Raises:
        WrankError: no part, a part of another shape, a weight that is below 0, all weights 0, or parts of which no
            ``in_batch`` suits all.
    """

    source: ClassVar[str] = "its parts'; loss=cadet: Tamber et al. (2025), arXiv 2505.19274"
    formula: ClassVar[str] = "sum of weight * loss over its parts"

    def __init__(self, *, parts: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__()
        _check_parts(parts)
        self.weights: dict[str, float] = {name: float(part["weight"]) for name, part in parts.items()}
        self.losses = nn.ModuleDict({name: part["loss"] for name, part in parts.items()})
        losses: dict[str, Loss] = {name: part["loss"] for name, part in parts.items()}
        refusals = {
            layout: " ".join(
                f"Part {name}: {loss.in_batch_refusals.get(layout, 'not supported.')}"
                for name, loss in losses.items()
                if layout not in loss.in_batch_supported
            )
            for layout in _LAYOUTS
        }
        refusals = {layout: reason for layout, reason in refusals.items() if reason}
        if len(refusals) == len(_LAYOUTS):
            raise WrankError(f"loss.parts: no value of trainer.in_batch suits all parts. {' '.join(refusals.values())}")
        # these are facts of a class for every other loss; here they depend on the parts
        vars(self).update(
            in_batch_supported=frozenset(_LAYOUTS) - set(refusals),
            in_batch_refusals=refusals,
            per_query=all(loss.per_query for loss in losses.values()),
            needs=frozenset[str]().union(*(loss.needs for loss in losses.values())),
        )

    def compute_with(
        self,
        scores_BN: Tensor,
        grades_BN: Tensor,
        own_BN: Tensor,
        valid_BN: Tensor,
        weight_B: Tensor,
        extra: Extra,
    ) -> LossOutput:
        """Compute every part, and their weighted sum."""
        outputs: dict[str, LossOutput] = {
            name: loss(scores_BN, grades_BN, own_BN=own_BN, valid_BN=valid_BN, weight_B=weight_B, extra=extra)
            for name, loss in self.losses.items()
        }
        total = torch.stack([self.weights[name] * output.loss for name, output in outputs.items()]).sum()
        parts = {f"{name}/loss": output.loss for name, output in outputs.items()}
        for name, output in outputs.items():
            parts |= {f"{name}/{key}": value for key, value in output.parts.items()}
        for key in ("queries_used", "passages_scored"):
            parts[key] = torch.stack([output.parts[key] for output in outputs.values()]).amax()
        return LossOutput(total, parts)

    def extra_repr(self) -> str:
        """Show the weights; the parts print themselves."""
        return ", ".join(f"{name}: weight={weight:g}" for name, weight in self.weights.items())


def _check_parts(parts: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse parts that cannot be added up, each by its key."""
    if not isinstance(parts, Mapping) or not parts:
        raise WrankError(f"loss.parts is {parts!r}, but must be a mapping of name -> {{weight, loss}}.")
    for name, part in parts.items():
        where = f"loss.parts.{name}"
        if not _NAME.fullmatch(name) or hasattr(nn.ModuleDict, name):
            raise WrankError(f"{where}: a part's name is lower-case letters, digits and _, and none of Python's own.")
        if not isinstance(part, Mapping) or set(part) != {"weight", "loss"}:
            got = ", ".join(map(str, part)) if isinstance(part, Mapping) else repr(part)
            raise WrankError(f"{where} has {got or 'no keys'}, but must have the keys weight and loss, and no other.")
        if not isinstance(part["loss"], Loss):
            raise WrankError(
                f"{where}.loss is {part['loss']!r}, but must be a loss: give it the keys of a loss option."
            )
        weight = part["weight"]
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            raise WrankError(f"{where}.weight is {weight!r}, but must be a finite number, 0 or above.")
    if all(part["weight"] == 0 for part in parts.values()):
        raise WrankError("loss.parts: all weights are 0, nothing would be learned.")
