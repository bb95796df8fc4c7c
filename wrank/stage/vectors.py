"""Stage ``vectors``: the embeddings of a collection's passages by one model.

Shapes: N passages, D embedding size.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.collection import Collection
from wrank.evaluation.processes import count_processes, helpers, launched
from wrank.evaluation.ranking import Ties
from wrank.evaluation.shards import ShardJob, complete, encode_shards
from wrank.evaluation.vectors import Vectors, write_array
from wrank.model.bi_encoder import BiEncoder
from wrank.stage.context import Context
from wrank.store import Artifact, Stage
from wrank.tracking.progress import note, progress_bar

TIES = "ties.npy"


@dataclass(frozen=True)
class PassageVectors:
    """The finished stage.

    Attributes:
        artifact: its folder and manifest.
        vectors: N vectors by row of the text table, mapped from disk.
        ties: the order of the passages' ids, mapped from disk.
    """

    artifact: Artifact
    vectors: Vectors
    ties: Ties

    @property
    def truncated(self) -> int:
        """How many passages fill the model's length limit."""
        return self.vectors.truncated


def passage_vectors(context: Context, collection: Collection, model: BiEncoder, name: str) -> PassageVectors:
    """Makes or finds the vectors; other processes that want them at the same time take a part of the work.

    Args:
        context: the job.
        collection: whose passages.
        model: what encodes.
        name: what the model is called.

    Raises:
        WrankError: broken vectors, a full disk.
    """
    settings = context.settings
    stage = Stage(
        kind="vectors",
        name=f"{collection.name}-{name}",
        config={"role": "passage", "precision": settings.precision, "storage": settings.storage},
        inputs={"passages": collection.passages.key, "model": model.fingerprint("passage")},
        details={"collection": collection.name, "model": name},
    )
    rank, ranks = launched()
    processes = count_processes(settings.processes, context.device)

    def job(folder: Path) -> ShardJob:
        return ShardJob(
            texts=collection.passages.all_texts,
            role="passage",
            folder=folder,
            locks=context.store.locks,
            name=f"vectors-{stage.key[:16]}",
            batch_tokens=settings.batch_tokens,
            precision=settings.precision,
            storage=settings.storage,
        )

    def encode(folder: Path) -> None:
        shards = job(folder)
        if done := sum(map(shards.pieces.is_done, range(shards.pieces.count))):
            note(f"vectors: {done} of {shards.pieces.count} parts are there already")
        with (
            progress_bar("encoding", len(collection.passages), "passages") as advance,
            helpers(model, shards, context.device, min(processes, shards.pieces.count), rank, ranks),
        ):
            encode_shards(model, shards, context.device, rank * processes, ranks * processes, advance)

    def work(folder: Path) -> dict[str, Any]:
        encode(folder)
        ties = Ties.of_order(collection.passages.rows_by_id())
        write_array(folder / TIES, np.stack([ties.order_N, ties.rank_N]))
        truncated = complete(job(folder), model.dimension)
        return {"passages": len(collection.passages), "dimension": model.dimension, "truncated": truncated}

    artifact = context.do(stage, work, share=encode)
    order_N, rank_N = np.load(artifact.path / TIES, mmap_mode="r", allow_pickle=False)
    return PassageVectors(artifact, Vectors(artifact.path), Ties(np.asarray(order_N), np.asarray(rank_N)))
