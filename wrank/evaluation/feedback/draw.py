"""Which passages of a query are revealed as feedback.

A draw is a function of the seed, the query's id and k: with the same judgements every system gets the same feedback,
and the feedback of a smaller k is part of that of a larger one. Only what is filled up from a ranking
(``nonrelevant: judged_then_ranked``) and ``choice: top`` look at the ranking too.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from wrank.data.position import generator_at
from wrank.errors import WrankError
from wrank.evaluation.feedback.settings import FeedbackSettings

Lack = Literal["queries_few_relevant", "queries_few_nonrelevant"]


@dataclass(frozen=True)
class Order:
    """The order in which one query's passages are revealed with one seed; a k takes the first k of each.

    Attributes:
        relevant: ids of relevant passages.
        nonrelevant: ids of non-relevant passages.
        judged: how many of ``nonrelevant``, the first ones, are judged.
        findable: how many relevant passages there are in the corpus, revealed or not.
    """

    relevant: tuple[str, ...]
    nonrelevant: tuple[str, ...]
    judged: int
    findable: int

    def lack(self, k: int) -> Lack | None:
        """What the query has too little of for k; one relevant passage must be left to be found. None: enough."""
        if len(self.relevant) < k or self.findable <= k:
            return "queries_few_relevant"
        return "queries_few_nonrelevant" if len(self.nonrelevant) < k else None

    def taken(self, k: int) -> frozenset[str]:
        """All passages that are revealed at k."""
        return frozenset(self.relevant[:k] + self.nonrelevant[:k])


def reveal_order(
    query_id: str,
    seed: int,
    grades: Mapping[str, float],
    candidates: Sequence[str],
    corpus: Collection[str],
    settings: FeedbackSettings,
    excluded: Collection[str] = (),
) -> Order:
    """In which order one query's passages are revealed.

    Args:
        query_id: the query.
        seed: of the draw.
        grades: passage id -> grade of its judged passages; their order does not matter.
        candidates: ids of the first stage, best first.
        corpus: ids that are in the corpus; of judged ids only these can be revealed.
        settings: lowest relevant grade, where non-relevant ones come from, how they are chosen.
        excluded: ids that are never revealed.
    """
    judged = sorted(id for id in grades if id in corpus and id not in excluded)
    relevant = [id for id in judged if grades[id] >= settings.least_relevant]
    nonrelevant = [id for id in judged if grades[id] <= 0]
    findable = len(relevant)
    if settings.choice == "top":
        places = {id: place for place, id in enumerate(candidates)}
        relevant, nonrelevant = (
            sorted((id for id in ids if id in places), key=places.__getitem__) for ids in (relevant, nonrelevant)
        )
    else:
        relevant = _shuffled(relevant, "relevant", seed, query_id)
        nonrelevant = _shuffled(nonrelevant, "nonrelevant", seed, query_id)
    count = len(nonrelevant)
    if settings.nonrelevant == "judged_then_ranked":
        nonrelevant += [id for id in candidates if id not in grades and id not in excluded][: max(settings.ks)]
    return Order(tuple(relevant), tuple(nonrelevant), count, findable)


def check_feedback(settings: FeedbackSettings, qrels: Mapping[str, Mapping[str, float]]) -> None:
    """Refuses what judgements alone rule out: too few of them for every query and every k, whatever is ranked.

    Args:
        settings: how much is revealed of what.
        qrels: query id -> passage id -> grade.

    Raises:
        WrankError: no query can be scored; the message says what to set.
    """
    least = settings.removed(settings.ks[0])
    judged = [list(grades.values()) for grades in qrels.values() if grades]
    few = Counter({"queries_judged": len(judged), "queries_few_relevant": 0, "queries_few_nonrelevant": 0})
    for grades in judged:
        if sum(grade >= settings.least_relevant for grade in grades) <= least:  # one must be left to be found
            few["queries_few_relevant"] += 1
        elif settings.nonrelevant == "judged" and sum(grade <= 0 for grade in grades) < least:
            few["queries_few_nonrelevant"] += 1
        else:
            return
    raise WrankError(nothing_to_score(settings, few))


def nothing_to_score(settings: FeedbackSettings, few: Mapping[str, int]) -> str:
    """Why no query can be scored, and what to set.

    Args:
        settings: how much is revealed of what.
        few: the counts of the least k: ``queries_judged`` and those that lack something.
    """
    k = settings.removed(settings.ks[0])
    text = (
        f"feedback: no query can be scored with {k} passages of each kind: of {few['queries_judged']} judged queries, "
        f"{few['queries_few_relevant']} have fewer than {k} relevant passages to reveal (or none left to be found) and "
        f"{few['queries_few_nonrelevant']} fewer than {k} non-relevant ones"
    )
    ways = ["smaller evaluation.feedback.ks"] if k > 1 else []
    if settings.nonrelevant == "judged" and few["queries_few_nonrelevant"]:
        ways.append("evaluation.feedback.nonrelevant=judged_then_ranked where grade 0 is not listed")
    return f"{text}; wanted {', or '.join(ways or ['a collection with more judgements a query'])}"


def _shuffled(ids: list[str], what: str, seed: int, query_id: str) -> list[str]:
    places = generator_at("feedback", what, seed, query_id).permutation(len(ids))
    return [ids[place] for place in places.tolist()]
