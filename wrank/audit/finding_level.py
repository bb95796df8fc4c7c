"""Findings about the levels: what gives them away, and whether judges see them."""

from collections.abc import Iterator, Mapping
from typing import Any

from wrank.audit.finding import Finding, Severity, plural
from wrank.audit.surface import FAMILIES
from wrank.audit.threshold import auc

LEAK = {"length": (0.60, 0.75), "list_length": (0.60, 0.75), "style": (0.65, 0.80), "words": (0.65, 0.80)}
"""AUC from which a leak is a caution, and a problem; human judgements (Cranfield, TREC DL 2019) reach 0.60."""

SURE = 0.5
"""A leak is told of only where the interval stays above this."""


def surface(figures: Mapping[str, Any], length_key: str) -> Iterator[Finding]:
    """What gives the levels away."""
    pairs = figures["surface"]
    known = [pair for pair in pairs if not pair["too_few"]]
    if len(known) < len(pairs):
        yield Finding("surface_unknown", "note", "Too few queries to test whether the surface gives some levels away.")
    leaked = False
    for family in FAMILIES:
        cautions, problem = LEAK[family]
        told = [(*auc(family, pair["families"][family]["auc"]), pair) for pair in known if pair["families"][family]]
        found = [(value, least, pair) for value, least, pair in told if value >= cautions and least > SURE]
        if not found:
            continue
        leaked = True
        value, least, worst = max(found, key=lambda one: one[0])
        others = f" (and {plural(len(found) - 1, 'other pair')})" if len(found) > 1 else ""
        yield Finding(
            family,
            "problem" if value >= problem else "caution",
            f"{_LEAKS[family]} tells level {worst['high']:g} from {worst['low']:g}: AUC {value:.2f}, at least "
            f"{least:.2f}{others}. {_how(family, worst, figures)}A retriever can learn this instead of relevance.",
            _advice(family, length_key),
        )
    if known and not leaked:
        yield Finding("surface", "good", "Length, style and wording do not give the levels away.")
    for pair in known:
        within = (pair["families"]["overlap"] or {}).get("within")
        if within and within["low"] > 0.9:
            yield Finding(
                "overlap",
                "note",
                f"The share of the query's words alone orders {within['value']:.0%} of the pairs of levels "
                f"{pair['high']:g} and {pair['low']:g}: keyword search can do this; little else is taught.",
            )


_LEAKS = {
    "length": "Length alone",
    "list_length": "Being the longer or the shorter passage of the list",
    "style": "Style (punctuation, markup, stock phrases) without any content",
    "words": "Wording without the query's own words",
}


def _how(family: str, pair: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    if family in ("length", "list_length"):
        more = "longer" if pair["high_words"] > pair["low_words"] else "shorter"
        return f"Level {pair['high']:g} is {more} ({pair['high_words']:.0f} words against {pair['low_words']:.0f}). "
    told = next(one for one in figures["giveaway"] if one["low"] == pair["low"])
    if family == "words" and told["words"]:
        return "Most telling: " + ", ".join(f"“{_readable(word['name'])}”" for word in told["words"][:3]) + ". "
    if family == "style" and told["style"]:
        long = auc("length", pair["families"]["length"]["auc"])[0] >= LEAK["length"][0]
        named = ", ".join(one["name"] for one in told["style"][:3])
        return f"Most telling: {named}{' (length is part of style)' if long else ''}. "
    return "No single one stands out; many small ones add up. "


def _readable(name: str) -> str:
    return f"{name.removeprefix('^ ')} (at the beginning)" if name.startswith("^ ") else name


def _advice(family: str, length_key: str) -> str:
    if family in ("length", "list_length"):
        return f"Balance `{length_key}`: one draw for all levels of a query, or cut lists to like lengths."
    if family == "words":
        return (
            "Look at the words that give it away, if any stand out. Vary how passages are asked for (style, "
            "perspective, in-context examples), write all levels in one request, or use another model."
        )
    return (
        "Look at the habits that give it away, if any stand out. Strip markup and stock phrases; ask for one style in "
        "all levels of a query."
    )


def judge(figures: Mapping[str, Any]) -> Iterator[Finding]:
    """What the judge of the order says."""
    judge = figures["judge"]
    if judge is None or judge["accuracy"] is None:
        return
    told, name = judge["accuracy"], judge["name"]
    span = f"{told['value']:.0%} of the pairs ({told['low']:.0%} to {told['high']:.0%}; 50% = by chance)"
    severity: Severity = "good" if told["value"] >= 0.65 else "caution"
    if told["low"] <= 0.5 and told["value"] < 0.55:
        severity = "problem"
    yield Finding(
        "judge",
        severity,
        f"An independent judge ({name}) orders {span} of one query as the grades do.",
        "" if severity == "good" else "Read the most misordered queries below: is it the grades, or the judge?",
    )
    blurred = [
        pair
        for pair in judge["adjacent"]
        if pair["accuracy"] and pair["accuracy"]["low"] <= 0.5 and pair["accuracy"]["value"] < 0.6
    ]
    for pair in blurred:
        yield Finding(
            "blurred",
            "caution",
            f"{name} does not see that level {pair['high']:g} is better than {pair['low']:g}: "
            f"{pair['accuracy']['value']:.0%} of the pairs in order ({pair['accuracy']['low']:.0%} to "
            f"{pair['accuracy']['high']:.0%}).",
            "Make the levels' definitions further apart, or merge the two levels.",
        )


def grader(figures: Mapping[str, Any]) -> Iterator[Finding]:
    """What the judge that gives grades says."""
    grader = figures["grader"]
    if grader is None:
        return
    if grader["unread"]:
        yield Finding(
            "unread", "note", f"{grader['name']} gave no grade for {grader['unread']} of {grader['pairs']} pairs."
        )
    if told := grader.get("quadratic"):
        value = told["value"]
        yield Finding(
            "kappa",
            "problem" if told["high"] < 0.4 else "caution" if value < 0.6 else "good",
            f"Agreement of {grader['name']} with the grades: quadratic kappa {value:.2f} ({told['low']:.2f} to "
            f"{told['high']:.2f}).",
            "" if value >= 0.6 else "See the confusion matrix: which levels does it mix up?",
        )
