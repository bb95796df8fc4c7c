"""Every shipped option composes and fits its signature; each trap of Hydra is closed."""

import dataclasses
import functools
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from wrank.command.backend import make_backend
from wrank.command.launcher import register_launcher
from wrank.config import conf_folder, register
from wrank.errors import WrankError

CONF = conf_folder()
VERBS = ("data", "generate", "audit", "mine", "train", "evaluate", "run", "doctor")  # score: see test_score.py
GROUPS = (
    *(
        "data",
        "data/augment",
        "data/lists",
        "data/mix",
        "model",
        "loss",
        "trainer",
        "evaluation",
        "logger",
        "paths",
        "generator",
        "audit",
        "judge",
    ),
    *("miner", "filter", "rounds"),
)
NESTED = {
    "teacher": "run",
    "generator/engine": "generate",
    "generator/scale": "generate",
    "evaluation/index": "evaluate",
    "evaluation/reranker": "evaluate",
    "evaluation/feedback": "evaluate",
}
LISTS = ("data/augment", "data/lists", "data/mix")  # of verbs that make training lists
LACKS = {
    "doctor": set(GROUPS) - {"paths"},
    "data": set(GROUPS) - {"data", *LISTS, "paths"},
    "evaluate": {"loss", "trainer", "rounds", "generator", "audit", "judge", "miner", "filter", *LISTS},
    "audit": {"loss", "trainer", "rounds", "generator", "miner", "filter", *LISTS},
    "generate": {"loss", "trainer", "rounds", "miner", "filter", *LISTS},
    "mine": {"loss", "trainer", "rounds", "generator", "audit", "judge", *LISTS},
    "train": {"miner", "filter"},
    "run": {"miner", "filter"},
}
VALUES = {"data": ["data.path=somewhere"], "model": ["model.path=somewhere"]}  # for options with ???


def options(group):
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@functools.cache
def composed(verb, *overrides, folder=CONF):
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(folder)):
        return compose(config_name=verb, overrides=list(overrides))


def needed(group, option):
    """What options with ``???`` need."""
    text = (CONF / group / f"{option}.yaml").read_text(encoding="utf-8")
    source = CONF / "data" / "source" / f"{option}.yaml"
    given = {f"{group}.": text} | ({"data.source.": source.read_text()} if group == "data" and source.is_file() else {})
    return [
        f"{prefix}{key}={'{test: x}' if key == 'qrels' else 'somewhere'}"
        for prefix, content in given.items()
        for key in re.findall(r"^([a-z_]+): \?\?\?", content, re.MULTILINE)
    ]


CASES = [(verb, group, option) for verb in VERBS for group in GROUPS for option in options(group)]
CASES = [case for case in CASES if case[1] not in LACKS.get(case[0], set())]
CASES += [(verb, group, option) for group, verb in NESTED.items() for option in options(group)]


@pytest.mark.parametrize(("verb", "group", "option"), CASES)
def test_every_option_of_every_group_composes_and_resolves(verb, group, option):
    cfg = composed(verb, f"{group}={option}", *needed(group, option))
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


def nodes(cfg, prefix=""):
    if isinstance(cfg, DictConfig):
        if "_target_" in cfg:
            yield prefix, cfg
        for key in cfg:
            yield from nodes(cfg[key], f"{prefix}.{key}" if prefix else str(key))


@pytest.mark.parametrize(("verb", "group", "option"), CASES)
def test_every_target_binds_its_keys(verb, group, option):
    """A misspelt key would show up only on the cluster."""
    cfg = composed(verb, f"{group}={option}", *needed(group, option))
    found = [(name, node) for name, node in nodes(cfg) if f"{name}.".startswith(f"{group.replace('/', '.')}.")]
    for name, node in found:
        values = {key: value for key, value in node.items() if not str(key).startswith("_")}
        signature = inspect.signature(get_object(node._target_))
        bind = signature.bind_partial if node.get("_partial_") else signature.bind
        bind(**values)
        assert name
    if group != "paths":
        assert found, f"{group}={option} builds nothing"


@pytest.mark.parametrize("loss", options("loss"))
def test_every_loss_is_built_from_its_own_file_alone(loss):
    from wrank.loss.base import Loss

    assert isinstance(instantiate(OmegaConf.load(CONF / "loss" / f"{loss}.yaml")), Loss)


@pytest.mark.parametrize("trainer", options("trainer"))
def test_every_trainer_is_valid(trainer):
    cfg = composed("train", f"trainer={trainer}")
    assert instantiate(cfg.trainer).batch_size > 0


@pytest.mark.parametrize("path", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_experiments_select_options_and_set_root_keys_only(path):
    """A leaf of a group leaks into another option of that group when it is swept."""
    content = OmegaConf.to_container(OmegaConf.load(path))
    root_keys = {"study", "seed", "name", "tags", "device", "max_queries", "checkpoint"}
    assert set(content) <= {"defaults"} | root_keys
    assert all(next(iter(entry)).startswith("override /") for entry in content.get("defaults", []))
    needs_path = any(f"/data: {data}\n" in path.read_text() for data in ("sycl", "reasoning"))
    composed("run", f"experiment={path.stem}", *VALUES["data"][:needs_path])


def test_experiments_are_flat():
    """glob(sub/*) would launch nothing, silently."""
    assert not [path for path in (CONF / "experiment").iterdir() if path.is_dir()]


def test_misspelt_root_key_in_an_experiment_is_refused_with_its_file(tmp_path):
    import shutil

    shutil.copytree(CONF, tmp_path / "conf")
    (tmp_path / "conf" / "experiment" / "bad.yaml").write_text("# @package _global_\nsede: 3\n")
    with pytest.raises(ConfigCompositionException, match=r"(?s)experiment/bad.*sede"):
        composed("run", "experiment=bad", folder=tmp_path / "conf")


def test_misspelt_root_key_on_the_command_line_is_refused():
    with pytest.raises(Exception, match="sede"):
        composed("run", "sede=3")


@pytest.mark.parametrize("kind", ["here", "local", "slurm", "ray"])
def test_every_launcher_is_ours_and_takes_its_own_keys(kind):
    register()
    register_launcher()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        cfg = compose("run", [f"hydra/launcher={kind}"], return_hydra_config=True)
    launcher = instantiate(cfg.hydra.launcher)
    assert (launcher.kind, launcher.dry_run, launcher.detach, launcher.allow_dirty) == (kind, False, False, False)
    backend = make_backend(launcher.kind, launcher.keys)  # refuses keys that it does not know
    assert (backend is None) == (kind == "here")
    if backend is not None:
        own = {field.name for field in dataclasses.fields(backend) if not field.name.startswith("_")}
        assert own == set(launcher.keys)  # every key stands in the file, with its comment


def test_run_and_sweep_folders_tell_microseconds_apart():
    """Two runs in one second shared Hydra's default folder."""
    hydra = OmegaConf.load(CONF / "hydra" / "default.yaml")
    assert "%f" in OmegaConf.to_container(hydra)["hydra"]["run"]["dir"]
    assert "%f" in OmegaConf.to_container(hydra)["hydra"]["sweep"]["dir"]


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: path.relative_to(CONF).as_posix())
def test_every_option_says_what_it_is_and_every_key_is_explained(path):
    lines = path.read_text(encoding="utf-8").split("\n")
    first = [line for line in lines if line.startswith("#") and "@package" not in line][:1]
    assert first, f"{path}: no first line that says what it is"
    if path.parent.name in ("sweep", "debug", "experiment", "hydra") or path.parent == CONF:
        return
    for number, line in enumerate(lines, start=1):
        key = re.match(r"^\s*([a-z_]+):", line)
        if key and key.group(1) not in ("_target_", "_partial_", "defaults", "callbacks"):
            explained = "#" in line or lines[number - 2].strip().startswith("#")
            assert explained, f"{path}:{number}: {key.group(1)} has no comment"


def test_unknown_key_names_the_nearest_one():
    from wrank.config import build

    cfg = composed("run", "+loss.temprature=0.1")
    with pytest.raises(WrankError, match=r"loss\.temprature: no such key; did you mean loss\.temperature"):
        build(cfg, "loss")


def test_missing_value_says_which_key_to_give():
    from wrank.config import build

    with pytest.raises(WrankError, match=r"data\.path"):
        build(composed("run", "data=beir"), "data.source")


@pytest.mark.parametrize(
    "override", ["seed=-1", "device=tpu", "checkpoint=middle", "max_queries=0", "study=''", f"study={'x' * 129}"]
)
def test_root_values_out_of_range_are_refused(override):
    from wrank.config import check_root

    with pytest.raises(WrankError, match=override.split("=")[0]):
        check_root(composed("run", override))


@pytest.mark.parametrize("verb", [*VERBS, "score", "status", "report", "diff", "trace"])
def test_help_explains_every_group_and_key(verb, capsys):
    from wrank.command.help import print_help

    GlobalHydra.instance().clear()
    print_help(verb, [])
    shown = capsys.readouterr().out
    groups = {
        **{one: [] for one in ("status", "doctor", "report", "diff", "trace")},
        "data": ["data"],
        "score": ["data"],
    }
    groups = groups.get(verb, ["data", "model", "evaluation"])
    for group in groups:
        for option in options(group):
            assert f"{group}={option}" in shown
    primary = (CONF / f"{verb}.yaml").read_text(encoding="utf-8").partition("_self_")[2]
    for key in re.findall(r"^([a-z_]+):", primary, re.MULTILINE):
        assert key in shown


def test_top_level_help_imports_neither_torch_nor_hydra():
    """It must answer in under a second."""
    code = """
import sys
from wrank.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
sys.exit(", ".join({"torch", "hydra", "transformers", "pytorch_lightning"} & set(sys.modules)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "wrank run" in done.stdout


def test_every_verb_has_a_primary_file_and_a_module():
    from wrank.cli import VERBS as verbs

    for verb in verbs:
        assert (CONF / f"{verb}.yaml").is_file()
        assert callable(importlib.import_module(f"wrank.command.{verb}").main)
        assert Path(inspect.getfile(importlib.import_module(f"wrank.command.{verb}"))).stem == verb
