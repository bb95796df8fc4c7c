"""Findings about the texts: how many, duplicates, contamination, wording."""

from collections.abc import Iterator, Mapping
from typing import Any

from wrank.audit.finding import Finding, Severity, listed, percent, plural

FEW = 100
"""Queries below which intervals are too wide to rely on."""


def counts(figures: Mapping[str, Any]) -> Iterator[Finding]:
    """How much there is, and how it is spread over levels."""
    counts = figures["counts"]
    if counts["queries"] < FEW:
        yield Finding(
            "few_queries",
            "caution",
            f"{plural(counts['queries'], 'query', 'queries')}: too few to be sure of small differences.",
            "Read every figure with its interval; audit a few hundred queries before you decide.",
        )
    if len(counts["levels"]) < 2:
        yield Finding(
            "one_level",
            "problem",
            f"All passages have the grade {counts['levels'][0]['grade']:g}: there is nothing to rank.",
            "A list-wise loss needs at least two levels.",
        )
    if counts["incomplete_share"] > 0.05:
        yield Finding(
            "incomplete",
            "caution",
            f"{percent(counts['incomplete_share'])} of the queries lack at least one level. Usual for human "
            f"judgements; for written data it means that replies were rejected.",
            "For written data: rejects.jsonl holds the reasons; raise `generator.attempts`, or use a larger model.",
        )
    if counts["without_positive"]:
        yield Finding(
            "without_positive",
            "caution",
            f"{counts['without_positive']} of {counts['queries']} queries have no passage above grade 0.",
            "Contrastive losses learn nothing from them; leave them out.",
        )
    if empty := counts["empty_passages"]:
        severity: Severity = "problem" if empty > 0.01 * counts["passages"] else "caution"
        yield Finding("empty", severity, f"{plural(empty, 'passage')} without a word.", "Remove them.")
    sizes = [level["judgements"] for level in counts["levels"]]
    if len(sizes) > 1 and max(sizes) > 5 * min(sizes):
        yield Finding("balance", "note", f"Levels differ in size: from {min(sizes)} to {max(sizes)} passages.")
    for attribute in counts["attributes"]:
        yield from _attribute(attribute["name"], [mean for mean in attribute["mean"] if mean is not None])


def _attribute(name: str, means: list[float]) -> Iterator[Finding]:
    largest = max(map(abs, means), default=0.0)
    if largest and (max(means) - min(means)) / largest > 0.25:
        yield Finding(
            "attribute",
            "caution",
            f"`{name}` was asked for differently by level: means {listed(means)} (lowest level first).",
            "Draw it from one distribution for all levels of a query.",
        )


def duplicates(figures: Mapping[str, Any]) -> Iterator[Finding]:
    """What comes twice."""
    found, graded = figures["duplicates"], figures["counts"]["judgements"]
    if found["contradictory"]:
        yield Finding(
            "contradictory",
            "problem" if 2 * found["contradictory"] > 0.05 * graded else "caution",
            f"{plural(found['contradictory'], 'time')} one query has nearly the same passage at different levels.",
            "Keep one of them, or reject the reply: the grades contradict each other.",
        )
    if found["share"] > 0.02:
        yield Finding(
            "duplicates",
            "problem" if found["share"] > 0.3 else "caution",
            f"{percent(found['share'])} of the graded passages have a near-duplicate ({percent(found['within_share'])} "
            f"within a query, {percent(found['across_share'])} in another query, {percent(found['exact_share'])} word "
            f"for word).",
            "Raise the temperature or the variety of attributes, or use a larger model; remove the copies.",
        )
    elif not found["contradictory"]:
        yield Finding("duplicates", "good", f"Hardly any near-duplicate passages ({percent(found['share'])}).")
    if found["queries"]["share"] > 0.02:
        yield Finding(
            "duplicate_queries",
            "caution",
            f"{percent(found['queries']['share'])} of the queries have a near-duplicate.",
            "Remove the copies: in a batch they are each other's false negatives.",
        )


def contamination(figures: Mapping[str, Any]) -> Iterator[Finding]:
    """What is in an evaluation set."""
    found = figures["contamination"]
    if found is None:
        yield Finding("contamination_unknown", "note", "No evaluation set was given: contamination was not looked at.")
        return
    names = ", ".join(found["against"])
    queries, passages = found["queries"], found["passages"]
    if queries["matched"]:
        yield Finding(
            "contaminated_queries",
            "problem",
            f"{plural(queries['matched'], 'query', 'queries')} ({percent(queries['share'])}) found in the evaluation "
            f"set ({names}): its measures would be worth nothing.",
            "Remove them.",
        )
    if passages["matched"]:
        yield Finding(
            "contaminated_passages",
            "problem" if passages["share"] > 0.01 else "caution",
            f"{plural(passages['matched'], 'passage')} ({percent(passages['share'])}) found, wholly or in large part, "
            f"in the evaluation set ({names}).",
            "Remove them, or report it with the measures.",
        )
    if not queries["matched"] and not passages["matched"]:
        yield Finding("contamination", "good", f"No query or passage of the evaluation set ({names}) was found.")
    if passages["same_passages"]:
        yield Finding(
            "shared_corpus",
            "note",
            f"{plural(passages['same_passages'], 'passage')} of a corpus that the evaluation shares (same id): usual "
            f"for splits of one collection.",
        )


def wording(figures: Mapping[str, Any]) -> Iterator[Finding]:
    """What the passages are like."""
    wording = figures["wording"]
    if wording["fault_share"] > 0:
        kinds = ", ".join(sorted(name.replace("_", " ") for name in wording["faults"]))
        yield Finding(
            "faults",
            "problem" if wording["fault_share"] > 0.02 else "caution",
            f"{percent(wording['fault_share'])} of the passages are no plain passages ({kinds}).",
            "Remove them; for written data: use a larger model or a stricter gate.",
        )
    levels = wording["levels"]
    copied = [level["repeats_query"] for level in levels]
    if max(copied) > 0.1 and max(copied) - min(copied) > 0.2:
        yield Finding(
            "repeats_query",
            "caution",
            f"The query stands word for word in {percent(copied[-1])} of the passages of level {levels[-1]['grade']:g} "
            f"and in {percent(copied[0])} of level {levels[0]['grade']:g}: finding the string is enough.",
            "Ask for passages that do not repeat the query.",
        )
    if max(level["other_script"] for level in levels) > 0.05:
        yield Finding(
            "script",
            "caution",
            "Passages are in another script than their query.",
            "Check the language that the recipe asks for.",
        )
    variety = [level["distinct_2"] for level in levels if level["distinct_2"]]
    if len(variety) > 1 and min(variety) < 0.8 * max(variety):
        poor = min(levels, key=lambda level: level["distinct_2"] or 1)
        yield Finding(
            "variety",
            "note",
            f"Level {poor['grade']:g} repeats itself: {poor['distinct_2']:.2f} of its pairs of words are distinct, "
            f"up to {max(variety):.2f} at other levels.",
        )
