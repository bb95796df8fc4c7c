"""The data path at MS MARCO's size: wrank beside Trove, on the same files, in one run.

Run it with ``python -m experiments.benchmark.bench_data``. It writes a collection of 8.84 M passages, 503 K queries and
2 M judgements (``WRANK_BENCH_SHARE=0.01`` writes a hundredth of it), prepares Trove's environment once, and takes about
twelve minutes and 12 GB of disk at full size; both stay in ``outputs/benchmark`` but for the caches.
"""

import dataclasses
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from experiments.benchmark import wrank_data
from experiments.benchmark.collection_files import Size, write_collection
from experiments.benchmark.trove_environment import prepare
from wrank.errors import WrankError

_FULL = Size(passages=8_841_823, queries=502_939, judgements=2_011_756)
_BYTES = 1500  # of disk a passage: files and both caches
_WHERE = Path("outputs/benchmark")
_ROWS: list[tuple[str, str, str, bool]] = [  # words, start, figure, whether less is better
    ("first sample, cold (s)", "cold", "first_sample_s", True),
    ("first sample, warm (s)", "warm", "first_sample_s", True),
    ("groups read at random (1/s)", "warm", "groups_per_s", False),
    ("private memory, written to, warm (MB)", "warm", "dirty_mb", True),
    ("private memory, written to, cold (MB)", "cold", "dirty_mb", True),
    ("private memory, all, warm (MB)", "warm", "private_mb", True),
]


def main() -> dict[str, Any]:
    """Run the benchmark, print its table and return its numbers; ``{"skipped": reason}`` where a part is missing."""
    share = float(os.environ.get("WRANK_BENCH_SHARE", "1"))
    size = _size(share)
    _WHERE.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(_WHERE).free) < size.passages * _BYTES:
        reason = f"{size.passages * _BYTES / 1e9:.0f} GB of disk are wanted, {free / 1e9:.0f} are free"
        print(f"bench_data: skipped: {reason}")
        return {"skipped": reason}
    folder = write_collection(size, _WHERE / f"collection-{size.passages}")
    try:
        python = prepare(_WHERE / "trove")
    except WrankError as error:
        print(f"bench_data: Trove's environment could not be made, so wrank stands alone: {error}")
        python = None
    results = {"wrank": wrank_data.compare(folder, _WHERE / "tables")}
    if python is not None:
        results["Trove"] = _trove(python, folder)
    for cache in ("tables", "trove-cache"):
        shutil.rmtree(_WHERE / cache, ignore_errors=True)
    _print(results, size)
    return {"size": dataclasses.asdict(size)} | results


def _size(share: float) -> Size:
    queries = max(4, round(share * _FULL.queries))
    return Size(max(16, round(share * _FULL.passages)), queries, min(4 * queries, round(share * _FULL.judgements)))


def _trove(python: Path, folder: Path) -> dict[str, Any]:
    script = Path(__file__).with_name("trove_data.py")
    words = [str(python), str(script), str(folder), "--cache", str(_WHERE / "trove-cache")]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _print(results: dict[str, Any], size: Size) -> None:
    print(f"{size.passages:,} passages, {size.queries:,} queries, {size.judgements:,} judgements; one run each")
    print(f"{'':<40}{'wrank':>12}{'Trove':>12}{'ratio':>9}")
    for words, start, figure, less in _ROWS:
        mine, theirs = (results.get(name, {}).get(start, {}).get(figure) for name in ("wrank", "Trove"))
        ratio = "" if not mine or not theirs else f"{theirs / mine if less else mine / theirs:.1f}x"
        shown = [f"{value:,.2f}" if value is not None else "-" for value in (mine, theirs)]
        print(f"{words:<40}{shown[0]:>12}{shown[1]:>12}{ratio:>9}")
    peak = results["wrank"]["cold"]["peak_dirty_mb"]
    workers = results["wrank"]["warm"]["worker_dirty_mb"]
    print(
        f"wrank: at most {peak:,.0f} MB of private memory written to while the tables were built; a DataLoader worker"
    )
    print(f"has {', '.join(f'{mb:,.0f} MB with {count} workers' for count, mb in workers.items())}")


if __name__ == "__main__":
    main()
