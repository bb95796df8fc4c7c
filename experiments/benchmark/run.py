"""Every benchmark in one run: ``make bench``. Figures go to standard output, and to ``outputs/benchmark.json``."""

import json
import os
import platform
from pathlib import Path

from experiments.benchmark import (
    bench_data,
    bench_encode,
    bench_generate,
    bench_losses,
    bench_methods,
    bench_search,
    bench_training,
)


def main() -> None:
    """Runs them one after another."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    results: dict[str, object] = {"machine": machine}
    print(results["machine"])
    for part in (bench_losses, bench_methods, bench_encode, bench_search, bench_training, bench_data, bench_generate):
        name = part.__name__.rsplit(".", 1)[-1]
        print(f"\n== {name} ==", flush=True)
        results[name] = part.main()
    path = Path("outputs/benchmark.json")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"\n{path}")


if __name__ == "__main__":
    main()
