"""Tells two runs apart: what is configured otherwise, what they were made from, and how their figures differ.

``wrank diff A B``: each a run's name, a key (6 digits or more) or a folder.
"""

from omegaconf import DictConfig

from wrank.command.reading import reads
from wrank.config import plain
from wrank.errors import WrankError
from wrank.tracking.report.choose import as_words
from wrank.tracking.report.diff import diff
from wrank.tracking.report.library import Library
from wrank.tracking.report.terminal import print_diff


@reads
def main(cfg: DictConfig, library: Library) -> None:
    """One job of ``wrank diff``."""
    runs = as_words("runs", plain(cfg, "runs"))
    if len(runs) != 2:
        raise WrankError(f"wanted two runs, got {len(runs)}: wrank diff A B, each a name, a key or a folder")
    print_diff(diff(library, *runs))
