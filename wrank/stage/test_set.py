"""What is evaluated: the chosen collection's test split, or the sets of a suite, each with its own rules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.evaluation.comparison_data import SetRule
from wrank.evaluation.measure import judged_grades
from wrank.evaluation.measure_name import check_main
from wrank.evaluation.settings import EvaluationSettings
from wrank.evaluation.suite.base import EvaluationSet
from wrank.files import sha256_of_json
from wrank.stage.context import Context
from wrank.stage.query_files import read_frequencies, read_paraphrases


@dataclass(frozen=True)
class TestSet:
    """One test set, read and checked.

    Attributes:
        rule: its name, the measure that is compared, and how it counts in an average.
        collection: passages, queries, judgements.
        settings: the evaluation's, with what the set's protocol says in their place.
        query_prompt: put before each query; None: the model's own.
        passage_prompt: put before each passage; None: the model's own.
        relevant: lowest grade that counts as relevant where no measure says so.
        frequencies: judged query -> how often it is asked; None where that is not known.
        paraphrases: question -> the judged queries that word it, two or more; None where that is not known.
    """

    __test__ = False  # for pytest, which takes the name for one of its own

    rule: SetRule
    collection: Collection
    settings: EvaluationSettings
    query_prompt: str | None = None
    passage_prompt: str | None = None
    relevant: int = 1
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
        """What can change a ranking, or what is told of one, beside the system, the measures and the files."""
        kept = {key: getattr(self.settings, key) for key in ("depth", "precision", "storage", "drop_self")}
        return kept | {
            "query_prompt": self.query_prompt,
            "passage_prompt": self.passage_prompt,
            "relevant": self.relevant,
        }

    @property
    def files_identity(self) -> dict[str, str]:
        """``frequencies`` and ``paraphrases`` -> SHA-256 of what is known of judged queries, where anything is."""
        files = {"frequencies": self.frequencies, "paraphrases": self.paraphrases}
        return {word: sha256_of_json(value) for word, value in files.items() if value is not None}


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
        found = [
            _checked(context, one, source.load(one.split, context.tables), suite.averaged) for one, source in chosen
        ]
        alone = all(one.in_domain for one, _ in chosen)  # then there is nothing else to average
        if alone:
            found = [replace(one, rule=replace(one.rule, in_domain=False)) for one in found]
    return _with_files(context.settings, found)


test_sets.__test__ = False  # type: ignore[attr-defined]


def _checked(context: Context, one: EvaluationSet, collection: Collection, averaged: bool = True) -> TestSet:
    settings = context.settings
    if one.measures is not None:
        settings = replace(settings, measures=one.measures)
    if one.drop_self is not None:
        settings = replace(settings, drop_self=one.drop_self)
    try:
        judged_grades(collection.qrels, settings.measures)
        check_main(settings.measures[0])
        _check_ids(collection)
    except WrankError as error:
        raise WrankError(f"{one.name}: {error}") from None
    rule = SetRule(one.name, settings.measures[0], one.group or one.name, one.in_domain, averaged)
    return TestSet(rule, collection, settings, one.query_prompt, one.passage_prompt, one.relevant)


def _with_files(settings: EvaluationSettings, tests: list[TestSet]) -> list[TestSet]:
    """The sets with what the user's files say of their queries."""
    collections = {test.name: test.collection for test in tests}
    if settings.frequencies is not None:
        counts = read_frequencies(settings.frequencies, collections)
        tests = [replace(test, frequencies=counts[test.name]) for test in tests]
    if settings.paraphrases is not None:
        groups = read_paraphrases(settings.paraphrases, collections)
        tests = [replace(test, paraphrases=groups[test.name]) for test in tests]
    return tests


def _check_ids(collection: Collection) -> None:
    """Refuses ids that a TREC run cannot hold."""
    for kind, ids in (("query", collection.qrels), ("passage", collection.passages.ids)):
        for one in ids:
            if len(one.split()) != 1:
                raise WrankError(
                    f"{collection.name}: {kind} id {one!r} has white space in it (or is empty), which a TREC run "
                    f"cannot hold: give it another id, also in the qrels"
                )
