"""tiny=true: every model of the configuration becomes one with random weights."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from wrank.config import conf_folder, options, register
from wrank.model.cross_encoder import CrossEncoder
from wrank.stage.context import Context


def context(tmp_path, *overrides):
    register()
    GlobalHydra.instance().clear()
    words = ["data=sample", f"paths.store={tmp_path / 'store'}", *overrides]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        cfg = compose("run", words)
    return Context(cfg, {"model": "any"})


@pytest.mark.parametrize("how", ["tiny=true", "debug=smoke"])
@pytest.mark.parametrize("model", options("model"))
def test_every_option_is_built_tiny(model, how, tmp_path):
    base = context(tmp_path, f"model={model}", how).base
    decoder = model in ("e5_mistral", "qwen3_embedding", "smollm2", "tiny_decoder")
    assert base.source == ("random:tiny_decoder" if decoder else "random:tiny")


def test_a_folder_that_is_named_is_not_looked_at(tmp_path):
    assert context(tmp_path, "model=path", "model.path=/no/such", "tiny=true").base.source == "random:tiny"
    words = ("model=cross_encoder", "model.source=null", "model.path=/no/such", "tiny=true")
    base = context(tmp_path, *words).base
    assert isinstance(base, CrossEncoder)
    assert base.source == "random:tiny"
