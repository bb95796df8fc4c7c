"""Lists the artifacts of a store: kind, name, age, time taken, size, and what is unfinished."""

from omegaconf import DictConfig

from wrank.config import plain
from wrank.store import Store
from wrank.tracking.table import print_status


def main(cfg: DictConfig) -> None:
    """One job of ``wrank status``."""
    store = Store(plain(cfg, "paths.store"))
    print_status(store)
