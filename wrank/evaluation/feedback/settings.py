"""What a user sets about feedback: the method, how much is revealed, and what the residual collection is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from wrank.errors import WrankError
from wrank.evaluation.feedback.base import FeedbackMethod

Nonrelevant = Literal["judged", "judged_then_ranked"]
Choice = Literal["random", "top"]
Residual = Literal["own", "largest"]


@dataclass(frozen=True)
class FeedbackSettings:
    """How feedback is drawn and measured; checked when made.

    The published code (github.com/UKPLab/incorporating-relevance) differs from the defaults: it reveals the judged
    passages that the first stage ranks highest (``choice: top``), removes the feedback of the largest k at every k
    (``residual: largest``), and its seeds split the queries into train and test; ``depth`` is 1000.

    Attributes:
        method: what re-ranks.
        ks: how many relevant and how many non-relevant passages are revealed, ascending.
        seeds: of the draws; not used with ``choice: top``, where there is nothing to draw.
        depth: candidates a query, the best of the first stage, counted before feedback passages leave them.
        relevant: lowest grade that counts as relevant when feedback is drawn; non-relevant is grade 0. None: the test
            set's own (see `for_set`), else 1.
        nonrelevant: ``judged_then_ranked``: judged passages, and where these are fewer than k, the best candidates
            without a judgement fill up; ``judged``: among judged passages alone.
        choice: ``random``: drawn from all judged passages of the corpus; ``top``: the best-ranked judged candidates.
        residual: ``own``: at each k its own feedback leaves rankings and judgements, so scores of two ks are of two
            collections; ``largest``: the feedback of the largest k leaves at every k, and only queries with enough
            judgements for it count, so scores of all ks can be compared.
    """

    method: FeedbackMethod
    ks: Sequence[int] = (2, 4, 8)
    seeds: Sequence[int] = (0, 1, 2)
    depth: int = 1000
    relevant: int | None = None
    nonrelevant: Nonrelevant = "judged_then_ranked"
    choice: Choice = "random"
    residual: Residual = "own"

    def __post_init__(self) -> None:
        if not isinstance(self.method, FeedbackMethod):
            raise WrankError(
                f"evaluation.feedback.method is {self.method!r}; wanted a node with _target_: "
                "wrank.evaluation.feedback...."
            )
        object.__setattr__(self, "ks", tuple(sorted(_wholes("ks", self.ks, least=1))))
        object.__setattr__(self, "seeds", _wholes("seeds", self.seeds, least=0))
        for key, value in (("depth", self.depth), ("relevant", self.least_relevant)):
            _wholes(key, [value], least=1)
        for key, words in (("nonrelevant", Nonrelevant), ("choice", Choice), ("residual", Residual)):
            if getattr(self, key) not in get_args(words):
                raise WrankError(
                    f"evaluation.feedback.{key} is {getattr(self, key)!r}; wanted one of {', '.join(get_args(words))}"
                )

    @property
    def draws(self) -> tuple[int, ...]:
        """The seeds that are drawn with: with ``choice: top`` the first one stands for all."""
        return tuple(self.seeds) if self.choice == "random" else tuple(self.seeds)[:1]

    @property
    def least_relevant(self) -> int:
        """The lowest grade that counts as relevant."""
        return 1 if self.relevant is None else self.relevant

    def for_set(self, relevant: int) -> "FeedbackSettings":
        """The settings with a test set's lowest relevant grade, unless one is set."""
        return replace(self, relevant=relevant if self.relevant is None else self.relevant)

    def removed(self, k: int) -> int:
        """How many passages of each kind leave the collection at k, and must be there for a query to count."""
        return max(self.ks) if self.residual == "largest" else k

    def identity(self) -> dict[str, Any]:
        """Everything that can change a score, as JSON values."""
        return {
            "method": self.method.identity(),
            "ks": list(self.ks),
            "seeds": list(self.draws),
            "relevant": self.least_relevant,
            **{key: getattr(self, key) for key in ("depth", "nonrelevant", "choice", "residual")},
        }


def _wholes(key: str, values: Any, least: int) -> tuple[int, ...]:
    """Whole numbers, each one once."""
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise WrankError(f"evaluation.feedback.{key} is {values!r}; wanted a list of whole numbers, e.g. [2, 4, 8]")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise WrankError(f"evaluation.feedback.{key}: {value!r} came; wanted a whole number from {least} up")
    if len(set(values)) != len(values):
        raise WrankError(f"evaluation.feedback.{key} is {list(values)}; a number comes twice")
    return tuple(values)
