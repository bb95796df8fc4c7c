"""What is evaluated: the chosen collection's test split, or the sets of a suite, each with its own rules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.evaluation.comparison_data import SetRule
from wrank.evaluation.measure import judged_grades
from wrank.evaluation.settings import EvaluationSettings
from wrank.evaluation.suite.base import EvaluationSet
from wrank.stage.context import Context
from wrank.trec import parse_number, split_cells


@dataclass(frozen=True)
class TestSet:
    """One test set, read and checked.

    Attributes:
        rule: its name, the measure that is compared, and how it counts in an average.
        collection: passages, queries, judgements.
        settings: the evaluation's, with what the set's protocol says in their place.
        query_prompt: put before each query; None: the model's own.
        passage_prompt: put before each passage; None: the model's own.
        frequencies: query id -> how often it is asked; None where that is not known.
        paraphrases: question -> the ids of its wordings; None where that is not known.
    """

    __test__ = False  # for pytest, which takes the name for one of its own

    rule: SetRule
    collection: Collection
    settings: EvaluationSettings
    query_prompt: str | None = None
    passage_prompt: str | None = None
    frequencies: Mapping[str, float] | None = None
    paraphrases: Mapping[str, list[str]] | None = None

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return self.rule.name

    @property
    def label(self) -> str:
        """What it is called in the names of a tracker's figures: without the split."""
        return self.name.removesuffix(f"/{self.collection.split}")

    @property
    def identity(self) -> dict[str, Any]:
        """What can change a ranking, beside the system."""
        kept = {key: getattr(self.settings, key) for key in ("depth", "precision", "storage", "drop_self")}
        return kept | {"query_prompt": self.query_prompt, "passage_prompt": self.passage_prompt}


def test_sets(context: Context) -> list[TestSet]:
    """Reads and checks everything that is evaluated, before anything is encoded.

    Raises:
        WrankError: bad input of any kind, in any of the sets.
    """
    suite = context.settings.suite
    if suite is None:
        collection = context.collection(context.test_split)
        name = f"{collection.name}/{collection.split}"
        found = [_checked(context, EvaluationSet(name, lambda: context.source), collection)]
    else:
        chosen = [(one, one.source()) for one in suite.sets()]  # all are found before the first is read
        found = [_checked(context, one, source.load(one.split, context.tables)) for one, source in chosen]
        alone = all(one.in_domain for one, _ in chosen)  # then there is nothing else to average
        if alone:
            found = [replace(one, rule=replace(one.rule, in_domain=False)) for one in found]
    return found


test_sets.__test__ = False  # type: ignore[attr-defined]


def _checked(context: Context, one: EvaluationSet, collection: Collection) -> TestSet:
    settings = context.settings
    if one.measures is not None:
        settings = replace(settings, measures=one.measures)
    if one.drop_self is not None:
        settings = replace(settings, drop_self=one.drop_self)
    try:
        judged_grades(collection.qrels, settings.measures)
        _check_ids(collection)
    except WrankError as error:
        raise WrankError(f"{one.name}: {error}") from None
    rule = SetRule(one.name, settings.measures[0], one.group or one.name, one.in_domain)
    frequencies = _frequencies(settings.frequencies, collection)
    paraphrases = _paraphrases(settings.paraphrases, collection)
    return TestSet(rule, collection, settings, one.query_prompt, one.passage_prompt, frequencies, paraphrases)


def _check_ids(collection: Collection) -> None:
    """Refuses ids that a TREC run cannot hold."""
    for kind, ids in (("query", collection.qrels), ("passage", collection.passages.ids)):
        for one in ids:
            if len(one.split()) != 1:
                raise WrankError(
                    f"{collection.name}: {kind} id {one!r} has white space in it (or is empty), which a TREC run "
                    f"cannot hold: give it another id, also in the qrels"
                )


def _frequencies(path: str | None, collection: Collection) -> dict[str, float] | None:
    if path is None:
        return None
    file = Path(path).expanduser()
    counts = {
        query_id: parse_number(count, "count", file, number)
        for number, (query_id, count) in split_cells(file, "\t", 2, "query-id<TAB>count")
    }
    if not any(query_id in counts for query_id in collection.qrels):
        raise WrankError(f"{file}: none of the judged queries of {collection.name} is in it, e.g. {_one(collection)!r}")
    return counts


def _paraphrases(path: str | None, collection: Collection) -> dict[str, list[str]] | None:
    """Groups of two and more judged queries."""
    if path is None:
        return None
    file = Path(path).expanduser()
    groups: dict[str, list[str]] = {}
    for _, (query_id, question) in split_cells(file, "\t", 2, "query-id<TAB>question"):
        if query_id in collection.qrels and query_id not in groups.setdefault(question, []):
            groups[question].append(query_id)
    groups = {question: ids for question, ids in groups.items() if len(ids) > 1}
    if not groups:
        raise WrankError(
            f"{file}: no question has two wordings among the judged queries of {collection.name}, e.g. "
            f"{_one(collection)!r}; wanted lines query-id<TAB>question, equal questions for wordings of one"
        )
    return groups


def _one(collection: Collection) -> str:
    return next(iter(collection.qrels), "")
