"""Every sweep preset composes, job by job; its keys fit every option that it combines them with."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from wrank.command.sweeper import read_words
from wrank.config import build, conf_folder, register
from wrank.stage.tuning import Range

CONF = conf_folder()
JOBS = {
    **{"losses": 18, "seeds": 5, "temperatures": 5, "label_temperatures": 20, "levels": 5, "group_sizes": 4},
    **{"generators": 5, "batch_sizes": 4, "learning_rates": 4},
}
SEARCHES = ("optuna",)


def composed(*words, hydra=False):
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose("run", list(words), return_hydra_config=hydra)


def jobs(preset, *words):
    """The words of each job, as Hydra's own sweeper makes them."""
    params = composed(f"sweep={preset}", *words, hydra=True).hydra.sweeper.params
    parsed = OverridesParser.create().parse_overrides([*(f"{key}={value}" for key, value in params.items()), *words])
    return [[f"sweep={preset}", *one] for one in BasicSweeper.split_arguments(parsed, None)[0]]


def test_every_preset_is_counted_here():
    assert {path.stem for path in (CONF / "sweep").glob("*.yaml")} == {*JOBS, *SEARCHES}


@pytest.mark.parametrize("preset", [*JOBS, *SEARCHES])
def test_a_preset_says_which_question_it_answers(preset):
    lines = (CONF / "sweep" / f"{preset}.yaml").read_text(encoding="utf-8").split("\n")
    assert lines[0] == "# @package _global_"
    assert lines[1].startswith("# ")
    assert "?" in lines[1]
    assert OmegaConf.load(CONF / "sweep" / f"{preset}.yaml").hydra.mode == "MULTIRUN"


@pytest.mark.parametrize("preset", JOBS)
def test_every_job_of_a_preset_composes_and_is_built(preset):
    found = jobs(preset)
    assert len(found) == JOBS[preset]
    assert len({tuple(words) for words in found}) == JOBS[preset]
    for words in found:
        cfg = composed(*words)
        build(cfg, "loss"), build(cfg, "trainer")
        if preset in ("levels", "generators"):
            build(cfg, "generator.recipe")


def test_a_loss_that_was_chosen_takes_the_place_of_the_presets_losses():
    found = jobs("label_temperatures", "loss=kl")
    assert len(found) == 4
    assert all("loss=kl" in words for words in found)


@pytest.mark.parametrize("preset", ["temperatures", "label_temperatures"])
def test_presets_of_temperatures_name_losses_that_have_them(preset):
    """A loss without the key would be refused by Hydra, after the jobs before it."""
    key = {"temperatures": "temperature", "label_temperatures": "label_temperature"}[preset]
    losses = OmegaConf.load(CONF / "sweep" / f"{preset}.yaml").hydra.sweeper.params.get("loss", "infonce").split(",")
    assert all(key in OmegaConf.load(CONF / "loss" / f"{loss}.yaml") for loss in losses)


def test_levels_cover_every_scale():
    words = [word for words in jobs("levels") for word in words]
    found = {word.partition("=")[2] for word in words if word.startswith("generator/scale=")}
    assert found == {path.stem for path in (CONF / "generator" / "scale").glob("*.yaml")}


def test_the_search_has_ranges_that_fit_its_keys():
    cfg = composed("sweep=optuna", hydra=True)
    assert cfg.hydra.sweeper._target_ == "hydra_plugins.wrank.OptunaSweeper"
    fixed, space = read_words([f"{key}={value}" for key, value in cfg.hydra.sweeper.params.items()])
    assert not fixed
    assert all(isinstance(one, Range) and one.log for one in space.values())
    for key, one in space.items():
        build(composed(f"{key}={one.low}"), key.partition(".")[0])
        build(composed(f"{key}={one.high}"), key.partition(".")[0])


def test_the_folder_of_sweepers_holds_what_the_tests_know():
    assert {path.stem for path in Path(CONF / "hydra" / "sweeper").glob("*.yaml")} == {"optuna"}
