"""A training collection made of a real one and of generated passages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from wrank.data.collection import Collection
from wrank.data.table import TextTable
from wrank.data.table_writer import FORMAT
from wrank.errors import WrankError
from wrank.files import sha256_of_json

Use = Literal["add", "only"]


def join(real: Collection, generated: Collection, use: Use, cache: Path) -> Collection:
    """Puts generated texts beside a real collection, for training.

    Passages are those of both, so that hard negatives come from the real corpus too. Where both judge one pair of
    query and passage, the generated grade counts (the last source wins).

    Args:
        real: the collection that queries and corpus come from.
        generated: what was written for it: new passages for its queries, or new queries for its passages.
        use: ``add``: judgements of both; ``only``: the generated ones alone; the real ones' passages are then neither
            positives nor negatives of their queries.
        cache: folder in which the joined tables are built once, keyed by content.

    Raises:
        WrankError: one id with two texts, or an unknown `use`.
    """
    if use not in get_args(Use):
        raise WrankError(f"synthetic={use}: wanted add (beside the real judgements) or only (in their place)")
    qrels = {query_id: dict(grades) for query_id, grades in generated.qrels.items()}
    excluded = {query_id: set(ids) for query_id, ids in real.excluded.items()}
    replaced = 0
    if use == "only":  # what was judged for a query may be right for it: no negative, though not trained on either
        for query_id, grades in real.qrels.items():
            excluded.setdefault(query_id, set()).update(grades.keys() - qrels.get(query_id, {}).keys())
    if use == "add":
        merged = {query_id: dict(grades) for query_id, grades in real.qrels.items()}
        for query_id, grades in qrels.items():
            mine = merged.setdefault(query_id, {})
            replaced += len(mine.keys() & grades.keys())
            mine.update(grades)
        qrels = merged
    return Collection(
        name=real.name,
        passages=_joined(real.passages, generated.passages, "passage", cache),
        queries=_joined(real.queries, generated.queries, "query", cache),
        qrels=qrels,
        excluded=excluded,
        split=real.split,
        fingerprint=sha256_of_json({"join": use, "real": real.fingerprint, "generated": generated.fingerprint}),
        notes={**real.notes, "generated_passages": len(generated.passages), "replaced_judgements": replaced},
    )


def _joined(first: TextTable, second: TextTable, what: str, cache: Path) -> TextTable:
    key = sha256_of_json([FORMAT, "join", first.folder.name, second.folder.name])

    def rows() -> Iterator[tuple[str, str]]:
        yield from zip(first.ids, first.all_texts, strict=True)
        for id, text in zip(second.ids, second.all_texts, strict=True):
            row = first.find(id)
            if row is None:
                yield id, text
            elif first.text(row) != text:
                raise WrankError(
                    f"{what} {id!r} has one text in the real collection and another in the generated one "
                    f"({second.folder}): they do not belong together"
                )

    return TextTable.build(rows(), cache / "tables" / key[:32])
