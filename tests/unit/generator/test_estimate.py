"""What a generation will cost, against what it costs."""

import tempfile
from dataclasses import fields

import pytest

from tests.fixtures.fault_engine import FaultEngine
from tests.fixtures.fault_recipe import Items, PlainRecipe
from wrank.errors import WrankError
from wrank.generator.estimate import Span, _hours, _span, estimate
from wrank.generator.output import write_collection
from wrank.generator.pipeline import LOG, write

FAULTS = {"cut": 0.2, "wrong_json": 0.1}


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_the_ranges_hold_what_it_takes_in_the_end(tmp_path, temporary):
    recipe, items = PlainRecipe(levels=3, slots=3), Items(200)
    guess = estimate(recipe, FaultEngine(**FAULTS), items, probe_items=20)
    assert (guess.items, guess.probed, guess.gpu_memory_bytes) == (200, 20, 123)
    assert 0.5 < guess.complete <= 1
    assert guess.tokens_per_second > 0
    outcome = write(recipe, FaultEngine(**FAULTS), items, tmp_path)
    log = sum(path.stat().st_size for path in (tmp_path / LOG).iterdir())
    write_collection(tmp_path, recipe, items, outcome)
    disk = log + sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    truth = {
        "requests": outcome.replies,
        "prompt_tokens": outcome.prompt_tokens,
        "output_tokens": outcome.output_tokens,
    }
    for name, value in truth.items():
        span = getattr(guess, name)
        assert span.low <= value <= span.high, name
        assert span.mean == pytest.approx(value, rel=0.15), name
    assert 0.6 * disk < guess.disk_bytes.mean < 1.6 * disk
    assert list(temporary.iterdir()) == []


def test_the_probe_is_spread_over_the_items():
    seen = []

    class Seen(Items):
        def __getitem__(self, index):
            seen.append(index)
            return super().__getitem__(index)

    estimate(PlainRecipe(), FaultEngine(), Seen(1000), probe_items=4)
    assert set(seen) == {0, 250, 500, 750}


def test_fewer_items_than_the_probe_would_take_are_known_exactly():
    guess = estimate(PlainRecipe(), FaultEngine(**FAULTS), Items(5), probe_items=16)
    assert guess.probed == guess.items == 5
    assert guess.requests.low == guess.requests.mean == guess.requests.high


def test_spans_by_hand():
    assert _span([10.0], 100) == Span(1000.0, 500.0, 2000.0)
    assert _span([4.0, 4.0, 4.0], 30) == Span(120.0, 120.0, 120.0)
    assert _span([0.0, 0.0], 30) == Span(0.0, 0.0, 0.0)
    # mean 2, standard error 1 / sqrt(3), t = 1.96 + 2.37 / 2 + 2.82 / 4 = 3.85
    span, error = _span([1.0, 2.0, 3.0], 10), 3.85 / 3**0.5 / 2
    assert (span.mean, span.low, span.high) == pytest.approx((20.0, 20 / (1 + error), 20 * (1 + error)))


def test_hours_by_hand():
    outcome = write_facts(items=10, slots=2, seconds=36.0, engine_seconds=72.0)
    exact = Span(5.0, 5.0, 5.0)
    # 1000 requests of 20 probed: 50 x 36 s; two at once on average, the window holds eight
    hours = _hours(outcome, 8, 1000, exact)
    assert (hours.high, hours.low) == (pytest.approx(0.5), pytest.approx(0.125))
    assert hours.mean == pytest.approx(0.25)
    full = _hours(outcome, 2, 1000, exact)
    assert full.low == full.mean == full.high == pytest.approx(0.5)


def write_facts(**facts):
    from wrank.generator.outcome import Outcome

    counts = {field.name: 0 for field in fields(Outcome) if field.type in ("int", int)}
    return Outcome(**{**counts, "model": "m", "rejected": {}, "engine_seconds": 0.0, **facts})


def test_a_probe_without_a_complete_item_says_why_and_keeps_its_replies(temporary):
    with pytest.raises(WrankError, match="no item is complete") as caught:
        estimate(PlainRecipe(), FaultEngine(refusal=1.0), Items(100), probe_items=3)
    (folder,) = temporary.iterdir()
    assert str(folder / LOG) in str(caught.value)


def test_progress_and_size_of_the_probe():
    told = []
    estimate(PlainRecipe(), FaultEngine(), Items(100), probe_items=6, progress=lambda *now: told.append(now))
    assert told[-1][0] == 6
    with pytest.raises(WrankError, match="the probe has 0 items"):
        estimate(PlainRecipe(), FaultEngine(), Items(100), probe_items=0)
