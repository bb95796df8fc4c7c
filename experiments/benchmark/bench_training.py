"""Training speed: wrank beside a bare PyTorch loop over sentence-transformers' modules, same batches, same precision.

Run it with ``python -m experiments.benchmark.bench_training``. Each turn is a process of its own, and the contestants
take turns, so that a slow minute of the machine hits both. The loop pads a batch to its longest passage, as usual;
wrank sorts passages by length and pads a chunk at a time. Two workloads: MS MARCO passages as they are (limit 256
tokens), and the same cut to 24 tokens, where all are equally long and nothing is to be gained.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from wrank.data.collection import Collection
from wrank.data.lists import ListSampler
from wrank.data.source.beir import BeirSource
from wrank.training.settings import TrainerSettings

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "msmarco-dl"
TURNS, STEPS, WARM_UP = 3, 5, 1
LENGTHS = {"natural lengths": 256, "equal lengths": 24}
DROPOUT = {"dropout 0": 0.0, "dropout 0.1": 0.1}


def main() -> dict[str, Any]:
    """Runs the benchmark, prints its table and returns its numbers; ``{"skipped": reason}`` without the data."""
    if not FOLDER.is_dir():
        print("bench_training: skipped: shared/data/msmarco-dl is not beside the checkout")
        return {"skipped": "no data"}
    precision = TrainerSettings(accelerator="cpu").resolved_precision()
    print(f"MiniLM, 16 queries x 4 MS MARCO passages, {precision}, {TURNS} turns of {STEPS} steps, CPU")
    print(f"{'':32} {'steps/s (slowest to fastest)':32} times the loop")
    results: dict[str, Any] = {"precision": precision}
    for words, length in LENGTHS.items():
        for dropout in DROPOUT if length == 256 else list(DROPOUT)[:1]:
            results |= _compare(f"{words}, {dropout}", length, DROPOUT[dropout])
    return results


def _compare(label: str, length: int, dropout: float) -> dict[str, Any]:
    rates: dict[str, list[float]] = {"loop": [], "wrank": []}
    for _ in range(TURNS):
        for name, seen in rates.items():
            command = [sys.executable, "-m", "experiments.benchmark.bench_training", name, str(length), str(dropout)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seen.append(1 / statistics.median(json.loads(done.stdout.strip().split("\n")[-1])))
    ratio = statistics.median(ours / peer for ours, peer in zip(rates["wrank"], rates["loop"], strict=True))
    for name, seen in rates.items():
        shown = f"{statistics.median(seen):.3f} ({min(seen):.3f} to {max(seen):.3f})"
        print(f"{label + ': ' + name:32} {shown:32} {ratio if name == 'wrank' else 1:.2f}", flush=True)
    return {f"{label}: {name}": seen for name, seen in rates.items()} | {f"{label}: ratio": ratio}


def _collection(folder: Path) -> tuple[Collection, ListSampler]:
    collection = BeirSource(str(FOLDER)).load("all", folder)
    return collection, ListSampler(collection, size=4, choice="random", negatives="random", seed=0)


def _loop(length: int, dropout: float) -> list[float]:
    """Seconds a step of the bare loop."""
    from sentence_transformers import SentenceTransformer

    from wrank.model.bundled import bundled_folder
    from wrank.training.datamodule import StreamLoader

    model = SentenceTransformer(str(bundled_folder("minilm")), device="cpu")
    model.max_seq_length = length
    for module in model.modules():
        for name in ("p", "dropout_prob"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, dropout)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    bf16 = TrainerSettings(accelerator="cpu").resolved_precision() == "bf16-mixed"
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        collection, sampler = _collection(Path(folder))
        loader = StreamLoader(sampler, collection.known_keys, batches=STEPS + WARM_UP, batch_size=16)
        start = time.perf_counter()
        for batch in loader:
            passages = [text for texts in batch.passages for text in texts]
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                queries_BD = model(model.preprocess(batch.queries))["sentence_embedding"]
                passages_ND = model(model.preprocess(passages))["sentence_embedding"]
            scores_BN = queries_BD.float() @ passages_ND.float().T / 0.05
            loss = torch.nn.functional.cross_entropy(scores_BN, torch.arange(16) * 4)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            now = time.perf_counter()
            seconds.append(now - start)
            start = now
    return seconds[WARM_UP:]


def _wrank(length: int, dropout: float) -> list[float]:
    """Seconds a step of ``fit``, as ``wrank train`` runs it."""
    import pytorch_lightning as pl

    from wrank.loss.infonce import InfoNCE
    from wrank.model.bi_encoder import BiEncoder
    from wrank.training.fit import Training, fit

    class Clock(pl.Callback):
        times: list[float] = []  # noqa: RUF012

        def on_train_batch_end(self, *words: Any, **named: Any) -> None:
            self.times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        collection, sampler = _collection(Path(folder))
        model = BiEncoder("bundled:minilm", query_length=length, passage_length=length, dropout=dropout)
        settings = TrainerSettings(max_steps=STEPS + WARM_UP, accelerator="cpu", checkpoint_steps=10_000)
        clock = Clock()
        work = Path(folder) / "work"
        work.mkdir()
        loss = InfoNCE(temperature=0.05)
        fit(Training(model, loss, sampler, collection.known_keys, settings, seed=0, callbacks=[clock]), work)
    steps = [later - earlier for earlier, later in zip(clock.times, clock.times[1:], strict=False)]
    return steps[WARM_UP - 1 :]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        contestant = {"loop": _loop, "wrank": _wrank}[sys.argv[1]]
        print(json.dumps(contestant(int(sys.argv[2]), float(sys.argv[3]))))
    else:
        main()
