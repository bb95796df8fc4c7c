"""What the verbs that only read the store have in common: the store must be there, and refusals are told plainly."""

import functools
from collections.abc import Callable
from pathlib import Path

from omegaconf import DictConfig

from wrank.config import plain
from wrank.errors import Refused, WrankError
from wrank.store import Store
from wrank.tracking.report.library import Library


def reads(verb: Callable[[DictConfig, Library], None]) -> Callable[[DictConfig], None]:
    """Makes a Hydra task of a verb that is given the store's library."""

    @functools.wraps(verb)
    def task(cfg: DictConfig) -> None:
        root = Path(str(plain(cfg, "paths.store"))).expanduser()
        if not root.is_dir():  # it is not made for a look
            raise WrankError(f"{root}: no store here; paths.store=... or WRANK_STORE names one")
        verb(cfg, Library(Store(root)))

    return plainly(task)


def plainly(verb: Callable[[DictConfig], None]) -> Callable[[DictConfig], None]:
    """Makes a Hydra task of a verb whose refusals are told without a line of Hydra's."""

    @functools.wraps(verb)
    def task(cfg: DictConfig) -> None:
        try:
            verb(cfg)
        except WrankError as error:
            raise Refused(error) from error

    return task
