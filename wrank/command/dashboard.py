"""Makes a workspace and a report in a W&B project: test sets, learning curves, pages, what differs between runs.

The names of the figures come from the store's manifests; the runs must be in W&B (``logger.mode=online``, or ``wrank
sync``). Wants the network and the package ``wandb-workspaces``; ``out=FILE.json`` needs neither.
"""

import json
from pathlib import Path

from omegaconf import DictConfig

from wrank.config import plain
from wrank.errors import Refused, WrankError
from wrank.files import write_atomic
from wrank.store import Store
from wrank.tracking.report.choose import as_words
from wrank.tracking.wandb_dashboard import describe, figures_of


def main(cfg: DictConfig) -> None:
    """One job of ``wrank dashboard``."""
    try:
        _dashboard(cfg)
    except WrankError as error:
        raise Refused(error) from error


def _dashboard(cfg: DictConfig) -> None:
    root = Path(str(plain(cfg, "paths.store"))).expanduser()
    artifacts = Store(root).artifacts() if root.is_dir() else []  # it is not made for a look
    given = {key: as_words(key, plain(cfg, key)) for key in ("study", "by", "sets")}
    entity, title = plain(cfg, "entity"), plain(cfg, "title")
    description = describe(
        str(plain(cfg, "project")),
        None if entity is None else str(entity),
        figures_of(artifacts, given["sets"]),
        studies=given["study"],
        by=given["by"],
        title=None if title is None else str(title),
    )
    if (out := plain(cfg, "out")) is not None:
        path = Path(str(out)).expanduser()
        write_atomic(path, json.dumps(description, indent=1, ensure_ascii=False) + "\n")
        print(path)
        return
    from wrank.tracking.wandb_workspace import send

    for address in send(description):
        print(address)
