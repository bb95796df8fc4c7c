"""What ``wrank data pull NAME`` fetches: a public collection of BEIR, or all the sets of a suite."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from wrank.data.source import bright, nano_beir, public
from wrank.data.source.pull_hub import MAIN
from wrank.errors import WrankError
from wrank.evaluation.suite.beir import NAMES as BEIR
from wrank.evaluation.suite.msmarco import CORPUS

ALL_OF = ("beir", nano_beir.SUITE, bright.NAME)
"""Names of suites that can be fetched whole."""


@dataclass(frozen=True)
class Pulled:
    """What was fetched, or found.

    Attributes:
        folder: where it is.
        reading: the keys that read it.
        remark: more to know, or nothing.
    """

    folder: Path
    reading: str
    remark: str = ""


def pull_named(name: str, folder: Path, revision: str = MAIN) -> list[Pulled]:
    """Fetches what a name stands for, unless it is there. What was fetched before an error stays.

    Args:
        name: a public collection of BEIR (``scifact``), a suite (``beir``, ``nano_beir``, ``bright``), or a set of one
            (``nano_beir/NanoArguAna``, ``beir/scifact``).
        folder: where collections are kept.
        revision: branch, tag or commit, for data sets of the Hugging Face hub.

    Raises:
        WrankError: an unknown name, one that needs no fetching, a revision where there is none, or it cannot be
            fetched.
    """
    suite, _, one = name.partition("/")
    if suite == nano_beir.SUITE:
        return [_nano_beir(each, folder, revision) for each in ([one] if "/" in name else nano_beir.NAMES)]
    if name == bright.NAME:
        return [Pulled(bright.pull(folder, revision), "evaluation=bright, or data=bright data.source.task=biology")]
    if suite == bright.NAME:
        raise WrankError(f"{name!r}: the tasks of BRIGHT are one data set: wrank data pull {bright.NAME}")
    if revision != MAIN:
        raise WrankError(f"revision={revision}: {name} is no data set of the Hugging Face hub; leave the key out")
    if suite == "beir":
        return [_public(each, folder) for each in ([one] if "/" in name else BEIR)]
    if suite == "msmarco" and one:
        raise WrankError(f"{name}: not fetched by wrank: {_msmarco()}")
    _check(name)
    return [_public(name, folder)]


def _nano_beir(name: str, folder: Path, revision: str) -> Pulled:
    reading = f"evaluation=nano_beir evaluation.suite.subset=[{name}], or data=nano_beir data.source.name={name}"
    return Pulled(nano_beir.pull(name, folder, revision), reading)


def _public(name: str, folder: Path) -> Pulled:
    there = public.pull(name, folder)
    parts = public.parts_of(there)
    remark = f"its parts: {', '.join(parts)}" if parts else ""
    if name == "msmarco":
        remark = f"this is BEIR's MS MARCO. {_msmarco()}"
    return Pulled(there, f"data=public data.source.name={'/'.join([name, *parts[:1]])}", remark)


def _msmarco() -> str:
    return (
        f"evaluation=msmarco reads {CORPUS} of ir_datasets, which fetches it itself on first use, into ~/.ir_datasets "
        f"(the variable IR_DATASETS_HOME names another folder); `ir_datasets export {CORPUS} docs > /dev/null` and "
        f"`ir_datasets export {CORPUS}/dev/small queries > /dev/null` fetch it before"
    )


def _check(name: str) -> None:
    """Refuses what is no name, with what was perhaps meant."""
    if name in ("sample", "local"):
        why = "it ships with wrank" if name == "sample" else "it is a folder of your own, evaluation.suite.path=FOLDER"
        raise WrankError(f"{name}: nothing to fetch: {why}")
    if name not in public.NAMES:
        hub = {one.lower(): f"{nano_beir.SUITE}/{one}" for one in nano_beir.NAMES}
        known = {one: one for one in (*ALL_OF, *public.NAMES)} | hub
        near = difflib.get_close_matches(name.lower().partition("/")[0], known, 1)
        if near and known[near[0]] not in public.NAMES:
            raise WrankError(f"{name!r}: no such collection or suite; did you mean {known[near[0]]!r}?")
        public.check_name(name)
