"""What a comparison is made from: evaluations read, checked and averaged over seeds."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.evaluation.comparison_data import SetRule
from wrank.evaluation.scored import Scored
from wrank.files import read_jsonl

Runs = Mapping[str, Mapping[str, Sequence[Scored]]]
"""System -> set name -> its evaluations, one a seed."""

_SAME_MEAN = 1e-6  # relative; a measure's mean and the mean of its queries differ by rounding alone


def ordered_runs(scored: Runs, sets: Sequence[SetRule], reference: str) -> dict[str, dict[str, Sequence[Scored]]]:
    """The systems, reference first, each with the sets it has, in the order of the table.

    Raises:
        WrankError: no set, a set named twice, an unknown set or reference, a system without any set or
            a set without any system.
    """
    names = [rule.name for rule in sets]
    if not names or len(set(names)) < len(names):
        raise WrankError(f"compare: test sets with different names are wanted, at least one; got {names}")
    if reference not in scored:
        raise WrankError(f"compare: the reference {reference!r} is none of the systems: {', '.join(scored) or 'none'}")
    for system, row in scored.items():
        unknown = [name for name in row if name not in names]
        if unknown:
            raise WrankError(f"compare: {system} was scored on {unknown[0]!r}, which is none of {', '.join(names)}")
        if not any(row.values()):
            raise WrankError(f"compare: {system} was scored on no set; evaluate it, or leave it out")
    for name in names:
        if not any(row.get(name) for row in scored.values()):
            raise WrankError(f"compare: no system was scored on {name!r}; evaluate one, or leave the set out")
    order = [reference, *(system for system in scored if system != reference)]
    return {system: {name: scored[system][name] for name in names if scored[system].get(name)} for system in order}


def seed_means(where: str, seeds: Sequence[Scored], main: str) -> dict[str, float]:
    """Query id -> main measure, mean over seeds; ids ascending, so that no draw depends on the order in a file.

    Raises:
        WrankError: seeds with other queries; a value that is missing or not finite; a measure that is no mean.
    """
    check_queries(where, {f"seed {place} ({one.name})": one.per_query for place, one in enumerate(seeds)})
    for one in seeds:
        for query_id, measures in one.per_query.items():
            if not math.isfinite(measures.get(main, math.nan)):
                found = f"is {measures[main]}" if main in measures else f"is missing; it has {', '.join(measures)}"
                raise WrankError(f"compare: {where}, query {query_id!r}: {main} {found}; score {one.path} again")
        mean = statistics.fmean(measures[main] for measures in one.per_query.values())
        if abs(one.measures.get(main, mean) - mean) > _SAME_MEAN * max(1.0, abs(mean)):
            raise WrankError(
                f"compare: {where}: {main} is {one.measures[main]}, but the mean of its queries is {mean}; tests over "
                f"queries need a measure that is a mean: choose another main measure, or score {one.path} again"
            )
    return {
        query: statistics.fmean(one.per_query[query][main] for one in seeds) for query in sorted(seeds[0].per_query)
    }


def check_queries(where: str, runs: Mapping[str, Mapping[str, object]]) -> None:
    """All runs hold the same queries, at least one.

    Raises:
        WrankError: they do not; the message names the runs and the queries.
    """
    first, *others = runs
    if not runs[first]:
        raise WrankError(f"compare: {where}: {first} holds no query; score it again")
    for other in others:
        only = {
            name: sorted(runs[name].keys() - runs[with_].keys()) for name, with_ in ((first, other), (other, first))
        }
        if any(only.values()):
            told = "; ".join(f"{len(ids)} only in {name}, e.g. {ids[0]!r}" for name, ids in only.items() if ids)
            raise WrankError(f"compare: {where}: {first} and {other} were not scored on the same queries: {told}")


def read_diagnosis(seeds: Sequence[Scored]) -> dict[str, Any]:
    """The content of ``diagnosis.json``, every number averaged over the seeds; empty where a seed has none."""
    paths = [scored.path / "diagnosis.json" for scored in seeds]
    if not all(path.is_file() for path in paths):
        return {}
    mean: dict[str, Any] = _mean([json.loads(path.read_text(encoding="utf-8")) for path in paths])
    return mean


def read_queries(path: Path) -> dict[str, dict[str, Any]]:
    """Query id -> facts, from ``queries.jsonl`` of an evaluation's folder; empty where there is none."""
    file = path / "queries.jsonl"
    return {row.pop("query_id"): row for _, row in read_jsonl(file)} if file.is_file() else {}


def _mean(values: Sequence[Any]) -> Any:
    """Means of equal trees by leaf; keys that not all trees have are left out, as what is neither number nor equal."""
    first = values[0]
    if all(value == first for value in values):
        return first
    if all(isinstance(value, Mapping) for value in values):
        common = [key for key in first if all(key in value for value in values)]
        tree = {key: _mean([value[key] for value in values]) for key in common}
        return {key: value for key, value in tree.items() if value is not None}
    if all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        return sum(values) / len(values)
    return None
