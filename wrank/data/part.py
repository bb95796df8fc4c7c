"""One source of a mix, and its steps."""

from collections.abc import Sequence
from dataclasses import dataclass

from wrank.data.objective import check_objective
from wrank.data.source.base import Source
from wrank.data.source.pairs import PairsSource
from wrank.data.step.base import Step, check_steps
from wrank.data.step.take import Take
from wrank.errors import WrankError


@dataclass(frozen=True)
class Part:
    """One source of a mix.

    Args:
        source: where texts and judgements come from; None = the collection itself.
        pairs: graded or scored pairs of texts that are in the other parts, e.g. mined ones; not together with `source`.
            Neither: the collection's own judgements.
        split: which judgements of `source`; None = the training split.
        judged: `pairs` are judgements (clicks, labels of a model), not passages somebody found. What they hold with a
            value above 0 before the steps then counts as relevant wherever known positives are asked for (they are
            masked among other lists' passages), whatever the steps make of it: of utilities or a teacher's scores,
            whose 0 divides nothing, that is a cautious guess, and no pair of theirs is ever drawn as a negative.
        objective: a name, where the pairs are labels of another kind for queries that have labels already: they make
            lists of their own (`wrank.data.objective`), weighed by the part's own steps. None = one list a query.
        steps: what becomes of its pairs, in order.
    """

    source: Source | None = None
    pairs: PairsSource | None = None
    split: str | None = None
    steps: Sequence[Step] = ()
    judged: bool = False
    objective: str | None = None

    def __post_init__(self) -> None:
        for key, value, kind in (("source", self.source, Source), ("pairs", self.pairs, PairsSource)):
            if value is not None and not isinstance(value, kind):
                raise WrankError(f"{key} is {value!r}; wanted a node with _target_: a {kind.__name__}")
        check_steps("steps", self.steps)
        if not isinstance(self.judged, bool):
            raise WrankError(f"judged is {self.judged!r}; wanted true or false")
        if self.objective is not None:
            check_objective("objective", self.objective)

    def random(self, place: str) -> Take | None:
        """The step that draws pairs anew each epoch, if there is one.

        Raises:
            WrankError: two of them, or a step after it that looks at other pairs.
        """
        found: Take | None = None
        for number, step in enumerate(self.steps):
            if isinstance(step, Take) and step.choice == "random":
                if found is not None:
                    raise WrankError(f"{place}.steps.{number}: a second Take with choice=random; wanted one at most")
                found = step
            elif found is not None and not step.pairwise:
                raise WrankError(
                    f"{place}.steps.{number}: {type(step).__name__} cannot follow Take with choice=random, which draws "
                    f"anew each epoch, after all other steps: put it before"
                )
        return found
