"""What a suite is: the contract, and the choice of some of its sets by name."""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from wrank.data.source.base import Source
from wrank.errors import WrankError


@dataclass(frozen=True)
class EvaluationSet:
    """One test set of a suite. What is None is as the evaluation's settings, or the model, have it.

    Attributes:
        name: what it is called in tables, e.g. ``scifact`` or ``cqadupstack/android``.
        source: makes the reader; nothing is opened before. Its errors say what to fetch.
        split: the judgements that are evaluated.
        measures: names of measures in place of the settings'; the first is the main one, which is compared.
        drop_self: whether a passage whose id is the query's leaves the ranking.
        query_prompt: text put before each query.
        passage_prompt: text put before each passage.
        group: sets of one group are averaged first and count once in the suite's average; None: it counts alone.
        in_domain: whether models are trained on data of its kind: it is shown, and left out of the average.
        relevant: lowest grade that counts as relevant where no measure says so: in facts and slices of queries, and in
            feedback.
    """

    name: str
    source: Callable[[], Source]
    split: str = "test"
    measures: tuple[str, ...] | None = None
    drop_self: bool | None = None
    query_prompt: str | None = None
    passage_prompt: str | None = None
    group: str | None = None
    in_domain: bool = False
    relevant: int = 1


class Suite(ABC):
    """Test sets that are evaluated together.

    Making a suite opens nothing; `sets` gives the chosen sets in the suite's order, and opens nothing but to find them.

    Args:
        subset: names of sets, or of groups of sets; None takes all.
        in_domain: names of the sets, or groups, that models are trained on the like of.

    Attributes:
        name: the option's name.
        averaged: whether an average over the sets is published; where it is not, none is to be shown.

    Raises:
        WrankError: `subset` is empty, or one of the two is no list of names.
    """

    name: ClassVar[str]
    averaged: ClassVar[bool] = True

    def __init__(self, subset: Sequence[str] | None = None, in_domain: Sequence[str] = ()) -> None:
        self.subset = None if subset is None else _names(subset, "subset")
        self.in_domain = _names(in_domain, "in_domain")
        if self.subset is not None and not self.subset:
            raise WrankError("evaluation.suite.subset is empty: give names of sets, or null for all of them")

    @abstractmethod
    def all_sets(self) -> list[EvaluationSet]:
        """Every set of the suite, in its published order.

        Raises:
            WrankError: they cannot be found.
        """

    def sets(self) -> list[EvaluationSet]:
        """The chosen sets, in the suite's order.

        Raises:
            WrankError: an unknown name in `subset` or `in_domain`; near ones are named.
        """
        found = self.all_sets()
        inside = _members(found, self.in_domain, f"evaluation.suite.in_domain of {self.name}")
        wanted = _members(found, self.subset, f"evaluation.suite.subset of {self.name}") if self.subset else None
        return [replace(one, in_domain=one.name in inside) for one in found if wanted is None or one.name in wanted]


def check_words(given: Mapping[str, object], known: Sequence[str], key: str) -> None:
    """Refuses words that are not known.

    Args:
        given: word -> whatever.
        known: the words that there are.
        key: where they were set, for the message.

    Raises:
        WrankError: an unknown one; near ones are named, or all.
    """
    lower = {word.lower(): word for word in known}
    for word in given:
        if word not in known:
            near = [lower[one] for one in difflib.get_close_matches(str(word).lower(), lower, 3)]
            hint = f"did you mean {', '.join(near)}?" if near else f"there are: {', '.join(known) or 'none'}"
            raise WrankError(f"{key}: no set {word!r}; {hint}")


def _names(given: Sequence[str], key: str) -> tuple[str, ...]:
    if isinstance(given, str) or not all(isinstance(name, str) for name in given):
        raise WrankError(f"evaluation.suite.{key} is {given!r}; wanted a list of names, e.g. {key}=[scifact]")
    return tuple(dict.fromkeys(given))


def _members(sets: Sequence[EvaluationSet], names: Sequence[str], key: str) -> set[str]:
    """The sets that names stand for: a set's own, or its group's."""
    groups = [one.group for one in sets if one.group]
    check_words(dict.fromkeys(names), list(dict.fromkeys([*(one.name for one in sets), *groups])), key)
    return {one.name for one in sets if one.name in names or one.group in names}
