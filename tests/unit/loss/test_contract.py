"""What every loss of conf/loss promises (see wrank.loss.base.Loss), in each layout that it supports.

Layouts: "none" has N = K, each row its own list; "local" has N = B*K, every list side by side. B = 5, K = 4.
"""

import inspect
from dataclasses import replace

import pytest
import torch

from tests.fixtures.loss_batch import FOLDER, OPTIONS, B, Batch, K, build, make, padded_columns, padded_rows, unit
from wrank.loss.extra import NEEDS

CASES = [
    (option, layout) for option in OPTIONS for layout in ("none", "local") if layout in build(option).in_batch_supported
]
# weights that are held fixed while the scores move: the gradient is not the value's derivative, and is not meant to be
FIXED_WEIGHTS = {"relevance_weighted_infonce"}
TEACHES_NO_ORDER = {"coherence"}
each_case = pytest.mark.parametrize(("option", "layout"), CASES)


def assert_same(loss, batch, other):
    """Check that two batches give one loss; return both gradients."""
    (output, gradient), (other_output, other_gradient) = batch.run(loss), other.run(loss)
    torch.testing.assert_close(other_output.loss, output.loss, rtol=1e-9, atol=1e-12)
    for name, part in output.parts.items():
        torch.testing.assert_close(
            other_output.parts[name], part, rtol=1e-9, atol=1e-12, msg=f"parts[{name!r}] differs"
        )
    return gradient, other_gradient


def assert_close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-7, atol=1e-9)


TROUBLE = {
    "equal scores": lambda batch: replace(batch, scores=torch.full_like(batch.scores, 0.3)),
    "equal grades": lambda batch: replace(batch, grades=torch.where(batch.own, 2.0, 0.0)),
    "all grades 0": lambda batch: replace(batch, grades=torch.zeros_like(batch.grades)),
    "one query": lambda batch: batch.rows(slice(0, 1)),
    "one row masked": lambda batch: replace(batch, valid=batch.valid & (torch.arange(B) != 2)[:, None]),
    "all rows masked": lambda batch: replace(batch, valid=torch.zeros_like(batch.valid)),
    "one passage each": lambda batch: replace(batch, valid=batch.own & (batch.own.cumsum(1) == 1)),
    "own list masked": lambda batch: replace(batch, valid=batch.valid & ~batch.own),
    "scores of 1e4": lambda batch: replace(batch, scores=1e4 * batch.scores.sign()),
    "scores of -1e4": lambda batch: replace(batch, scores=torch.full_like(batch.scores, -1e4)),
    "masked scores of infinity": lambda batch: replace(
        batch, valid=batch.valid & ~batch.own, scores=batch.scores.masked_fill(batch.own, torch.inf)
    ),
    "zero weights": lambda batch: replace(batch, weight=torch.zeros(B)),
    "one weight": lambda batch: replace(batch, weight=torch.eye(B)[1]),
}


@each_case
@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_value_and_gradient_stay_finite(option, layout, trouble, dtype):
    loss = build(option)
    output, gradient = TROUBLE[trouble](make(loss, layout, dtype=dtype)).run(loss)
    assert output.loss.shape == ()
    assert output.loss.isfinite()
    assert gradient.isfinite().all()
    assert all(part.isfinite() and part.shape == () and not part.requires_grad for part in output.parts.values())


@each_case
@pytest.mark.parametrize("trouble", ["all rows masked", "own list masked", "zero weights"])
def test_batch_with_nothing_to_learn_from_is_zero(option, layout, trouble):
    loss = build(option)
    output, gradient = TROUBLE[trouble](make(loss, layout)).run(loss)
    assert output.loss.item() == pytest.approx(0, abs=1e-12)
    assert gradient.abs().max() == 0
    assert output.parts["queries_used"].item() == (B if trouble == "zero weights" else 0)


@each_case
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("content", [0.7, 1e4, torch.nan])
def test_padded_passages_change_nothing(option, layout, own, content):
    loss = build(option)
    batch = make(loss, layout)
    extra = torch.full((B, 2), content, dtype=torch.float64)
    flags = torch.ones(B, 2, dtype=torch.bool)
    padded = Batch(
        torch.cat([batch.scores, extra], 1),
        torch.cat([batch.grades, extra], 1),
        torch.cat([batch.own, flags & own], 1),
        torch.cat([batch.valid, ~flags], 1),
        extra=padded_columns(batch, content),
    )
    gradient, padded_gradient = assert_same(loss, batch, padded)
    assert_close(padded_gradient[:, :-2], gradient)
    assert padded_gradient[:, -2:].abs().max() == 0


@each_case
@pytest.mark.parametrize("content", [0.7, 1e4, torch.nan])
def test_padded_queries_change_nothing(option, layout, content):
    loss = build(option)
    batch = make(loss, layout)
    row = torch.full((1, batch.scores.shape[1]), content, dtype=torch.float64)
    flags = torch.ones_like(row, dtype=torch.bool)
    padded = Batch(
        torch.cat([batch.scores, row]),
        torch.cat([batch.grades, row]),
        torch.cat([batch.own, flags]),
        torch.cat([batch.valid, ~flags]),
        extra=padded_rows(batch, content),
    )
    gradient, padded_gradient = assert_same(loss, batch, padded)
    assert_close(padded_gradient[:-1], gradient)
    assert padded_gradient[-1].abs().max() == 0


@each_case
def test_query_with_nothing_to_learn_from_is_left_out_of_the_mean(option, layout):
    loss = build(option)
    batch = make(loss, layout)
    blind = replace(batch, valid=batch.valid & ~(batch.own & (torch.arange(B) == 3)[:, None]))
    output, gradient = blind.run(loss)
    rest = torch.tensor([0, 1, 2, 4])
    expected, expected_gradient = batch.rows(rest).run(loss)
    torch.testing.assert_close(output.loss, expected.loss, rtol=1e-9, atol=1e-12)
    assert_close(gradient[rest], expected_gradient)
    assert gradient[3].abs().max() == 0
    assert output.parts["queries_used"].item() == B - 1


@each_case
def test_order_of_passages_changes_nothing(option, layout):
    loss = build(option)
    batch = make(loss, layout)
    generator = torch.Generator().manual_seed(1)
    if layout == "none":
        order = torch.rand(B, K, generator=generator).argsort(1)
    else:
        order = torch.randperm(B * K, generator=generator)
    permuted = batch.columns(order)
    gradient, permuted_gradient = assert_same(loss, batch, permuted)
    assert_close(permuted_gradient, gradient.gather(1, order) if layout == "none" else gradient[:, order])


@each_case
def test_order_of_queries_changes_nothing(option, layout):
    loss = build(option)
    batch = replace(make(loss, layout), weight=torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0], dtype=torch.float64))
    order = torch.tensor([3, 0, 4, 2, 1])
    gradient, permuted_gradient = assert_same(loss, batch, batch.rows(order))
    assert_close(permuted_gradient, gradient[order])


@each_case
@pytest.mark.parametrize("seed", [1, 2])
def test_gradient_is_the_derivative_of_the_value(option, layout, seed):
    if option in FIXED_WEIGHTS:
        pytest.skip("its weights are constants to the gradient; its own test holds them fixed")
    loss = build(option)
    batch = make(loss, layout, queries=3, seed=seed)
    batch = replace(batch, weight=torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64))
    batch.valid[0, -1] = False

    def value(units):
        return loss(
            unit(loss) * units,
            batch.grades,
            own_BN=batch.own,
            valid_BN=batch.valid,
            weight_B=batch.weight,
            extra=batch.extra,
        ).loss

    assert torch.autograd.gradcheck(value, (batch.scores / unit(loss)).requires_grad_(), atol=1e-6)


@each_case
def test_batch_is_the_weighted_mean_of_its_queries(option, layout):
    loss = build(option)
    weight = torch.tensor([1.0, 2.0, 0.5, 0.0, 3.0], dtype=torch.float64)
    batch = replace(make(loss, layout), weight=weight)
    each = torch.stack([replace(batch.rows(slice(row, row + 1)), weight=None).run(loss)[0].loss for row in range(B)])
    expected = (weight * each).sum() / weight.sum()
    actual = batch.run(loss)[0].loss
    if loss.per_query:
        torch.testing.assert_close(actual, expected)
    else:
        assert abs(actual - expected) > 1e-3 * abs(expected)


def perfect(loss, batch):
    """Scores whose softmax is the target: the grades, and, where the target leaves in-batch passages out, far below."""
    other = 0.0 if loss.in_batch_target == "graded_zero" else -1e3
    units = torch.where(batch.own, batch.grades / loss.label_temperature, other)
    return replace(batch, scores=loss.temperature * units)


@pytest.mark.parametrize(("option", "layout"), [case for case in CASES if hasattr(build(case[0]), "in_batch_target")])
def test_perfect_prediction_is_a_minimum(option, layout):
    loss = build(option)
    batch = perfect(loss, make(loss, layout))
    output, gradient = batch.run(loss)
    assert loss.temperature * gradient.abs().max() < 1e-6
    for seed in range(10):
        noise = torch.randn(batch.scores.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        other, _ = replace(batch, scores=batch.scores + loss.temperature * noise).run(loss)
        assert other.loss > output.loss


@each_case
def test_one_gradient_step_on_random_scores_improves_the_order(option, layout):
    if option in TEACHES_NO_ORDER:
        pytest.skip("a regulariser")
    loss = build(option)
    gains = []
    for seed in range(8):
        batch = make(loss, layout, seed=seed)
        output, gradient = batch.run(loss)
        step = unit(loss) / gradient.abs().max()  # the score that moves most moves by one temperature
        stepped = replace(batch, scores=batch.scores - step * gradient)
        assert stepped.run(loss)[0].loss < output.loss
        gains.append(agreement(stepped) - agreement(batch))
    assert min(gains) >= 0
    assert sum(gains) / len(gains) > 0.02  # of all pairs


def agreement(batch):
    """Share of the pairs of own passages whose scores are in the order of their grades."""
    scores, grades = (x[batch.own].view(-1, K) for x in (batch.scores, batch.grades))
    better = grades[:, :, None] > grades[:, None, :]
    return (scores[:, :, None] > scores[:, None, :])[better].double().mean().item()


@each_case
def test_float32_and_autocast_agree_with_float64(option, layout):
    loss = build(option)
    batch = make(loss, layout, dtype=torch.bfloat16)
    exact = replace(batch, scores=batch.scores.double(), grades=batch.grades.double())  # extra is lifted inside
    expected, expected_gradient = exact.run(loss)
    single = replace(batch, scores=batch.scores.float(), grades=batch.grades.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = [single.run(loss), batch.run(loss)]
    assert expected.loss.dtype == torch.float64
    for output, gradient in outputs:
        assert output.loss.dtype == torch.float32
        assert all(part.dtype == torch.float32 for part in output.parts.values())
        torch.testing.assert_close(output.loss.double(), expected.loss, rtol=1e-4, atol=1e-6)
        tolerance = 1e-4 if gradient.dtype == torch.float32 else 1e-2
        difference = (gradient.double() - expected_gradient).abs().max()
        assert difference < tolerance * expected_gradient.abs().max()


@pytest.mark.parametrize("option", OPTIONS)
def test_what_a_loss_needs_is_known_and_missed(option):
    loss = build(option)
    assert loss.needs <= set(NEEDS) | {"binary"}
    layout = min(loss.in_batch_supported - {"global"})
    for word in loss.needs & {word for word, field in NEEDS.items() if field}:
        batch = make(loss, layout)
        with pytest.raises(ValueError, match=f"needs {word}"):
            replace(batch, extra=replace(batch.extra, **{NEEDS[word]: None})).run(loss)


@pytest.mark.parametrize("option", OPTIONS)
def test_source_and_formula_fill_one_line(option):
    for text in (build(option).source, build(option).formula):
        assert text == text.strip()
        assert "\n" not in text


@pytest.mark.parametrize("option", OPTIONS)
def test_a_refused_layout_has_a_reason(option):
    loss = build(option)
    assert loss.in_batch_supported <= {"none", "local", "global"}
    assert set(loss.in_batch_refusals) == {"none", "local", "global"} - loss.in_batch_supported


@pytest.mark.parametrize("option", OPTIONS)
def test_option_states_and_explains_every_setting(option):
    text = (FOLDER / f"{option}.yaml").read_text(encoding="utf-8")
    head, *lines = text.rstrip("\n").split("\n")
    assert head.startswith("# ")
    assert head.endswith(".")
    explained = {line.partition(":")[0] for line in lines if "  # " in line and line[0] != " "}
    assert explained == set(inspect.signature(type(build(option))).parameters)
    inner = [line for line in lines if line[0] == " " and ": " in line and "_target_" not in line]
    assert all("  # " in line for line in inner), "the keys of a part are explained too"
