"""Which systems stand in the table: the chosen model, and the baselines by their names."""

from collections.abc import Sequence
from pathlib import Path

from wrank.config import build_option, options
from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.model.cross_encoder import CrossEncoder
from wrank.model.layout import holds_cross_encoder
from wrank.stage.context import Context
from wrank.stage.kind import base_system, reranking_system
from wrank.stage.system.base import System
from wrank.stage.system.bm25 import Bm25System
from wrank.stage.system.dense import DenseSystem
from wrank.stage.system.reranked import RerankedSystem
from wrank.stage.system.run_file import RUN_SUFFIXES, RunSystem
from wrank.tracking.progress import note

BM25 = "bm25"


def chosen_systems(context: Context, tests: int) -> list[System]:
    """The model, what re-ranks its candidates if that is asked for, and the baselines.

    Args:
        context: the job.
        tests: how many test sets there are; a run file is of one.

    Raises:
        WrankError: an unknown baseline, two systems of one name.
    """
    first: System = base_system(context, tests)
    found = [first]
    if isinstance(context.base, CrossEncoder):
        if context.base.new_head:
            note(f"model={context.model_name}: no head of a cross-encoder in {context.base.source}: a random one ranks")
        found.insert(0, reranking_system(context, context.base, first, f"{first.name}+{context.model_name}"))
        if context.settings.feedback is not None or context.settings.reranker is not None:
            raise WrankError(
                "evaluation/reranker and evaluation/feedback work on a bi-encoder's candidates; with "
                "model=cross_encoder leave them out, the model reranks by itself"
            )
    if (reranker := context.settings.reranker) is not None:
        if reranker.candidates is not None:
            first = _run(reranker.candidates, tests, "evaluation.reranker.candidates")
            found = [first]
        found.append(RerankedSystem(first, reranker))
    return distinct([*found, *baselines(context, tests)])


def baselines(context: Context, tests: int) -> list[System]:
    """The systems named by ``baselines``."""
    return [named_system(context, str(word), tests, "baselines") for word in context.cfg.baselines]


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


def named_system(context: Context, word: str, tests: int, key: str) -> System:
    """The system that a word names: ``bm25``, an option of model, a folder with a model, a run file.

    Args:
        context: the job.
        word: the name.
        tests: how many test sets there are; a run file is of one.
        key: the key it was given by, for messages.

    Raises:
        WrankError: there is none of that name.
    """
    path = Path(word).expanduser()
    if word == BM25:
        return Bm25System(build_option("miner", BM25))
    if word in options("model") and word != "path":
        return _of_model(context, build_option("model", word), word, tests)
    if path.is_dir():
        folder = path.absolute()
        name = folder.parent.name if folder.name in ("best", "last") else folder.name
        return _of_model(context, model_of_folder(path), name, tests)
    if path.suffix in RUN_SUFFIXES:
        return _run(word, tests, key)
    known = ", ".join(name for name in options("model") if name != "path")
    raise WrankError(
        f"{key}: {word!r} is neither {BM25}, nor a model ({known}), nor a folder with a model, nor a run file "
        f"(*{', *'.join(RUN_SUFFIXES)})"
    )


def model_of_folder(path: Path) -> BiEncoder | CrossEncoder:
    """The model that a folder holds, of whichever kind.

    Raises:
        WrankError: it holds none.
    """
    return CrossEncoder(path=str(path)) if holds_cross_encoder(path) else BiEncoder(path=str(path))


def _of_model(context: Context, model: BiEncoder | CrossEncoder, name: str, tests: int) -> System:
    if isinstance(model, BiEncoder):
        return DenseSystem(model, name)
    first = named_system(context, model.first_stage, tests, "model.first_stage")
    return reranking_system(context, model, first, f"{first.name}+{name}")


def _run(path: str, tests: int, key: str) -> RunSystem:
    if tests > 1:
        raise WrankError(
            f"{key}: {path} is a run over one test set, but {tests} are evaluated; choose one, e.g. with "
            "evaluation.suite.subset=[NAME]"
        )
    return RunSystem(Path(path).expanduser())
