"""Stage ``vectors``: the embeddings of a collection's passages by one model."""

from pathlib import Path
from typing import Any

import numpy as np

from wrank.data.collection import Collection
from wrank.evaluation.encode import encode
from wrank.files import atomic_writer
from wrank.model.bi_encoder import BiEncoder
from wrank.stage.context import Context
from wrank.store import Artifact, Stage
from wrank.tracking.progress import progress_bar


def passage_vectors(
    context: Context, collection: Collection, model: BiEncoder, name: str
) -> tuple[Artifact, np.ndarray]:
    """The artifact and its vectors [N, D] float32 by row of the text table, memory-mapped."""
    settings = context.settings
    stage = Stage(
        kind="vectors",
        name=f"{collection.name}-{name}",
        config={"role": "passage", "precision": settings.precision},
        inputs={"passages": collection.passages.key, "model": model.fingerprint()},
        details={"collection": collection.name, "model": name},
    )

    def work(folder: Path) -> dict[str, Any]:
        with progress_bar("encoding", len(collection.passages), "passages") as advance:
            encoded = encode(
                model,
                collection.passages.all_texts,
                "passage",
                batch_tokens=settings.batch_tokens,
                precision=settings.precision,
                device=context.device,
                progress=advance,
            )
        write_vectors(folder / "vectors.npy", encoded.vectors_ND)
        return {"passages": len(collection.passages), "truncated": encoded.truncated}

    artifact = context.do(stage, work)
    return artifact, np.load(artifact.path / "vectors.npy", mmap_mode="r", allow_pickle=False)


def write_vectors(path: Path, vectors_ND: np.ndarray) -> None:
    """Writes an array as ``numpy.load`` reads it; unlike ``numpy.save``, a full disk is told as one.

    Args:
        path: the file.
        vectors_ND: [N, D].

    Raises:
        WrankError: a full disk, a place that cannot be written.
    """
    vectors_ND = np.ascontiguousarray(vectors_ND)
    with atomic_writer(path) as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(vectors_ND))
        file.write(vectors_ND.data.cast("B"))
