"""Which systems stand in the table: the chosen model, and the baselines by their names."""

from collections.abc import Sequence
from pathlib import Path

from wrank.config import build_option, options
from wrank.errors import WrankError
from wrank.stage.context import Context
from wrank.stage.system.base import System
from wrank.stage.system.bm25 import Bm25System
from wrank.stage.system.dense import DenseSystem
from wrank.stage.system.reranked import RerankedSystem
from wrank.stage.system.run_file import RUN_SUFFIXES, RunSystem

BM25 = "bm25"


def chosen_systems(context: Context, tests: int) -> list[System]:
    """The model, what re-ranks its candidates if that is asked for, and the baselines.

    Args:
        context: the job.
        tests: how many test sets there are; a run file is of one.

    Raises:
        WrankError: an unknown baseline, two systems of one name.
    """
    first: System = DenseSystem(context.base, context.model_name)
    found = [first]
    if (reranker := context.settings.reranker) is not None:
        if reranker.candidates is not None:
            first = _run(reranker.candidates, tests, "evaluation.reranker.candidates")
            found = [first]
        found.append(RerankedSystem(first, reranker))
    return distinct([*found, *baselines(context, tests)])


def baselines(context: Context, tests: int) -> list[System]:
    """The systems named by ``baselines``."""
    return [_baseline(context, str(word), tests) for word in context.cfg.baselines]


def distinct(systems: Sequence[System]) -> list[System]:
    """The systems, when their names differ; see `check_names`."""
    check_names([system.name for system in systems])
    return list(systems)


def check_names(names: Sequence[str]) -> None:
    """Refuses two systems of one name, which a table could not tell apart.

    Raises:
        WrankError: which name comes twice.
    """
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise WrankError(
            f"two systems are called {twice[0]!r}; the table could not tell them apart: leave one of them out of "
            "baselines, rename its folder or file, or give the run another name=..."
        )


def _baseline(context: Context, word: str, tests: int) -> System:
    from wrank.model.bi_encoder import BiEncoder

    path = Path(word).expanduser()
    if word == BM25:
        return Bm25System(build_option("miner", BM25))
    if word in options("model") and word != "path":
        model: BiEncoder = build_option("model", word)
        return DenseSystem(model, word)
    if path.is_dir():
        folder = path.absolute()
        name = folder.parent.name if folder.name in ("best", "last") else folder.name
        return DenseSystem(BiEncoder(path=str(path)), name)
    if path.suffix in RUN_SUFFIXES:
        return _run(word, tests, "baselines")
    known = ", ".join(name for name in options("model") if name != "path")
    raise WrankError(
        f"baselines: {word!r} is neither {BM25}, nor a model ({known}), nor a folder with a model, nor a run file "
        f"(*{', *'.join(RUN_SUFFIXES)})"
    )


def _run(path: str, tests: int, key: str) -> RunSystem:
    if tests > 1:
        raise WrankError(
            f"{key}: {path} is a run over one test set, but {tests} are evaluated; choose one, e.g. with "
            "evaluation.suite.subset=[NAME]"
        )
    return RunSystem(Path(path).expanduser())
