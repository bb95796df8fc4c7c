"""A training collection made of a real one and of generated passages."""

from typing import Literal, get_args

import numpy as np

from wrank.data.collection import Collection
from wrank.data.judgements import Judgements
from wrank.data.union import UnionTable
from wrank.errors import WrankError
from wrank.files import sha256_of_json

Use = Literal["add", "only"]


def join(real: Collection, generated: Collection, use: Use) -> Collection:
    """Puts generated texts beside a real collection, for training.

    Passages are those of both, so that hard negatives come from the real corpus too. Where both judge one pair of
    query and passage, the generated grade counts (the last source wins).

    Args:
        real: the collection that queries and corpus come from.
        generated: what was written for it: new passages for its queries, or new queries for its passages.
        use: ``add``: judgements of both; ``only``: the generated ones alone; the real ones' passages are then neither
            positives nor negatives of their queries.

    Raises:
        WrankError: one id with two texts, or an unknown `use`.
    """
    if use not in get_args(Use):
        raise WrankError(f"synthetic={use}: wanted add (beside the real judgements) or only (in their place)")
    names = (real.name, generated.name)
    passages = UnionTable([real.passages, generated.passages], "passage", names)
    queries = UnionTable([real.queries, generated.queries], "query", names)
    parts = [
        (
            queries.rows_of(number, one.judgements.pair_query_rows()),
            passages.rows_of(number, one.judgements.passage_rows),
            one.judgements.grades,
        )
        for number, one in enumerate((real, generated))
    ]
    excluded = {query_id: set(ids) for query_id, ids in real.excluded.items()}
    replaced = _in_both(parts)
    if use == "only":  # what was judged for a query may be right for it: no negative, though not trained on either
        for query_id, grades in real.qrels.items():
            excluded.setdefault(query_id, set()).update(grades.keys() - generated.qrels.get(query_id, {}).keys())
    kept = [parts[1]] if use == "only" else [tuple(column[~replaced] for column in parts[0]), parts[1]]
    columns = [np.concatenate(column) for column in zip(*kept, strict=True)]
    return Collection(
        name=real.name,
        passages=passages,
        queries=queries,
        qrels=Judgements.of_pairs(queries, passages, *columns),
        excluded=excluded,
        split=real.split,
        fingerprint=sha256_of_json({"join": use, "real": real.fingerprint, "generated": generated.fingerprint}),
        notes={
            **real.notes,
            "generated_passages": len(generated.passages),
            "replaced_judgements": int(replaced.sum()) if use == "add" else 0,
        },
    )


def _in_both(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    """Which pairs of the first part are in the second, too; bool."""
    (q0, p0, _), (q1, p1, _) = parts
    most = 1 + max((int(rows.max()) for rows in (p0, p1) if len(rows)), default=0)
    return np.isin(q0.astype(np.int64) * most + p0, q1.astype(np.int64) * most + p1)
