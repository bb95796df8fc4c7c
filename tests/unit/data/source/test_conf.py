"""Every option of data/source names a class of this package and fits its signature."""

import inspect

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from wrank.config import conf_folder
from wrank.data.source.base import Source

OPTIONS = sorted((conf_folder() / "data" / "source").glob("*.yaml"))


@pytest.mark.parametrize("path", OPTIONS, ids=lambda path: path.stem)
def test_every_option_binds_all_arguments_of_its_source_with_their_defaults(path):
    node = OmegaConf.load(path)
    kind = get_object(node._target_)
    assert issubclass(kind, Source)
    assert kind.__module__ == f"wrank.data.source.{path.stem}"
    parameters = inspect.signature(kind).parameters
    assert set(node) == {"_target_", *parameters}
    for name, parameter in parameters.items():
        if OmegaConf.is_interpolation(node, name):
            continue
        if OmegaConf.is_missing(node, name):
            assert parameter.default is inspect.Parameter.empty, name
        elif parameter.default is not inspect.Parameter.empty and not OmegaConf.is_config(node[name]):
            assert node[name] == parameter.default, name


def test_the_columns_shown_are_those_that_are_taken():
    from wrank.data.source.hf import COLUMNS

    assert OmegaConf.load(conf_folder() / "data" / "source" / "hf.yaml").columns == COLUMNS
