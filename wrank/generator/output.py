"""The log becomes a collection: a BEIR folder, where every text comes from, and what was refused.

::

    corpus.jsonl         written passages in the items' order, highest grade first; real ones where they are judged
    queries.jsonl        the items' queries, or the written ones
    qrels/train.tsv      query-id, corpus-id, score (the level)
    provenance.parquet   one row a written text
    rejects.jsonl        one line a refused reply, and one a text or slot of an item that did not become complete

Only complete items are written. Everything is streamed; the log is removed last.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from wrank.errors import WrankError
from wrank.files import atomic_writer
from wrank.generator.base import Recipe
from wrank.generator.outcome import Outcome, read_outcome, write_outcome
from wrank.generator.pipeline import LOG
from wrank.generator.provenance import ProvenanceFile
from wrank.generator.rejects import write_rejects
from wrank.generator.request import Item
from wrank.generator.shard import ReplyLog, remove_log
from wrank.generator.state import State
from wrank.generator.work import Items
from wrank.records import Passage

Judged = Callable[[str], Iterable[tuple[Passage, float]]]
"""Item's id -> real passages that go into the corpus, each with its grade for the item's queries."""


def write_collection(
    folder: Path, recipe: Recipe, items: Items, outcome: Outcome, *, judged: Judged | None = None
) -> dict[str, int]:
    """Writes the collection from the log in a folder, then removes the log.

    May be killed and called again at any moment.

    Args:
        folder: where `wrank.generator.pipeline.write` kept the log, and where the files go.
        recipe: what was asked.
        items: what was written for.
        outcome: what `write` returned.
        judged: real passages of an item. Needed where the recipe writes queries for queries. None: the item itself,
            with the grade of the written text, for recipes that start from passages; the anchor, with the recipe's
            ``anchor_grade`` (the item's where the recipe has none), for anchored ones; nothing for the others.

    Returns:
        Counts: items, items_complete, passages_written, passages_real, queries, judgements, rejected, given_up, and
        more.

    Raises:
        WrankError: a full disk, ids that qrels cannot hold, an anchor without a grade.
    """
    if (done := read_outcome(folder)) is not None:
        remove_log(folder / LOG)
        return done[1]
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for leftover in [*folder.glob(".*.tmp"), *(folder / "qrels").glob(".*.tmp")]:  # of a killed try
        leftover.unlink()
    with ReplyLog(folder / LOG) as log:
        state = State.from_log(log, len(items), recipe.slots, outcome.attempts)
        counts = _write_files(folder, recipe, items, log, state, outcome.model, judged)
        listed = write_rejects(folder / "rejects.jsonl", items, log, state)
    counts |= {"items": outcome.items, "items_complete": outcome.items_complete, "given_up": outcome.given_up}
    counts |= {"replies": outcome.replies, "prompt_tokens": outcome.prompt_tokens} | listed
    counts |= {"output_tokens": outcome.output_tokens}
    write_outcome(folder, outcome, counts)
    remove_log(folder / LOG)
    return counts


@dataclass
class _Files:
    """The open files of a collection, and what was written into them."""

    corpus: BinaryIO
    queries: BinaryIO
    qrels: BinaryIO
    provenance: ProvenanceFile
    real: set[bytes] = field(default_factory=set)  # digests of ids: a passage may be judged for many queries
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("passages_written", "passages_real", "queries", "judgements"), 0)
    )

    def passage(self, id: str, title: str, text: str, what: str = "passages_written") -> None:
        _write_line(self.corpus, {"_id": id, "title": title, "text": text})
        self.counts[what] += 1

    def real_passage(self, passage: Passage) -> None:
        digest = hashlib.blake2b(passage.id.encode("utf-8"), digest_size=16).digest()
        if digest not in self.real:
            self.real.add(digest)
            self.passage(passage.id, passage.title, passage.text, "passages_real")

    def query(self, id: str, text: str) -> None:
        _write_line(self.queries, {"_id": id, "text": text})
        self.counts["queries"] += 1

    def judgement(self, query_id: str, passage_id: str, grade: float) -> None:
        if not (grade >= 0 and float(grade).is_integer()):
            raise WrankError(
                f"the grade of {passage_id!r} for {query_id!r} is {grade}; wanted a whole number from 0 up"
            )
        if any(sign in query_id + passage_id for sign in "\t\n\r"):
            raise WrankError(f"{query_id!r}, {passage_id!r}: an id with a tab or a line end, which qrels cannot hold")
        self.qrels.write(f"{query_id}\t{passage_id}\t{int(grade)}\n".encode())
        self.counts["judgements"] += 1


def _write_files(
    folder: Path, recipe: Recipe, items: Items, log: ReplyLog, state: State, model: str, judged: Judged | None
) -> dict[str, int]:
    write_item = _write_queries if recipe.writes == "query" else _write_passages
    with ExitStack() as stack:
        names = ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv", "provenance.parquet")
        corpus, queries, qrels, table = (stack.enter_context(atomic_writer(folder / name)) for name in names)
        provenance = stack.enter_context(ProvenanceFile(table, recipe, model))
        files = _Files(corpus, queries, qrels, provenance)
        qrels.write(b"query-id\tcorpus-id\tscore\n")
        for index in range(len(items)):
            if not state.is_complete(index):
                continue
            item, written = items[index], list(_texts(log, state, index))
            for text, line in written:
                provenance.add(item, text, line, line["position"] % state.slots)
            write_item(files, recipe, item, [text for text, _ in written], judged)
    return files.counts


def _texts(log: ReplyLog, state: State, index: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(text, its line in the log) of a complete item, highest grade first; equal ones as they were asked."""
    lines = [log.read(state.place(index * state.slots + slot)) for slot in range(state.slots)]
    yield from sorted(((text, line) for line in lines for text in line["written"]), key=lambda pair: -pair[0]["grade"])


def _write_passages(
    files: _Files, recipe: Recipe, item: Item, written: list[dict[str, Any]], judged: Judged | None
) -> None:
    files.query(item.id, item.text)
    for passage, grade in _real_passages(recipe, item, judged):
        files.real_passage(passage)
        files.judgement(item.id, passage.id, grade)
    for text in written:
        files.passage(text["id"], "", text["text"])
        files.judgement(item.id, text["id"], text["grade"])


def _write_queries(
    files: _Files, recipe: Recipe, item: Item, written: list[dict[str, Any]], judged: Judged | None
) -> None:
    from_passage = recipe.starts_from == "passage" and judged is None
    real = [(Passage(item.id, item.text), 0.0)] if from_passage else list(_real_passages(recipe, item, judged))
    for passage, _ in real:
        files.real_passage(passage)
    queries = [text for text in written if text["kind"] == "query"]
    for text in queries:
        files.query(text["id"], text["text"])
        for passage, grade in real:
            files.judgement(text["id"], passage.id, text["grade"] if from_passage else grade)
    for text in written:
        if text["kind"] == "passage":  # beside the query whose id its own begins with
            files.passage(text["id"], "", text["text"])
            files.judgement(text["id"].rpartition(":")[0], text["id"], text["grade"])


def _real_passages(recipe: Recipe, item: Item, judged: Judged | None) -> Iterable[tuple[Passage, float]]:
    if judged is not None:
        return judged(item.id)
    if recipe.writes == "query":
        raise WrankError(f"the recipe {recipe.name} writes queries for queries: judged passages are needed")
    if recipe.starts_from != "anchored":
        return ()
    # what is written falls away from the anchor on the recipe's scale, whatever the collection's own scale is
    grade = float(getattr(recipe, "anchor_grade", item.anchor_grade))
    if grade <= 0:
        raise WrankError(f"query {item.id!r}: its anchor {item.anchor_id!r} has the grade {grade:g}; wanted above 0")
    return ((Passage(item.anchor_id, item.anchor), grade),)


def _write_line(file: BinaryIO, record: dict[str, Any]) -> None:
    file.write(json.dumps(record, ensure_ascii=False).encode("utf-8") + b"\n")
