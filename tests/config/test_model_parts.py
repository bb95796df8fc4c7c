"""Options of a model's parts (``model/lora``, ``model/matryoshka``) land in the keys of whichever model is chosen."""

import inspect
import re

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import get_object
from omegaconf import OmegaConf

from wrank.config import conf_folder, register

CONF = conf_folder()
PARTS = [
    (part, path.stem) for part in ("lora", "matryoshka") for path in sorted((CONF / "model" / part).glob("*.yaml"))
]
BI_ENCODERS = [
    path.stem for path in sorted((CONF / "model").glob("*.yaml")) if "BiEncoder" in path.read_text(encoding="utf-8")
]


def composed(verb, *overrides):
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose(config_name=verb, overrides=list(overrides))


@pytest.mark.parametrize("verb", ["train", "run"])
@pytest.mark.parametrize(("part", "option"), PARTS)
@pytest.mark.parametrize("model", ["tiny", "smollm2", "path"])
def test_a_part_is_merged_into_any_model(verb, part, option, model):
    cfg = composed(verb, f"model={model}", f"model/{part}={option}", *(["model.path=x"] if model == "path" else []))
    values = {key: value for key, value in OmegaConf.to_container(cfg.model, resolve=True).items() if key != "_target_"}
    inspect.signature(get_object(cfg.model._target_)).bind(**values)
    assert values[part]


def test_lora_takes_every_key_of_its_option():
    from wrank.model.lora import Lora, read_lora

    for path in (CONF / "model" / "lora").glob("*.yaml"):
        assert isinstance(read_lora(OmegaConf.to_container(OmegaConf.load(path))), Lora)


def test_lora_is_set_for_a_cross_encoder_too():
    assert composed("train", "model=cross_encoder", "model/lora=standard").model.lora.rank == 16


@pytest.mark.parametrize("model", BI_ENCODERS)
def test_every_encoder_shows_the_keys_that_a_part_sets(model):
    text = (CONF / "model" / f"{model}.yaml").read_text(encoding="utf-8")
    keys = set(re.findall(r"^([a-z_]+):", text, re.MULTILINE))
    assert {"dimensions", "matryoshka", "matryoshka_weights", "lora"} <= keys


@pytest.mark.parametrize("model", ["e5_mistral", "qwen3_embedding", "smollm2", "tiny_decoder"])
def test_a_decoder_pools_its_last_token_and_tells_the_query_what_is_asked(model):
    node = composed("train", f"model={model}").model
    assert node.pooling == "last"
    assert node.query_prompt
    if model != "tiny_decoder":
        assert re.match(r"Instruct: .*\nQuery:", node.query_prompt)
