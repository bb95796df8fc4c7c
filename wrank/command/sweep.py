"""What happens around a multirun: no jobs is an error, one table over all jobs at the end."""

import json
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from wrank.command.job import RESULT
from wrank.errors import WrankError
from wrank.evaluation.scored import read_scored
from wrank.tracking.progress import note
from wrank.tracking.table import print_sweep

_sweep_folder: Path | None = None


class SweepCallback(Callback):
    """Tells `finish`, which runs when Hydra is done or has failed, where the sweep's folder is."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remembers the folder."""
        global _sweep_folder
        _sweep_folder = Path(config.hydra.sweep.dir).absolute()


def finish(ended: bool) -> int:
    """Prints the sweep's table, if there was a sweep.

    Args:
        ended: whether Hydra came to its end; False = an exception is on its way to the user.

    Returns:
        How many jobs failed.

    Raises:
        WrankError: a sweep of no jobs.
    """
    global _sweep_folder
    folder, _sweep_folder = _sweep_folder, None
    if folder is None:
        return 0
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(f"*/{RESULT}"))]
    if not results:
        if ended and not list(folder.glob("*/.hydra")):
            raise WrankError(
                f"the sweep has no jobs: a glob(...) that matches no option, or an empty list? (its folder is {folder})"
            )
        return 0
    failed = [result for result in results if "failed" in result]
    for result in failed:
        note(f"failed: {' '.join(result['overrides'])}: {result['failed']}")
    done = [result for result in results if "evaluation" in result and "base" in result]
    if done:
        base = {result["base"]: read_scored(Path(result["base"]), result["base_name"]) for result in done}
        rows = [(result, read_scored(Path(result["evaluation"]), result["name"])) for result in done]
        print_sweep(base, rows)
    return len(failed)
