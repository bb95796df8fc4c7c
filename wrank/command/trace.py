"""Tells where a figure comes from: report, comparison, evaluation, model, data, each with key, settings, commit, time.

``wrank trace WHAT``: an artifact's name, key (6 digits or more) or folder, a report's file, or a figure such as 0.4711.
"""

from omegaconf import DictConfig

from wrank.command.reading import reads
from wrank.config import plain
from wrank.errors import WrankError
from wrank.tracking.report.choose import as_words
from wrank.tracking.report.library import Library
from wrank.tracking.report.terminal import print_trace
from wrank.tracking.report.trace import trace


@reads
def main(cfg: DictConfig, library: Library) -> None:
    """One job of ``wrank trace``."""
    wanted = as_words("of", plain(cfg, "of"))
    if len(wanted) != 1:
        raise WrankError(f"wanted one thing, got {len(wanted)}: wrank trace FIGURE, KEY, NAME, FOLDER or report.html")
    print_trace(trace(library, wanted[0]))
