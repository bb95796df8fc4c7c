"""Describes a collection or a mix before anything trains, checks it, or fetches a public one.

``wrank data describe data=...``: counts, grades, lengths, splits, and the lists that a training would be given, with
examples. ``wrank data verify data=...``: reads and checks every split; of a fetched collection, every file's hash.
``wrank data pull NAME``: fetches a public collection of BEIR into ``paths.collections``, from where
``data=public data.source.name=NAME`` reads it.
"""

from pathlib import Path
from typing import Any

from wrank.command.job import job
from wrank.config import plain
from wrank.data.source.public import parts_of, pull
from wrank.errors import WrankError
from wrank.stage.context import Context
from wrank.stage.data import describe, verify
from wrank.tracking.data import print_description, print_verified

ACTIONS = ("describe", "verify", "pull")


@job
def main(context: Context) -> dict[str, Any]:
    """One job of ``wrank data``."""
    action = str(context.cfg.action)
    if action not in ACTIONS:
        raise WrankError(f"{action!r}: no such action; wanted {', '.join(ACTIONS)}: wrank data describe data=...")
    if action == "pull":
        if not context.cfg.pull:
            raise WrankError("pull what? Give a name: wrank data pull scifact")
        folder = pull(str(context.cfg.pull), Path(plain(context.cfg, "paths.collections")).expanduser())
        parts = parts_of(folder)
        print(f"{folder}\nread it with: data=public data.source.name={'/'.join([folder.name, *parts[:1]])}")
        if parts:
            print(f"its parts: {', '.join(parts)}")
        return {"collection": str(folder)}
    if action == "verify":
        checked = verify(context)
        print_verified(checked)
        if wrong := [one.name for one in checked if one.wrong]:
            raise WrankError(f"wrong: {', '.join(wrong)}; what is wrong is written above")
        return {"verified": [split.name for split in checked]}
    description = describe(context)
    print_description(description)
    return {"described": description.name}
