"""The options of ``wrank score``: every one composes, fits its signature, and is explained."""

import inspect
import re

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import get_object
from omegaconf import OmegaConf

from tests.config import test_options as shared

TEACHERS = ("bi_encoder", "bi_encoder_cosine", "cross_encoder", "llm", "llm_pairwise")
CASES = [("teacher", name) for name in TEACHERS] + [(g, o) for g in ("logger", "paths") for o in shared.options(g)]
CASES += [("data", option) for option in shared.options("data")]
ENGINES = [(teacher, engine) for teacher in TEACHERS[3:] for engine in shared.options("generator/engine")]


def targets_bind(cfg, prefix):
    found = [(name, node) for name, node in shared.nodes(cfg) if f"{name}.".startswith(f"{prefix}.")]
    for _, node in found:
        signature = inspect.signature(get_object(node._target_))
        bind = signature.bind_partial if node.get("_partial_") else signature.bind
        bind(**{key: value for key, value in node.items() if not str(key).startswith("_")})
    return len(found)


def test_every_teacher_is_listed():
    assert tuple(shared.options("teacher")) == TEACHERS


@pytest.mark.parametrize(("group", "option"), CASES)
def test_every_option_composes_resolves_and_binds(group, option):
    text = (shared.CONF / group / f"{option}.yaml").read_text(encoding="utf-8")
    given = {f"{group}.{key}=somewhere" for key in re.findall(r"^([a-z_]+): \?\?\?", text, re.MULTILINE)}
    cfg = shared.composed("score", f"{group}={option}", *given | set(shared.needed(group, option)))
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert targets_bind(cfg, group) or group == "paths"
    assert targets_bind(cfg, "preferences") == 1


@pytest.mark.parametrize(("teacher", "engine"), ENGINES)
def test_every_engine_can_serve_a_teacher(teacher, engine):
    cfg = shared.composed("score", f"teacher={teacher}", f"generator/engine@teacher.engine={engine}")
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert targets_bind(cfg, "teacher") == 3


@pytest.mark.parametrize("scale", shared.options("generator/scale"))
def test_every_scale_can_be_asked_for(scale):
    from wrank.config import build
    from wrank.teacher.llm import LlmTeacher

    cfg = shared.composed("score", "teacher=llm", f"generator/scale@teacher.scale={scale}")
    teacher = build(cfg, "teacher")
    assert isinstance(teacher, LlmTeacher)
    assert len(teacher.examples) == 1
    assert teacher.grades[-1] == 0


def test_help_lists_teachers_and_keys(capsys):
    from wrank.command.help import print_help

    GlobalHydra.instance().clear()
    print_help("score", [])
    shown = capsys.readouterr().out
    for words in (*(f"teacher={name}" for name in TEACHERS), "preferences", "pairs", "chunk", "teacher.batch_tokens"):
        assert words in shown
    GlobalHydra.instance().clear()
    print_help("score", ["teacher=llm"])
    assert "min_mass" in capsys.readouterr().out
