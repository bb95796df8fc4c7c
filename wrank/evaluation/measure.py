"""Measures of rankings, computed by ir_measures from names such as ``nDCG@10`` or ``RR(rel=2)@10``.

nDCG, AP, P and R are trec_eval's (through pytrec_eval): nDCG has linear gain, i.e. gain = grade and
DCG@k = sum over ranks i <= k of grade_i / log2(i + 1), divided by the DCG of the judged passages in the best order
(Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques"). RR@k is MS MARCO's. A passage is
relevant for AP, R and RR when its grade is at least ``rel`` (1 when not given; TREC DL counts from 2). ``Unjudged@k``,
the one name that is ours, is 1 - ``Judged@k``: the share of the first k passages that nobody judged (less is better).

Which queries count, as trec_eval -c: every judged query. One that the run lacks scores 0, one without a relevant
passage scores 0; both are counted. A query of the run without judgements is left out of the mean, and counted.

A query whose two or more passages all have one score gets no credit: its order would be that of the ids, which can
be good by luck. It is scored as if it had no ranking, and counted.

Shapes: K ranks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import ir_measures
import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.measure_name import Unjudged, parse_measures
from wrank.evaluation.ranking import in_order

Ranking = Mapping[str, float] | Sequence[tuple[str, float]]
"""The passages of one query with their scores, in any order."""

_QUERIES_AT_ONCE = 256  # bounds the memory of what the calculator is given
_NEEDS_TOP_ONLY = {"nDCG", "AP", "RR", "R", "P", "Success", "Judged"}  # with a cut-off, nothing below it counts


@dataclass(frozen=True, slots=True)
class Scores:
    """What a run scored.

    Attributes:
        measures: measure name, as ir_measures writes it -> mean over the judged queries (the sum for counts as NumRet).
        per_query: query id, ascending -> measure name -> value; every judged query is there.
        counts: ``queries_judged``; of these ``queries_missing`` (no ranking in the run, score 0) and
            ``queries_constant`` (one score for all passages, score 0) and ``queries_without_relevant`` (no grade that
            counts as relevant); ``queries_unjudged`` (in the run, left out).
    """

    measures: dict[str, float]
    per_query: dict[str, dict[str, float]]
    counts: dict[str, int]


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


def best_first(query_id: str, ranking: Ranking) -> tuple[list[str], np.ndarray]:
    """Passages of one query by the rule for ties of `ranking.py`.

    Args:
        query_id: for messages.
        ranking: passages with scores, in any order.

    Returns:
        K passage ids, best first, and their float32 scores [K].

    Raises:
        WrankError: a passage comes twice, or a score is NaN, so that there is no order.
    """
    pairs = list(ranking.items()) if isinstance(ranking, Mapping) else list(ranking)
    ids = [passage_id for passage_id, _ in pairs]
    scores_K = np.array([score for _, score in pairs], dtype=np.float32)
    if len(set(ids)) < len(ids):
        twice = next(passage_id for place, passage_id in enumerate(ids) if passage_id in ids[:place])
        raise WrankError(f"run: passage {twice!r} comes twice in the ranking of query {query_id!r}; wanted each once")
    if np.isnan(scores_K).any():
        broken = ids[int(np.isnan(scores_K).argmax())]
        raise WrankError(f"run: the score of passage {broken!r} for query {query_id!r} is NaN; wanted a number")
    rises = bool((scores_K[1:] > scores_K[:-1]).any())
    if not rises and all(ids[place] > ids[place + 1] for place in np.flatnonzero(scores_K[1:] == scores_K[:-1])):
        return ids, scores_K  # as most runs come; sorting 7,000 x 1,000 again takes seconds
    ordered = in_order(dict(pairs))
    return [passage_id for passage_id, _ in ordered], np.array([score for _, score in ordered], dtype=np.float32)


def is_constant(scores_K: np.ndarray, least: int = 2) -> bool:
    """Whether all passages have one score, so that the scores say nothing.

    Args:
        scores_K: best first.
        least: a ranking of fewer passages is not called constant: of a system that ranks what it finds (BM25), even
            equal scores say which passages were found.
    """
    return len(scores_K) >= max(2, least) and bool(scores_K[0] == scores_K[-1])


def score_run(
    run: Mapping[str, Ranking],
    qrels: Mapping[str, Mapping[str, float]],
    measures: Sequence[str],
    *,
    relevant: int = 1,
    constant_from: int = 2,
) -> Scores:
    """Scores a run against judgements.

    Ties go by the rule of `ranking.py` for every measure: the measures see ranks, not scores, because the providers of
    ir_measures break ties in different ways. A query without a ranking, or with one score for all, has ``Judged@k`` 0
    and ``Unjudged@k`` 1.

    Args:
        run: query id -> passages with scores: `Rankings`, what `wrank.trec.read_run` returns, or a dict a query.
        qrels: query id -> passage id -> grade (0 = not relevant, higher = better), whole numbers.
        measures: names, see `wrank.evaluation.measure_name.parse_measures`.
        relevant: lowest grade that counts as relevant, for the count ``queries_without_relevant`` alone: a measure's
            own is in its name.
        constant_from: a ranking of at least so many passages that all have one score gets no credit.

    Returns:
        Means, values per query and counts.

    Raises:
        WrankError: measures that cannot be read; no judged query; a grade that is not a whole number; no judged query
            has a ranking; a passage twice in a ranking; a score that is NaN.
    """
    parsed = parse_measures(measures)
    judged = judged_grades(qrels, measures)
    calculated = {measure: _calculated(measure) for measure in parsed}
    per_query: dict[str, dict[str, float]] = {}
    missing = constant = 0
    for query_ids in _blocks(list(judged)):
        ranked: dict[str, list[str]] = {}
        for query_id in query_ids:
            ids, scores_K = best_first(query_id, run.get(query_id, ()))
            missing += not ids
            constant += is_constant(scores_K, constant_from)
            if ids and not is_constant(scores_K, constant_from):
                ranked[query_id] = ids
        found = _calculate(
            dict.fromkeys(calculated.values()), {query_id: judged[query_id] for query_id in query_ids}, ranked
        )
        for query_id in query_ids:
            values = {str(measure): found[query_id, str(other)] for measure, other in calculated.items()}
            per_query[query_id] = {name: 1 - v if name.startswith("Unjudged") else v for name, v in values.items()}
    if missing == len(judged):
        raise WrankError(_not_met(run, judged))
    counts = {
        "queries_judged": len(judged),
        "queries_missing": missing,
        "queries_constant": constant,
        "queries_without_relevant": sum(max(grades.values()) < relevant for grades in judged.values()),
        "queries_unjudged": sum(query_id not in judged for query_id in run),
    }
    return Scores(_aggregate(parsed, per_query), per_query, counts)


def _calculated(measure: ir_measures.Measure) -> ir_measures.Measure:
    """What ir_measures is asked for in place of a measure."""
    return ir_measures.Judged @ measure["cutoff"] if isinstance(measure, Unjudged) else measure


def _blocks(query_ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(query_ids), _QUERIES_AT_ONCE):
        yield query_ids[start : start + _QUERIES_AT_ONCE]


def _calculate(
    measures: Iterable[ir_measures.Measure], judged: dict[str, dict[str, int]], ranked: dict[str, list[str]]
) -> dict[tuple[str, str], float]:
    """(query id, measure name) -> value, of ids best first; measures with a cut-off are given no more than they need.

    That spares the providers written in Python, which sort every ranking again, most of their work. Measures of judged
    passages alone, or with gains of their own, are asked for apart: a measure without them that is asked for after one
    of those is computed as if it had them (ir_measures 0.4.3).
    """
    groups: dict[tuple[int | None, bool, str], list[ir_measures.Measure]] = {}
    for measure in measures:
        judged_only = bool(measure.params.get("judged_only"))
        top_only = measure.NAME in _NEEDS_TOP_ONLY and not judged_only
        kind = (measure.params.get("cutoff") if top_only else None, judged_only, str(measure.params.get("gains")))
        groups.setdefault(kind, []).append(measure)
    found: dict[tuple[str, str], float] = {}
    for (depth, _, _), group in groups.items():
        longest = max(map(len, ranked.values()), default=0)
        falling = [-float(rank) for rank in range(min(depth or longest, longest))]
        run = {query_id: dict(zip(ids, falling, strict=False)) for query_id, ids in ranked.items()}
        for metric in ir_measures.iter_calc(group, judged, run):
            found[metric.query_id, str(metric.measure)] = float(metric.value)
    return found


def _not_met(run: Mapping[str, Ranking], judged: Mapping[str, object]) -> str:
    """Why there is nothing to score."""
    example = next(iter(judged))
    known = next((query_id for query_id in run if query_id not in judged), None)
    if not run:
        return f"score: the run is empty, but {len(judged)} queries are judged, e.g. {example!r}; rank them first"
    if known is None:
        return f"score: the rankings of all {len(judged)} judged queries are empty, e.g. of {example!r}"
    return (
        f"score: ids do not meet: no judged query has a ranking; the run has e.g. query {known!r}, the judgements "
        f"have {example!r}; check that both are of one collection and split"
    )


def _aggregate(measures: Sequence[ir_measures.Measure], per_query: dict[str, dict[str, float]]) -> dict[str, float]:
    totals = {}
    for measure in measures:
        total = measure.aggregator()
        for values in per_query.values():
            total.add(values[str(measure)])
        totals[str(measure)] = float(total.result())
    return totals
