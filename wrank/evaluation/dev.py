"""The dev queries of a training, ranked exactly over a small slice of the corpus."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from wrank.errors import WrankError
from wrank.evaluation.encode import Encoder, encode
from wrank.evaluation.evaluator import Judged
from wrank.evaluation.measure import score_run
from wrank.evaluation.search import LeftOut, search
from wrank.evaluation.settings import EvaluationSettings
from wrank.evaluation.vectors import InMemory


@dataclass(frozen=True)
class DevSet:
    """Dev queries and the passages they are ranked over; called with a model it returns measure -> value.

    The figures steer a training. They are higher than an evaluation's, because the slice is small; compare them only
    with one another.

    Attributes:
        query_ids: Q ids.
        queries: Q texts.
        passage_ids: N ids.
        passages: N texts.
        qrels: query id -> passage id -> grade.
        excluded: query id -> passages that leave its ranking.
        settings: measures and how to encode.
    """

    query_ids: Sequence[str]
    queries: Sequence[str]
    passage_ids: Sequence[str]
    passages: Sequence[str]
    qrels: Mapping[str, Mapping[str, float]]
    excluded: Mapping[str, set[str]]
    settings: EvaluationSettings

    def __call__(self, model: Encoder) -> dict[str, float]:
        """Scores the model, on the device its weights are on; the first measure is nDCG@10."""
        device = next(model.parameters()).device.type  # type: ignore[attr-defined]
        encoded = partial(
            encode, model, batch_tokens=self.settings.batch_tokens, precision=self.settings.precision, device=device
        )
        rankings = search(
            encoded(self.queries, "query").vectors_ND,
            InMemory(encoded(self.passages, "passage").vectors_ND),
            self.query_ids,
            self.passage_ids,
            k=100,
            chunk=self.settings.chunk,
            left_out=self._left_out(),
            device=device,
        )
        return score_run(rankings, self.qrels, ["nDCG@10", "RR@10"]).measures

    def _left_out(self) -> LeftOut:
        rows = {passage_id: row for row, passage_id in enumerate(self.passage_ids)}
        pairs: set[tuple[int, int]] = set()
        for place, query_id in enumerate(self.query_ids):
            gone = {*self.excluded.get(query_id, ()), *([query_id] if self.settings.drop_self else [])}
            pairs.update((place, rows[passage_id]) for passage_id in gone if passage_id in rows)
        return LeftOut(np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2))


def make_dev_set(
    collection: Judged,
    query_ids: Sequence[str],
    settings: EvaluationSettings,
    *,
    size: int,
    seed: int,
    rank: Callable[[str], Sequence[str]] | None = None,
) -> DevSet:
    """Chooses the slice: every judged passage of the dev queries, then hard ones by ``rank``, then random ones.

    Args:
        collection: where the dev queries' judgements are.
        query_ids: dev queries.
        settings: measures and how to encode.
        size: passages of the slice; more when the dev queries' judged passages alone are more.
        seed: of the random passages.
        rank: query id -> passage ids best first by the base model; they fill half of the room that is left.

    Raises:
        WrankError: no dev query has a passage with a grade above 0.
    """
    judged = {query_id: collection.qrels[query_id] for query_id in query_ids if query_id in collection.qrels}
    if not any(grade > 0 for grades in judged.values() for grade in grades.values()):
        raise WrankError("no dev query has a passage with a grade above 0: raise data.dev_share, or set data.dev_split")
    chosen = dict.fromkeys(passage_id for query_id in sorted(judged) for passage_id in judged[query_id])
    room = max(0, size - len(chosen))
    if rank is not None and room:
        ranked = [list(rank(query_id)) for query_id in sorted(judged)]
        hard = [ids[place] for place in range(max(map(len, ranked), default=0)) for ids in ranked if place < len(ids)]
        fresh = [passage_id for passage_id in dict.fromkeys(hard) if passage_id not in chosen]
        chosen |= dict.fromkeys(fresh[: room // 2])
    ids = collection.passages.ids
    for row in np.random.default_rng(seed).permutation(len(ids)):
        if len(chosen) >= size:
            break
        chosen.setdefault(ids[int(row)])
    passage_ids = sorted(chosen)
    return DevSet(
        query_ids=sorted(judged),
        queries=collection.queries.texts([collection.queries.row(query_id) for query_id in sorted(judged)]),
        passage_ids=passage_ids,
        passages=collection.passages.texts([collection.passages.row(passage_id) for passage_id in passage_ids]),
        qrels=judged,
        excluded={query_id: set(collection.excluded.get(query_id, ())) for query_id in judged},
        settings=settings,
    )
