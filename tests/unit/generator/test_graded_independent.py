"""One request a level, which knows no other level."""

from tests.fixtures.recipes import ITEM, answer, shipped, shipped_scale


def test_a_slot_is_told_its_own_level_alone():
    recipe, scale = shipped("graded_independent"), shipped_scale()
    assert recipe.slots == len(scale.levels)
    for slot, own in enumerate(scale.levels):
        text = "".join(message["content"] for message in recipe.request(ITEM, slot, 0, "model").messages)
        for level, passage in zip(scale.levels, scale.examples[0].passages, strict=True):
            assert (level.definition in text) == (level is own)
            assert (passage in text) == (level is own)
            assert f'"{level.name}"' not in text


def test_each_level_has_its_own_id_and_its_own_draw():
    recipe = shipped("graded_independent")
    written = [recipe.read(ITEM, slot, 0, answer(recipe, slot))[0] for slot in range(recipe.slots)]
    assert [one.id for one in written] == [f"graded_independent:q1:L{grade}" for grade in (3, 2, 1, 0)]
    assert len({str(one.attributes) for one in written}) > 1
