"""Stages ``ranking`` and ``mined``: passages ranked for judged training queries, and the pairs kept of that.

They are two, so that another filter does not rank again.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wrank.config import build, plain
from wrank.data.collection import Collection
from wrank.data.pool import rows_with_positive
from wrank.errors import WrankError
from wrank.mining.base import Miner, Tools
from wrank.mining.files import RankingFiles, rank_all
from wrank.mining.known import known_of
from wrank.mining.outcome import Mining
from wrank.mining.settings import FilterSettings
from wrank.stage.context import Context
from wrank.stage.vectors import passage_vectors
from wrank.store import Artifact, Stage
from wrank.tracking.progress import note, progress_bar


@dataclass(frozen=True)
class MiningPlan:
    """A mining, checked and keyed, but not begun.

    Attributes:
        stage: of the pairs.
        ranking: the stage of the rankings they come from.
        miner: what ranks; not opened.
        filter: what is kept.
        depth: ranks a query.
        collection: the training split.
        query_rows: int, the judged queries that have a positive with a text, in the order of the judgements.
    """

    stage: Stage
    ranking: Stage
    miner: Miner
    filter: FilterSettings
    depth: int
    collection: Collection
    query_rows: np.ndarray


def plan_mining(context: Context) -> MiningPlan:
    """Reads and checks everything, and works out the keys; nothing is ranked.

    Raises:
        WrankError: bad input of any kind.
    """
    kept: FilterSettings = build(context.cfg, "filter")
    depth = plain(context.cfg, "depth")
    kept.check_depth(depth)
    miner: Miner = build(context.cfg, "miner")
    collection = context.collection(context.train_split)
    query_rows = rows_with_positive(collection, collection.judgements.query_rows)
    if context.settings.drop_self:
        query_rows = _with_another_positive(collection, query_rows)
    if not len(query_rows):
        raise WrankError(
            f"{collection.name}/{collection.split}: no query has a passage with a grade above 0 and a text"
        )
    name = context.model_name if miner.uses_model else miner.name
    details = {"collection": collection.name, "split": collection.split, "miner": name, "study": str(context.cfg.study)}
    config = {"miner": miner.identity(), "depth": depth, "drop_self": context.settings.drop_self}
    inputs = {"collection": collection.fingerprint, "passages": collection.passages.key}
    if miner.uses_model:
        config |= {"precision": context.settings.precision, "storage": context.settings.storage}
        inputs["model"] = context.encoder.fingerprint()
    title = f"{collection.name}-{collection.split}-{name}"
    seeds = {"seed": int(context.cfg.seed)} if kept.draws else {}
    return MiningPlan(
        stage=Stage(
            kind="mined",
            name=str(context.cfg.name or title),
            config=config | {"filter": dataclasses.asdict(kept), "seeds": seeds},
            inputs=inputs,
            seeds=seeds,
            details=details | {"choices": context.choices},
        ),
        ranking=Stage(kind="ranking", name=title, config=config, inputs=inputs, details=details),
        miner=miner,
        filter=kept,
        depth=depth,
        collection=collection,
        query_rows=query_rows,
    )


def mine(context: Context, plan: MiningPlan, begin: Callable[[], None] = lambda: None) -> Artifact:
    """Ranks and filters, or finds that it was done.

    Args:
        context: the job.
        plan: what to mine.
        begin: called when there is work to do, before it.

    Returns:
        The artifact with ``pairs.parquet`` (`wrank.mining.pairs.SCHEMA`), sorted by query in the order of the
        judgements, best first; and ``queries.txt``, the queries kept, when they are checked for consistency.

    Raises:
        WrankError: a missing library, nothing left, a full disk.
    """
    total = len(plan.query_rows)

    def work(folder: Path) -> dict[str, Any]:
        begin()
        files = RankingFiles(_ranking(context, plan).path)
        drop_self = context.settings.drop_self
        mining = Mining(plan.collection, plan.filter, int(context.cfg.seed), drop_self=drop_self)
        with progress_bar("filtering", total, "queries") as advance:
            counts = mining.write(files, folder, advance)
        return counts | {"queries_without_positive": len(plan.collection.judgements) - total}

    return context.do(plan.stage, work)


def _ranking(context: Context, plan: MiningPlan) -> Artifact:
    total = len(plan.query_rows)

    def work(folder: Path) -> dict[str, Any]:
        files = RankingFiles(folder)
        if files.done:
            note(f"ranking: goes on after {files.done:,} of {total:,} queries")
        plan.miner.open(plan.collection, _tools(context, plan.collection))
        with progress_bar("ranking", total, "queries") as advance:
            advance(files.done)
            rank_all(
                plan.miner,
                plan.collection,
                plan.query_rows,
                plan.depth,
                files,
                drop_self=context.settings.drop_self,
                progress=advance,
            )
        return {"queries": total, "depth": plan.depth}

    return context.do(plan.ranking, work)


def _tools(context: Context, collection: Collection) -> Tools:
    return Tools(
        folder=Path(plain(context.cfg, "paths.tables")),
        encoder=lambda: context.encoder,
        vectors=lambda: passage_vectors(context, collection, context.encoder, context.model_name).vectors,
        settings=context.settings,
        device=context.device,
        progress=progress_bar,
    )


def _with_another_positive(collection: Collection, query_rows: np.ndarray) -> np.ndarray:
    """Those queries that have a positive beside the passage of their own id."""
    kept = [len(known_of(collection, row, drop_self=True).positive_rows) > 0 for row in query_rows.tolist()]
    return query_rows[np.array(kept, dtype=bool)]
