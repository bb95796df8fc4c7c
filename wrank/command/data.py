"""Describes a collection or a mix before anything trains, checks it, or fetches a public one.

``wrank data describe data=...``: counts, grades, lengths, splits, and the lists that a training would be given, with
examples. ``wrank data verify data=...``: reads and checks every split; of a fetched collection, every file's hash.
``wrank data pull NAME``: fetches into ``paths.collections`` a public collection of BEIR (from where ``data=public
data.source.name=NAME`` reads it), all sets of a suite (beir, nano_beir, bright), or one (nano_beir/NanoArguAna). The
files of evaluation=msmarco are fetched by ir_datasets, when they are first read.
"""

from pathlib import Path
from typing import Any

from wrank.command.job import job
from wrank.config import plain
from wrank.errors import WrankError
from wrank.stage.context import Context
from wrank.stage.data import describe, verify
from wrank.stage.pull import pull_named
from wrank.tracking.data import print_description, print_verified

ACTIONS = ("describe", "verify", "pull")


@job
def main(context: Context) -> dict[str, Any]:
    """One job of ``wrank data``."""
    action = str(context.cfg.action)
    if action not in ACTIONS:
        raise WrankError(f"{action!r}: no such action; wanted {', '.join(ACTIONS)}: wrank data describe data=...")
    if action == "pull":
        return _pull(context)
    if action == "verify":
        checked = verify(context)
        print_verified(checked)
        if wrong := [one.name for one in checked if one.wrong]:
            raise WrankError(f"wrong: {', '.join(wrong)}; what is wrong is written above")
        return {"verified": [split.name for split in checked]}
    description = describe(context)
    print_description(description)
    return {"described": description.name}


def _pull(context: Context) -> dict[str, Any]:
    if not context.cfg.pull:
        raise WrankError("pull what? Give a name: wrank data pull scifact")
    folder = Path(plain(context.cfg, "paths.collections")).expanduser()
    pulled = pull_named(str(context.cfg.pull), folder, str(context.cfg.revision))
    for one in pulled:
        print(f"{one.folder}\nread it with: {one.reading}" + (f"\n{one.remark}" if one.remark else ""))
    return {"collections": [str(one.folder) for one in pulled]}
