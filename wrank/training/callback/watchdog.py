"""Writes the batch at which the loss stopped being a number."""

import json
from pathlib import Path

from wrank.data.collate import ListBatch
from wrank.files import write_atomic
from wrank.loss.base import LossOutput


def write_batch(folder: str | Path, batch: ListBatch, batch_idx: int, output: LossOutput) -> Path:
    """Writes ``bad_batch_<batch_idx>.jsonl``: a first line with the loss and its parts, then one list a line.

    Returns:
        The file's path.
    """
    head = {"batch": batch_idx, "loss": str(output.loss.item())}
    head |= {name: str(float(value)) for name, value in output.parts.items()}
    rows = [
        {
            "query_id": batch.query_ids[row],
            "query": batch.queries[row],
            "passage_ids": batch.passage_ids[row],
            "passages": batch.passages[row],
            "grades": batch.grades_BK[row][batch.mask_BK[row]].tolist(),
        }
        for row in range(len(batch.queries))
    ]
    path = Path(folder) / f"bad_batch_{batch_idx}.jsonl"
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in [head, *rows]))
    return path
