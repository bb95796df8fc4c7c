"""The house rules of imports and sizes, held by parsing the code."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "wrank"
FILES = sorted(PACKAGE.rglob("*.py"))

# A room may import from the rooms before it, and from itself.
ORDER = [
    {"errors", "records", "schema", "quiet", "wanted", "__init__"},
    {"files", "trec", "qrels", "progress"},
    {"manifest"},
    {"store"},
    {"language_model"},
    {"loss"},
    {"model"},
    {"data"},
    {"generator"},
    {"training", "evaluation", "audit", "mining"},
    {"judge", "teacher"},
    {"tracking", "config"},
    {"stage", "doctor", "launch"},
    {"command"},
    {"cli"},
]
INDEPENDENT = {"loss", "model", "data", "generator", "training", "evaluation", "audit", "mining"}
EDGES = {
    "hydra": ("command/", "config.py", "cli.py"),
    "omegaconf": ("command/", "config.py", "stage/"),
    "wandb": ("tracking/",),
    "pytorch_lightning": ("training/", "tracking/wandb.py"),
    "vllm": ("generator/engine/",),
    "ir_datasets": ("data/source/",),
    "beir": ("data/source/",),
    "datasets": ("data/source/",),
    "sentence_transformers": (),
    "ir_measures": ("evaluation/",),
    "bm25s": ("mining/",),
    "faiss": ("evaluation/index/",),
    "Stemmer": ("mining/",),
    "peft": ("model/lora.py",),
    "bitsandbytes": ("model/quantize.py",),
    "submitit": ("launch/slurm.py",),
    "optuna": ("stage/tuning.py",),
    "ray": ("launch/ray.py",),
}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def room(name):
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def rank(name):
    return next(place for place, rooms in enumerate(ORDER) if name in rooms)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_run_one_way(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in imports_of(path):
        if not name.startswith("wrank"):
            continue
        other = room(name)
        assert rank(other) <= rank(own), f"{path}: {own} imports {name}, which comes after it"
        if own in INDEPENDENT and other in INDEPENDENT and other != own:
            late = {"training", "evaluation", "audit", "mining"}
            assert own in late, f"{path}: {own} and {other} must not know each other"
            if (own, other) != ("mining", "evaluation"):  # which encodes and searches
                assert not {own, other} <= late, f"{path}: {own} and {other} must not know each other"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_frameworks_stay_at_the_edge(path):
    place = path.relative_to(PACKAGE).as_posix()
    for name in imports_of(path):
        top = name.split(".")[0]
        if top in EDGES:
            assert place.startswith(EDGES[top]) if EDGES[top] else False, f"{place} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_files_and_functions_stay_small(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 300, f"{path}: more than 300 lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            doc = ast.get_docstring(node, clean=False) or ""
            body = (node.end_lineno or 0) - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
            assert body <= 60, f"{path}:{node.lineno}: {node.name} has {body} lines"


def test_every_option_has_its_package_file():
    """The mirror rule: conf/<group>/<name>.yaml names a class in wrank/<group>/."""
    homes = {"loss": "loss", "model": "model", "evaluation": "evaluation", "trainer": "training", "logger": "tracking"}
    homes |= {
        "generator": "generator",
        "generator/engine": "generator.engine",
        "generator/scale": "generator",
        "audit": "audit",
        "judge": "judge",
        "teacher": "teacher",
        "miner": "mining",
        "evaluation/index": "evaluation.index",
        "evaluation/reranker": "evaluation.rerank",
        "evaluation/feedback": "evaluation.feedback",
        "filter": "mining",
        "rounds": "stage",
    }
    for group, package in homes.items():
        for path in (ROOT / "conf" / group).glob("*.yaml"):
            for line in path.read_text(encoding="utf-8").split("\n"):
                if line.startswith("_target_:"):
                    assert line.split()[1].startswith(f"wrank.{package}."), path
