"""Thresholds: which figures of an audit fail a run."""

from collections.abc import Iterator, Mapping
from typing import Any

from wrank.audit.settings import AuditSettings


def failures(figures: Mapping[str, Any], settings: AuditSettings) -> list[str]:
    """The thresholds that the figures cross, in words.

    A share is compared as it is; a figure with an interval fails when the whole interval is beyond the threshold.

    Args:
        figures: what `Report.to_json` gives, or ``audit.json`` read back.
        settings: the thresholds; None only reports.
    """
    return [*_counts(figures, settings), *_surface(figures, settings), *_judge(figures, settings)]


def strength(estimate: Mapping[str, float]) -> tuple[float, float]:
    """How far two levels are apart, whichever is higher: the AUC from 0.5 up, and the least its interval allows."""
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if value >= 0.5:
        return value, max(low, 0.5)
    return 1 - value, max(1 - high, 0.5)


def auc(family: str, estimate: Mapping[str, float]) -> tuple[float, float]:
    """The AUC that counts, and the least its interval allows: for a classifier, what is below 0.5 is chance."""
    if family in ("length", "list_length"):
        return strength(estimate)
    return max(estimate["value"], 0.5), max(estimate["low"], 0.5)


def _counts(figures: Mapping[str, Any], settings: AuditSettings) -> Iterator[str]:
    counts, duplicates, wording = figures["counts"], figures["duplicates"], figures["wording"]
    if settings.min_queries is not None and counts["queries"] < settings.min_queries:
        yield f"min_queries is {settings.min_queries}: there are {counts['queries']}"
    shares = [
        ("max_incomplete", counts["incomplete_share"], "of the queries lack a level"),
        ("max_duplicate_share", duplicates["share"], "of the judgements are of a passage with a near-duplicate"),
        ("max_refusal_share", wording["fault_share"], "of the passages are refusals, chat leftovers or the like"),
    ]
    if found := figures.get("contamination"):
        shares += [
            ("max_contamination", found["queries"]["share"], "of the queries are in an evaluation set"),
            ("max_contamination", found["passages"]["share"], "of the passages are in an evaluation set"),
        ]
    elif settings.max_contamination is not None:
        yield (
            f"max_contamination is {settings.max_contamination:g}, but there was no evaluation set to look for: choose "
            "the collection with data=..., or set it to null"
        )
    for name, share, what in shares:
        limit = getattr(settings, name)
        if limit is not None and share > limit:
            yield f"{name} is {limit:g}: {share:.4f} {what}"


def _surface(figures: Mapping[str, Any], settings: AuditSettings) -> Iterator[str]:
    limits = {"length": "max_length_auc", "list_length": "max_length_auc"}
    limits |= {"style": "max_surface_auc", "words": "max_surface_auc"}
    for pair in figures["surface"]:
        for family, name in limits.items():
            limit, told = getattr(settings, name), pair["families"][family]
            if limit is None or told is None:
                continue
            value, least = auc(family, told["auc"])
            if least > limit:
                yield (
                    f"{name} is {limit:g}: {family.replace('_', ' ')} tells {pair['high']:g} from {pair['low']:g} with "
                    f"AUC {value:.2f} (at least {least:.2f})"
                )


def _judge(figures: Mapping[str, Any], settings: AuditSettings) -> Iterator[str]:
    judge, grader = figures["judge"] or {}, figures["grader"] or {}
    agreements = (
        ("min_judge_accuracy", judge.get("accuracy"), "the share of pairs in order", judge.get("name")),
        ("min_kappa", grader.get("quadratic"), "the quadratic kappa", grader.get("name")),
    )
    for name, told, what, who in agreements:
        limit = getattr(settings, name)
        if limit is None:
            continue
        if not told:
            yield f"{name} is {limit:g}, but no judge measured it: choose judge=encoder or judge=llm, or set it to null"
        elif told["high"] < limit:
            yield f"{name} is {limit:g}: {what}, by {who}, is {told['value']:.2f} (at most {told['high']:.2f})"
