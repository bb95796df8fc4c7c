"""The virtual environment in which Trove (ir-trove), the peer of the data benchmark, runs: it wants older libraries.

``python -m experiments.benchmark.trove_environment FOLDER`` makes it once (about 2 GB, some minutes, a package registry
within reach) and prints the path of its interpreter. A second call finds it and returns at once.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from wrank.errors import WrankError
from wrank.files import write_atomic

# torch first and alone: a CPU build that is at hand is then taken. Trove last and without its own requirements, which
# name builds that do not compile everywhere.
STEPS = (
    ("torch==2.13.0",),
    (
        "transformers==4.57.1",
        "datasets==4.0.0",
        "polars==1.30.0",
        "numpy<2.4",
        *("pytrec-eval-terrier", "accelerate", "peft", "wandb", "rich", "xxhash", "lmdb", "pyarrow"),
    ),
    ("--no-deps", "ir-trove==0.0.2"),
)
LAST_LINES = 15


def prepare(folder: Path) -> Path:
    """Makes the environment unless it is there whole.

    Args:
        folder: where it is or shall be; one left unfinished is gone on with.

    Returns:
        The path of its Python interpreter.

    Raises:
        WrankError: a step that failed, with the last lines of what it said.
    """
    python = folder.absolute() / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "installed.txt"
    wanted = "".join(f"{' '.join(step)}\n" for step in STEPS)
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    _call([sys.executable, "-m", "venv", str(folder)])
    for step in STEPS:
        _call([str(python), "-m", "pip", "install", "--no-input", *step])
    _call([str(python), "-c", "import trove"])
    write_atomic(stamp, wanted)
    return python


def _call(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        said = "\n".join(done.stdout.rstrip().split("\n")[-LAST_LINES:])
        raise WrankError(f"`{' '.join(command)}` ended with status {done.returncode}:\n{said}")


def main() -> None:
    """Makes the environment in the folder given on the command line."""
    parser = argparse.ArgumentParser(description="prepare Trove's virtual environment")
    parser.add_argument("folder", type=Path)
    try:
        print(prepare(parser.parse_args().folder))
    except WrankError as error:
        sys.exit(f"trove_environment: {error}")


if __name__ == "__main__":
    main()
