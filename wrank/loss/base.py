"""The contract of every loss, and the masked softmax that all of them stand on.

Shapes: B queries in the loss; N passages scored for each of them, which is K (the query's own list; ``in_batch: none``)
or B*K (the lists of all queries side by side, each query's own block marked by ``own_BN``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple, TypeVar, get_args

import torch
from torch import Tensor, nn

from wrank.errors import WrankError
from wrank.loss.extra import NEEDS, Extra

InBatchTarget = Literal["none", "graded_zero"]
_Choice = TypeVar("_Choice", bound=str)


@dataclass(frozen=True, slots=True)
class LossOutput:
    """What a loss gives back.

    Attributes:
        loss: scalar to call ``backward`` on; float32, or float64 where the scores are float64.
        parts: detached scalars to log beside the loss; every loss has ``queries_used`` and ``passages_scored``.
    """

    loss: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)


class Loss(nn.Module):
    """Base of every loss: one number for B queries, each with N scored passages and its own list's grades.

    The trainer calls ``forward``; a loss implements ``compute``. ``forward`` leaves autocast, lifts scores and grades
    to float32 (float64 stays float64; a loss whose ``double_precision`` is True always computes in float64) and blanks
    what ``valid_BN`` leaves out, so ``compute`` may rely on this: ``own_BN`` implies ``valid_BN``; scores are 0 where
    not valid; grades are 0 where not own; weights are there.

    Promises, all held by ``tests/unit/loss/test_contract.py``:
        - Value and gradient are finite, also for equal scores, equal grades, one query, rows with no valid passage,
          scores of 1e4 and weights of 0.
        - Padding, whether a padded passage or a padded query, changes nothing, whatever its scores and grades hold.
        - The order of the queries, and of the passages within a list, changes nothing.
        - A query with nothing to learn from adds 0 to loss and gradient and is left out of the mean.
          ``parts["queries_used"]`` counts the others; each loss says what it calls nothing to learn from.
        - Where ``per_query`` is True: loss = sum(weight * loss of the query) / sum(weight), over the used queries.

    Whether other queries' passages are scored (``in_batch``) is the trainer's setting. A loss only declares in
    ``in_batch_supported`` what it can work with, and the trainer checks that before any work.
    """

    in_batch_supported: ClassVar[frozenset[str]] = frozenset({"none", "local", "global"})
    in_batch_refusals: ClassVar[Mapping[str, str]] = {}
    """Why, for each value of ``in_batch`` that is missing above; a sentence to show to the user."""
    per_query: ClassVar[bool] = True
    """Whether a batch's loss is the weighted mean of its queries', so that a batch may be split without changing it."""
    double_precision: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset()
    """Words of `NEEDS`: what the lists must hold, checked before any work. ``grades``: two different ones in a list."""
    source: ClassVar[str] = ""
    """Where the formula comes from, in a line: authors, title, arXiv number or venue."""
    formula: ClassVar[str] = ""
    """The formula in a line of plain text."""

    def forward(
        self,
        scores_BN: Tensor,
        grades_BN: Tensor,
        *,
        own_BN: Tensor,
        valid_BN: Tensor,
        weight_B: Tensor | None = None,
        extra: Extra | None = None,
    ) -> LossOutput:
        """Compute the loss of a batch.

        Args:
            scores_BN: [B, N] similarity of query and passage, any floating type; differentiated through. The loss
                divides it by its own ``temperature``; a model that already divides by one wants 1.0 here.
            grades_BN: [B, N] relevance: 0 = not relevant, higher = better. Read in the query's own list only.
            own_BN: [B, N] bool, True for the query's own list. Padding may be marked either way.
            valid_BN: [B, N] bool, False for what takes no part in any softmax: padding, duplicates of a positive, other
                known positives of the query.
            weight_B: [B] weights of the queries, 0 or above; None means 1 each.
            extra: teacher scores, preferences, paraphrases, for the losses that need them.

        Raises:
            ValueError: a shape or type that does not fit, a layout that this loss cannot work with, or nothing of what
                it needs.
        """
        _check_tensors(scores_BN, grades_BN, own_BN, valid_BN, weight_B)
        extra = extra or Extra()
        for word in self.needs:
            if NEEDS[word] and getattr(extra, NEEDS[word]) is None:
                raise ValueError(f"{type(self).__name__} needs {word}, but the batch has no {NEEDS[word]}")
        double = scores_BN.dtype == torch.float64
        dtype = torch.float64 if double or self.double_precision else torch.float32
        with torch.autocast(device_type=scores_BN.device.type, enabled=False):
            own_BN = own_BN & valid_BN
            scores_BN = torch.where(valid_BN, scores_BN, 0.0).to(dtype)
            grades_BN = torch.where(own_BN, grades_BN, 0.0).to(dtype)
            weight_B = scores_BN.new_ones(len(scores_BN)) if weight_B is None else weight_B.to(dtype)
            output = self.compute_with(scores_BN, grades_BN, own_BN, valid_BN, weight_B, extra.lifted(dtype))
            out_dtype = torch.float64 if double else torch.float32
            parts = {name: part.detach().to(out_dtype) for name, part in output.parts.items()}
            return LossOutput(output.loss.to(out_dtype), parts)

    def compute_with(
        self,
        scores_BN: Tensor,
        grades_BN: Tensor,
        own_BN: Tensor,
        valid_BN: Tensor,
        weight_B: Tensor,
        extra: Extra,
    ) -> LossOutput:
        """Compute a loss that needs more than scores and grades; all others define ``compute``."""
        return self.compute(scores_BN, grades_BN, own_BN, valid_BN, weight_B)

    def compute(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor
    ) -> LossOutput:
        """Compute the loss on inputs that ``forward`` has checked, lifted and blanked."""
        raise NotImplementedError(f"{type(self).__name__} must define compute()")

    def extra_repr(self) -> str:
        """Show the settings when the loss is printed."""
        settings = {
            name: value for name, value in vars(self).items() if not name.startswith("_") and name != "training"
        }
        return ", ".join(f"{name}={value!r}" for name, value in settings.items())


class Distributions(NamedTuple):
    """Both sides of a list-wise loss; rows that are not used are 0 everywhere.

    Attributes:
        log_p_BN: log P, the log softmax of the scores; 0 where not valid.
        p_BN: P; 0 where not valid.
        log_t_BN: log T, the log softmax of the grades; 0 outside T's softmax.
        t_BN: T; 0 outside T's softmax.
        used_B: bool, the queries that have something to learn from.
    """

    log_p_BN: Tensor
    p_BN: Tensor
    log_t_BN: Tensor
    t_BN: Tensor
    used_B: Tensor


class ListWiseLoss(Loss):
    """Base of the losses that compare P = softmax(scores / temperature) with T = softmax(grades / label_temperature).

    P runs over all valid passages of the row. T depends on ``in_batch_target``:
        - ``none``: T runs over the query's own valid passages; other queries' passages have target 0.
        - ``graded_zero``: T runs over all valid passages, each in-batch passage with grade 0, as published for SyCL
          (arXiv 2503.23239). Its T thins out as the batch grows: with grades 3, 2, 1, 0 and label temperature 1 the own
          list holds 0.72 of the mass at N=16, 0.34 at N=64, 0.11 at N=256.

    A query has nothing to learn from when fewer than two of its passages are valid, when none of its own is, or, with
    ``none``, when all its own grades are 0: T would then lift passages that are not relevant above everybody else's.

    Args:
        temperature: divides the scores; above 0, in units of the score (about 0.05 for cosine, 1 for dot products).
        label_temperature: divides the grades; above 0, in grades. Lower puts more of T on the best passages.
        in_batch_target: ``none`` or ``graded_zero``, see above.

    Raises:
        WrankError: a temperature that is not above 0, or an unknown ``in_batch_target``.
    """

    def __init__(
        self, *, temperature: float, label_temperature: float = 1.0, in_batch_target: InBatchTarget = "none"
    ) -> None:
        super().__init__()
        self.temperature = check_above_zero("temperature", temperature)
        self.label_temperature = check_above_zero("label_temperature", label_temperature)
        self.in_batch_target = check_choice("in_batch_target", in_batch_target, get_args(InBatchTarget))

    def distributions(self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor) -> Distributions:
        """Return P and T of a batch, with the rows that have nothing to learn from set to 0."""
        valid_BN, target_BN, used_B = self._sides(grades_BN, own_BN, valid_BN)
        log_p_BN = masked_log_softmax(scores_BN / self.temperature, valid_BN)
        log_t_BN = masked_log_softmax(grades_BN / self.label_temperature, target_BN)
        p_BN = torch.where(valid_BN, log_p_BN.exp(), 0.0)
        t_BN = torch.where(target_BN, log_t_BN.exp(), 0.0)
        return Distributions(log_p_BN, p_BN, log_t_BN, t_BN, used_B)

    def probabilities(
        self, scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return P, T and which rows are used, as ``distributions`` does, for losses that need no logarithm."""
        valid_BN, target_BN, used_B = self._sides(grades_BN, own_BN, valid_BN)
        p_BN = masked_softmax(scores_BN / self.temperature, valid_BN)
        return p_BN, masked_softmax(grades_BN / self.label_temperature, target_BN), used_B

    def _sides(self, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what P's softmax and T's softmax run over, and which rows are used."""
        used_B = own_BN.any(1) & (valid_BN.sum(1) > 1)
        if self.in_batch_target == "none":
            used_B = used_B & (grades_BN != 0).any(1)
        target_BN = (own_BN if self.in_batch_target == "none" else valid_BN) & used_B[:, None]
        return valid_BN & used_B[:, None], target_BN, used_B


def masked_log_softmax(logits_BN: Tensor, mask_BN: Tensor) -> Tensor:
    """Log softmax of each row over the passages in ``mask_BN``; 0 elsewhere, and in a row with an empty mask."""
    return torch.where(mask_BN, _fill_lowest(logits_BN, mask_BN).log_softmax(1), 0.0)


def masked_softmax(logits_BN: Tensor, mask_BN: Tensor) -> Tensor:
    """Softmax of each row over the passages in ``mask_BN``; 0 elsewhere, and in a row with an empty mask."""
    return torch.where(mask_BN, _fill_lowest(logits_BN, mask_BN).softmax(1), 0.0)


def masked_logsumexp(logits_BN: Tensor, mask_BN: Tensor) -> Tensor:
    """Log of the sum of exp of each row over the passages in ``mask_BN``, [B, 1]; 0 in a row with an empty mask."""
    total_B1 = _fill_lowest(logits_BN, mask_BN).logsumexp(1, keepdim=True)
    return torch.where(mask_BN.any(1, keepdim=True), total_B1, 0.0)


def _fill_lowest(logits_BN: Tensor, mask_BN: Tensor) -> Tensor:
    """Put the lowest finite number where the mask is False: its exp is 0, and unlike -inf it makes no NaN anywhere."""
    return logits_BN.masked_fill(~mask_BN, torch.finfo(logits_BN.dtype).min)


def weighted_mean(value_B: Tensor, weight_B: Tensor, used_B: Tensor) -> Tensor:
    """Return sum(weight * value) / sum(weight) over the used queries; 0 where that weight is 0."""
    weight_B = torch.where(used_B, weight_B, 0.0)
    total = weight_B.sum()
    return (weight_B * torch.where(used_B, value_B, 0.0)).sum() / torch.where(total > 0, total, 1.0)


def batch_parts(valid_BN: Tensor, used_B: Tensor) -> dict[str, Tensor]:
    """Count the used queries and the passages that an average one of them was scored against (the effective N)."""
    counts_B = valid_BN.sum(1).to(torch.float32)
    return {
        "queries_used": used_B.sum(),
        "passages_scored": weighted_mean(counts_B, torch.ones_like(counts_B), used_B),
    }


def check_above_zero(name: str, value: float) -> float:
    """Return ``value``; raise WrankError naming ``name`` where it is not a finite number above 0."""
    if not 0 < value < float("inf"):
        raise WrankError(f"loss.{name} is {value!r}, but must be a finite number above 0.")
    return value


def check_choice(name: str, value: _Choice, choices: tuple[str, ...]) -> _Choice:
    """Return ``value``; raise WrankError naming ``name`` where it is not one of ``choices``."""
    if value not in choices:
        raise WrankError(f"loss.{name} is {value!r}, but must be one of: {', '.join(choices)}.")
    return value


def _check_tensors(
    scores_BN: Tensor, grades_BN: Tensor, own_BN: Tensor, valid_BN: Tensor, weight_B: Tensor | None
) -> None:
    """Refuse shapes that would broadcast, and types that would be misread, in silence."""
    if scores_BN.dim() != 2 or not scores_BN.is_floating_point():
        raise ValueError(f"scores_BN must be a floating tensor [B, N], got {scores_BN.dtype} {list(scores_BN.shape)}")
    for name, tensor in (("grades_BN", grades_BN), ("own_BN", own_BN), ("valid_BN", valid_BN)):
        if tensor.shape != scores_BN.shape:
            raise ValueError(f"{name} is {list(tensor.shape)}, but scores_BN is {list(scores_BN.shape)}")
    for name, tensor in (("own_BN", own_BN), ("valid_BN", valid_BN)):
        if tensor.dtype != torch.bool:
            raise ValueError(f"{name} must be bool (True: takes part), got {tensor.dtype}")
    if weight_B is not None and weight_B.shape != scores_BN.shape[:1]:
        raise ValueError(f"weight_B is {list(weight_B.shape)}, but there are {len(scores_BN)} queries")
