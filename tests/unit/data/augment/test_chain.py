import pytest

from wrank.data.augment.base import TextAugmentation
from wrank.data.augment.chain import Chain
from wrank.data.augment.crop import Crop
from wrank.data.augment.token_noise import TokenNoise
from wrank.errors import WrankError

TEXT = " ".join(f"w{n}" for n in range(50))


class Append(TextAugmentation):
    def __init__(self, end):
        super().__init__(texts="both")
        self.end = end

    def _prepare(self, item):
        return lambda text, place, generator: text + self.end


def test_steps_are_applied_in_the_order_given(make_list):
    steps = {"a": Append("1"), "b": Append("2")}
    item = make_list(("x", 1))
    assert Chain(steps, ["a", "b"])(item, 0).passages == ["x12"]
    assert Chain(steps, ["b", "a"])(item, 0).passages == ["x21"]
    assert Chain(steps, ["b", "a"])(item, 0).query == "what is it21"
    assert item.passages == ["x"]


def test_two_steps_of_one_kind_and_seed_draw_independently(make_list):
    """Drawing alike, the second would delete no further word but by chance of place."""
    item = make_list((" ".join(f"w{n}" for n in range(4000)), 1))
    half = TokenNoise(delete=0.5)
    chain = Chain({"a": half, "b": half}, ["a", "b"])
    assert abs(len(chain(item, 0).passages[0].split()) - 1000) < 4 * (4000 * 0.25 * 0.75) ** 0.5
    once, other = (step(item, 0).passages[0] for step in chain.steps.values())
    assert once != other
    assert half(item, 0).passages[0] not in (once, other)


def test_a_steps_draws_do_not_depend_on_the_others(make_list):
    item = make_list((TEXT, 1))
    noise, crop = TokenNoise(delete=0.5), Crop(share=[0.2, 0.5])
    alone = Chain({"noise": noise}, ["noise"])(item, 0)
    assert Chain({"crop": crop, "noise": noise}, ["crop", "noise"])(item, 0).passages == alone.passages


def test_a_chain_in_a_chain_draws_under_both_names(make_list):
    item = make_list((TEXT, 1))
    inner = Chain({"noise": TokenNoise(delete=0.5)}, ["noise"])
    outer = Chain({"a": inner, "b": inner}, ["a", "b"])
    texts = [step(item, 0).passages[0] for step in (inner, *outer.steps.values())]
    assert len(set(texts)) == 3


STEP = Append("1")


@pytest.mark.parametrize(
    ("steps", "order", "fragment"),
    [
        ({}, [], r"data.augment.steps is \{\}; wanted one or more"),
        ([STEP], ["a"], "data.augment.steps is "),
        (None, [], "data.augment.steps is None"),
        ({"a": STEP, "b": {"delete": 0.1}}, ["a", "b"], r"data.augment.steps.b is .*_target_"),
        ({"a": None}, ["a"], "data.augment.steps.a is None"),
        ({"a": STEP, "b": STEP}, ["a"], r"data.augment.order is \['a'\]; wanted each of \['a', 'b'\] once"),
        ({"a": STEP}, ["a", "a"], "data.augment.order"),
        ({"a": STEP}, ["b"], "data.augment.order"),
        ({"a": STEP}, [1], "data.augment.order"),
        ({"a": STEP}, "a", "data.augment.order is 'a'"),
        ({"a": STEP}, None, "data.augment.order is None"),
    ],
)
def test_chains_that_cannot_work_are_refused(steps, order, fragment):
    with pytest.raises(WrankError, match=fragment):
        Chain(steps, order)
