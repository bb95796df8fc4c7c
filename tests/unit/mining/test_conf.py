"""Every option of the miner and of the filter composes, binds, and is built from its own file."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from tests.config.test_options import needed
from wrank.config import build, conf_folder, register
from wrank.errors import WrankError
from wrank.mining.base import Miner
from wrank.mining.settings import FilterSettings, Margin

CONF = conf_folder()


def options(group):
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def composed(*overrides):
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose(config_name="mine", overrides=list(overrides))


@pytest.mark.parametrize("group", ["miner", "filter", "data", "model", "evaluation", "logger"])
def test_every_option_composes(group):
    for option in options(group):
        cfg = composed(f"{group}={option}", *needed(group, option))
        OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize("miner", options("miner"))
def test_every_miner_is_built(miner):
    made = build(composed(f"miner={miner}"), "miner")
    assert isinstance(made, Miner)
    assert made.name == miner == made.identity()["miner"]


@pytest.mark.parametrize("option", options("filter"))
def test_every_filter_is_built_and_fits_the_depth(option):
    cfg = composed(f"filter={option}")
    settings = build(cfg, "filter")
    settings.check_depth(cfg.depth)
    assert isinstance(settings, FilterSettings)


def test_presets_are_what_they_are_called():
    assert build(composed("filter=top_perc_pos"), "filter").margin == Margin("relative", 0.95)
    assert build(composed("filter=consistent"), "filter").consistency == 1
    assert build(composed(), "filter") == FilterSettings()


def test_misspelt_keys_name_the_nearest():
    with pytest.raises(WrankError, match=r"filter\.per_qery: no such key; did you mean filter\.per_query"):
        build(composed("+filter.per_qery=3"), "filter")
    with pytest.raises(Exception, match="dept"):
        composed("dept=3")


def test_help_shows_every_group_and_key(capsys):
    from wrank.command.help import print_help

    GlobalHydra.instance().clear()
    print_help("mine", [])
    shown = capsys.readouterr().out
    for word in ("miner=dense", "filter=top_perc_pos", "depth:", "filter.window", "miner.k1"):
        assert word in shown
