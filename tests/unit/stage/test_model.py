"""A training's key holds what can change the result, and nothing else."""

import json

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from wrank.config import conf_folder, register
from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.stage.context import Context
from wrank.stage.model import checked_settings, plan_training


def key(tmp_path, *overrides):
    return stage(tmp_path, *overrides).key


def stage(tmp_path, *overrides):
    register()
    GlobalHydra.instance().clear()
    words = ["data=sample", "model=tiny", "loss=ws2", "trainer=cpu", f"paths.store={tmp_path / 'store'}", *overrides]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        cfg = compose("run", words)
    return plan_training(Context(cfg, {"model": "tiny", "loss": "ws2"})).stage


@pytest.mark.parametrize(("precision", "told"), [("bf16-true", "float32"), ("32-true", None)])
def test_the_key_says_that_an_adapter_is_wider_than_the_weights_beside_it(precision, told, tmp_path):
    config = stage(tmp_path, "model/lora=standard", f"trainer.precision={precision}").config
    assert config["model"].get("adapter") == told
    assert "adapter" not in stage(tmp_path, f"trainer.precision={precision}").config["model"]


@pytest.mark.parametrize(
    "override",
    [
        "evaluation.depth=500",
        "evaluation.chunk=1024",
        "evaluation.batch_tokens=1000",
        "trainer.workers=2",
        "trainer.log_steps=3",
        "trainer.checkpoint_steps=1",
        "name=other",
        "study=other",
        "logger=wandb",
        "model.gradient_checkpointing=true",
        "checkpoint=best",
    ],
)
def test_what_cannot_change_the_training_is_not_in_its_key(override, tmp_path):
    assert key(tmp_path, override) == key(tmp_path)


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "loss.temperature=0.3",
        "loss=kl",
        "trainer.max_epochs=5",
        "trainer.learning_rate=1e-4",
        "trainer.passage_chunk=4",
        "data.lists.size=3",
        "data.dev_share=0.2",
        "max_queries=20",
        "model.dropout=0.3",
        "model.temperature=0.5",
        "model.seed=1",
        "model.passage_length=64",
    ],
)
def test_what_can_change_the_training_is_in_its_key(override, tmp_path):
    assert key(tmp_path, override) != key(tmp_path)


def test_epochs_do_not_count_when_steps_are_set(tmp_path):
    assert key(tmp_path, "trainer.max_steps=3", "trainer.max_epochs=5") == key(tmp_path, "trainer.max_steps=3")


def test_what_a_model_s_folder_says_beside_its_weights_is_in_the_key(tmp_path):
    """The configuration holds only nulls for ``model=path``."""
    keys = set()
    for temperature in (1.0, 0.5):
        folder = tmp_path / f"model-{temperature}"
        BiEncoder("random:tiny", temperature=temperature).save(folder)
        keys.add(key(tmp_path, "model=path", f"model.path={folder}"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_dropout_prob": 0.4}))
    keys.add(key(tmp_path, "model=path", f"model.path={folder}"))
    assert len(keys) == 3


def test_dev_split_that_shares_queries_with_the_training_is_refused(tmp_path):
    with pytest.raises(WrankError, match="share"):
        key(tmp_path, "data.dev_split=train")


@pytest.mark.parametrize(("override", "last"), [("trainer.max_epochs=3", 2), ("trainer.max_steps=8", 2)])
def test_a_stage_that_no_epoch_reaches_is_told(override, last, tmp_path, caplog):
    """58 queries, 16 a step: 8 steps end within the third epoch; three epochs are 11 steps, and 2 lists of a fourth."""
    stages = "[{epoch:0},{epoch:2},{epoch:3},{epoch:9}]"
    parts = "parts:{real:{_target_:wrank.data.mix.Part}}"
    schedule = f"schedule:{{_target_:wrank.data.schedule.Schedule,stages:{stages}}}"
    key(tmp_path, f"+data.mix={{_target_:wrank.data.mix.Mix,{parts},{schedule}}}", override)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        f"data.mix.schedule.stages.{number} begins at epoch {epoch}, but the training ends with epoch {last} (counted "
        f"from 0)"
        for number, epoch in ((2, 3), (3, 9))
    ]


def checked(tmp_path, *overrides):
    register()
    GlobalHydra.instance().clear()
    words = ["data=sample", "model=tiny", "trainer=cpu", f"paths.store={tmp_path / 'store'}", *overrides]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        cfg = compose("run", words)
    context = Context(cfg, {"model": "tiny"})
    checked_settings(context)
    return context


CROSS = ("model=cross_encoder", "model.source=random:tiny", "trainer.in_batch=none")
MOVING = "trainer.temperatures={model.temperature:{end:0.1}}"
FSDP2 = ("trainer.strategy=fsdp2", "trainer.devices=2")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((*CROSS, "loss=lce", MOVING), r"model\.temperature: no such temperature; .*\['loss\.temperature'\]"),
        ((*FSDP2, *CROSS, "loss=lce"), "fsdp2 trains bi-encoders, not CrossEncoder"),
        ((*FSDP2, "model.lora={rank:2}"), r"fsdp2 trains all weights, and some are frozen \(model\.lora\)"),
        (("+model.quantize=nf4",), r"model\.quantize=nf4 without model\.lora"),
    ],
)
def test_what_cannot_be_trained_is_refused_by_the_configuration_alone(overrides, message, tmp_path, monkeypatch):
    def loaded(*words, **named):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("wrank.model.bi_encoder.BiEncoder.__init__", loaded)
    monkeypatch.setattr("wrank.model.cross_encoder.CrossEncoder.__init__", loaded)
    with pytest.raises(WrankError, match=message):
        checked(tmp_path, *overrides)


def test_a_course_of_a_temperature_that_the_model_s_folder_says_is_learnt_is_refused(tmp_path):
    for learnt in (False, True):
        BiEncoder("random:tiny", learn_temperature=learnt).save(tmp_path / str(learnt))
    assert checked(tmp_path, "model=path", f"model.path={tmp_path / 'False'}", MOVING)
    with pytest.raises(WrankError, match="it is learnt"):
        checked(tmp_path, "model=path", f"model.path={tmp_path / 'True'}", MOVING)
    assert checked(tmp_path, "model=path", f"model.path={tmp_path / 'True'}")._base is None
