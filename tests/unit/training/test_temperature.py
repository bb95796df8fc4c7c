import math

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from wrank.config import conf_folder
from wrank.errors import WrankError
from wrank.loss.kl import KL
from wrank.model.bi_encoder import BiEncoder
from wrank.training.callback.temperature import MovingTemperatures
from wrank.training.module import ListwiseModule
from wrank.training.settings import TrainerSettings
from wrank.training.temperature import Course, check_courses, read_courses, temperatures_of


def loss_of(name):
    return instantiate(OmegaConf.load(conf_folder() / "loss" / f"{name}.yaml"))


@pytest.mark.parametrize(("shape", "half"), [("linear", 0.55), ("cosine", 0.55), ("exponential", math.sqrt(0.1 * 1.0))])
def test_a_course_begins_at_the_start_and_ends_at_the_end(shape, half):
    course = Course(end=0.1, shape=shape)
    assert course.at(1.0, 0.0) == pytest.approx(1.0)
    assert course.at(1.0, 0.5) == pytest.approx(half)
    assert course.at(1.0, 1.0) == pytest.approx(0.1)


def test_a_course_that_ends_early_stays():
    course = Course(end=2.0, until=0.25)
    assert course.at(1.0, 0.125) == pytest.approx(1.5)
    assert course.at(1.0, 0.25) == course.at(1.0, 0.9) == pytest.approx(2.0)


def test_cosine_is_slow_at_both_ends():
    course = Course(end=0.0001, shape="cosine")
    assert 1 - course.at(1.0, 0.1) < 0.05
    assert course.at(1.0, 0.9) < 0.05


def test_parts_of_a_sum_have_temperatures_of_their_own():
    names = temperatures_of(loss_of("sum"))
    assert set(names) == {"loss.infonce.temperature", "loss.kl.temperature", "loss.kl.label_temperature"}
    part, attribute = names["loss.kl.label_temperature"]
    assert isinstance(part, KL)
    assert attribute == "label_temperature"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([1], "wanted name -> "),
        ({"loss.temperature": 0.1}, "trainer.temperatures.loss.temperature is 0.1; wanted end"),
        ({"loss.temperature": {"shape": "linear"}}, "wanted end"),
        ({"loss.temperature": {"end": 1, "stop": 2}}, "wanted end"),
        ({"loss.temperature": {"end": 0}}, "end is 0; wanted a number above 0"),
        ({"loss.temperature": {"end": float("inf")}}, "end is inf"),
        ({"loss.temperature": {"end": True}}, "end is True"),
        ({"loss.temperature": {"end": 1, "until": 1.5}}, "until is 1.5; wanted a number above 0 and up to 1"),
        ({"loss.temperature": {"end": 1, "shape": "step"}}, "shape is 'step'; wanted one of linear, cosine"),
    ],
)
def test_a_wrong_course_is_told_by_its_place(given, told):
    with pytest.raises(WrankError, match=told):
        read_courses(given)


def test_a_temperature_that_is_not_there_is_told_with_those_that_are():
    courses = read_courses({"loss.tau": {"end": 0.1}})
    with pytest.raises(WrankError, match=r"loss.tau: no such temperature; .*'loss.temperature', 'model.temperature'"):
        check_courses(courses, loss_of("infonce"), learnt=False)


def test_a_learnt_temperature_has_no_course():
    courses = read_courses({"model.temperature": {"end": 0.1}})
    check_courses(courses, loss_of("infonce"), learnt=False)
    with pytest.raises(WrankError, match="it is learnt"):
        check_courses(courses, loss_of("infonce"), learnt=True)


def test_a_model_without_a_temperature_has_no_course():
    courses = read_courses({"model.temperature": {"end": 0.1}})
    with pytest.raises(WrankError, match=r"no such temperature; this loss and model have \['loss.temperature'\]"):
        check_courses(courses, loss_of("infonce"), learnt=None)


class Stand:
    """What the callback reads of Lightning's trainer."""

    global_step = 0


def test_the_callback_sets_loss_and_model_by_the_step_and_again_the_same_after_a_resume():
    courses = read_courses({"model.temperature": {"end": 3.0}, "loss.temperature": {"end": 0.5}})

    def at(step, callback, module):
        stand = Stand()
        stand.global_step = step
        callback.on_train_batch_start(stand, module, None, 0)
        return module.model.temperature, module.loss.temperature

    def fresh():
        settings = TrainerSettings(accelerator="cpu", temperatures={"loss.temperature": {"end": 0.5}})
        loss = KL(temperature=0.1, label_temperature=1.0)
        return ListwiseModule(BiEncoder("random:tiny"), loss, settings, total_steps=11, seed=0), MovingTemperatures(
            courses
        )

    module, callback = fresh()
    unbroken = [at(step, callback, module) for step in (0, 0, 5, 10)]
    assert unbroken[0] == unbroken[1] == pytest.approx((1.0, 0.1))
    assert unbroken[2] == pytest.approx((2.0, 0.3))
    assert unbroken[3] == pytest.approx((3.0, 0.5))
    module, callback = fresh()
    assert at(5, callback, module) == unbroken[2]


def test_scales_have_a_rate_of_their_own():
    settings = TrainerSettings(accelerator="cpu", learning_rate=1e-5, scale_learning_rate=1e-2)
    module = ListwiseModule(
        BiEncoder("random:tiny", learn_temperature=True), loss_of("bce_graded"), settings, total_steps=4, seed=0
    )
    groups = module.configure_optimizers()["optimizer"].param_groups
    own = {id(parameter) for parameter in groups[2]["params"]}
    assert own == {id(one) for one in (*module.loss.parameters(), module.model.log_temperature)}
    assert groups[2]["initial_lr"] == 1e-2
    assert {group["initial_lr"] for group in groups[:2]} == {1e-5}
    counted = sum(len(group["params"]) for group in groups)
    assert counted == sum(parameter.requires_grad for parameter in module.parameters())


def test_without_a_rate_of_their_own_they_go_with_the_weights():
    module = ListwiseModule(
        BiEncoder("random:tiny"), loss_of("bce_graded"), TrainerSettings(accelerator="cpu"), total_steps=4, seed=0
    )
    assert len(module.configure_optimizers()["optimizer"].param_groups) == 2


def test_what_is_not_set_is_not_in_the_identity():
    plain = TrainerSettings(accelerator="cpu").identity()
    assert "temperatures" not in plain
    assert "scale_learning_rate" not in plain
    moved = TrainerSettings(accelerator="cpu", temperatures={"loss.temperature": {"end": 0.1}}).identity()
    assert moved["temperatures"] == {"loss.temperature": {"end": 0.1}}


def test_the_advice_for_a_diverged_loss_names_a_key_that_is_there():
    settings = TrainerSettings(accelerator="cpu")
    advice = {
        name: ListwiseModule(BiEncoder("random:tiny"), loss_of(name), settings, total_steps=4, seed=0)._softer()
        for name in ("infonce", "bce_graded", "sum")
    }
    assert advice == {
        "infonce": "a higher loss.temperature",
        "bce_graded": "a smaller loss.scale",
        "sum": "a higher loss.infonce.temperature",
    }
    assert torch.is_tensor(loss_of("bce_graded").log_scale)
