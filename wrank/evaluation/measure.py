"""Measures of rankings, computed by ir_measures from names such as ``nDCG@10`` or ``RR(rel=2)@10``.

nDCG, AP, P and R are trec_eval's (through pytrec_eval): nDCG has linear gain, i.e. gain = grade and
DCG@k = sum over ranks i <= k of grade_i / log2(i + 1), divided by the DCG of the judged passages in the best order
(Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques"). RR@k is MS MARCO's. A passage is
relevant for AP, R and RR when its grade is at least ``rel`` (1 when not given).

Which queries count, as trec_eval -c: every judged query. One that the run lacks scores 0, one without a relevant
passage scores 0; both are counted. A query of the run without judgements is left out of the mean, and counted.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import ir_measures

from wrank.errors import WrankError
from wrank.evaluation.ranking import in_order

EXAMPLES = "nDCG@10, RR@10, R@100, AP, P@5, RR(rel=2)@10"


@dataclass(frozen=True, slots=True)
class Scores:
    """What a run scored.

    Attributes:
        measures: measure name, as ir_measures writes it -> mean over the judged queries (the sum for counts as NumRet).
        per_query: query id, ascending -> measure name -> value; every judged query is there.
        counts: ``queries_judged``; of these ``queries_missing`` (no ranking in the run, score 0) and
            ``queries_without_relevant`` (no grade of 1 or more, score 0); ``queries_unjudged`` (in the run, left out).
    """

    measures: dict[str, float]
    per_query: dict[str, dict[str, float]]
    counts: dict[str, int]


def parse_measures(names: Iterable[str]) -> list[ir_measures.Measure]:
    """Measures from their names, in the order given; a measure named twice is kept once.

    Args:
        names: names in the notation of ir_measures, e.g. ``nDCG@10``, ``RR(rel=2)@10``.

    Raises:
        WrankError: no name, a name that cannot be read, or a measure that no installed provider computes.
    """
    if isinstance(names, str):
        raise WrankError(f"measures: a list of names is wanted, got the text {names!r}; write [{names}]")
    parsed = list(dict.fromkeys(_parse(name) for name in names))
    if not parsed:
        raise WrankError(f"measures: at least one is wanted, e.g. {EXAMPLES}")
    return parsed


def _parse(name: str) -> ir_measures.Measure:
    try:
        with warnings.catch_warnings():  # ir_measures 0.4.3 uses names of `ast` that Python 3.12 deprecates
            warnings.simplefilter("ignore", DeprecationWarning)
            measure = ir_measures.parse_measure(str(name).strip())
        known = ir_measures.DefaultPipeline.supports(measure)
    except (ValueError, TypeError, AttributeError, NameError, AssertionError, KeyError) as error:
        raise WrankError(f"measure {name!r} cannot be read ({error}); examples: {EXAMPLES}") from error
    cutoff = measure.params.get("cutoff")
    if cutoff is not None and cutoff < 1:
        raise WrankError(f"measure {name!r}: the cut-off after @ must be at least 1")
    if not known:
        raise WrankError(
            f"measure {name!r}: no installed package computes it with these settings; examples: {EXAMPLES}"
        )
    return measure


def judged_grades(qrels: Mapping[str, Mapping[str, float]], measures: Iterable[str]) -> dict[str, dict[str, int]]:
    """The judged queries, ascending by id, with their grades as the integers that trec_eval wants.

    Args:
        qrels: query id -> passage id -> grade.
        measures: names of the measures, for the message.

    Raises:
        WrankError: no judged query, or a grade that is not a whole number.
    """
    judged = {query_id: qrels[query_id] for query_id in sorted(qrels) if qrels[query_id]}
    if not judged:
        raise WrankError("score: the judgements (qrels) hold no query, so there is nothing to score; check the split")
    for query_id, grades in judged.items():
        for passage_id, grade in grades.items():
            if not float(grade).is_integer():
                raise WrankError(
                    f"judgement of query {query_id!r}, passage {passage_id!r}: grade {grade} is not a whole number, "
                    f"but {', '.join(measures)} need whole grades (trec_eval); round or scale the grades"
                )
    return {
        query_id: {passage_id: int(grade) for passage_id, grade in grades.items()}
        for query_id, grades in judged.items()
    }


def score_run(
    run: Mapping[str, Mapping[str, float] | Sequence[tuple[str, float]]],
    qrels: Mapping[str, Mapping[str, float]],
    measures: Sequence[str],
) -> Scores:
    """Scores a run against judgements.

    Ties go by the rule of `ranking.py` for every measure: the measures see ranks, not scores, because the providers of
    ir_measures break ties in different ways.

    Args:
        run: query id -> passages with scores: `Rankings`, what `wrank.trec.read_run` returns, or a dict a query.
        qrels: query id -> passage id -> grade (0 = not relevant, higher = better), whole numbers.
        measures: names, see `parse_measures`.

    Returns:
        Means, values per query and counts.

    Raises:
        WrankError: measures that cannot be read; no judged query; a grade that is not a whole number.
    """
    parsed = parse_measures(measures)
    judged = judged_grades(qrels, measures)
    ranks: dict[str, dict[str, float]] = {}
    for query_id in judged:
        ranking = in_order(dict(run.get(query_id, ())))
        if ranking:
            ranks[query_id] = {passage_id: -float(rank) for rank, (passage_id, _) in enumerate(ranking)}
    per_query: dict[str, dict[str, float]] = {query_id: {} for query_id in judged}
    for metric in ir_measures.iter_calc(parsed, judged, ranks):
        per_query[metric.query_id][str(metric.measure)] = float(metric.value)
    names = [str(measure) for measure in parsed]
    per_query = {query_id: {name: values[name] for name in names} for query_id, values in per_query.items()}
    counts = {
        "queries_judged": len(judged),
        "queries_missing": len(judged) - len(ranks),
        "queries_without_relevant": sum(max(grades.values()) < 1 for grades in judged.values()),
        "queries_unjudged": sum(query_id not in judged for query_id in run),
    }
    return Scores(_aggregate(parsed, per_query), per_query, counts)


def _aggregate(measures: Sequence[ir_measures.Measure], per_query: dict[str, dict[str, float]]) -> dict[str, float]:
    totals = {}
    for measure in measures:
        total = measure.aggregator()
        for values in per_query.values():
            total.add(values[str(measure)])
        totals[str(measure)] = float(total.result())
    return totals
