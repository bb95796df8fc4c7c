import math

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.teacher.base import Mark
from wrank.teacher.chunks import mark_all


def some(asked):
    def make(start, stop, tell):
        for number in range(start, stop):
            asked.append(number)
            if number == 23:
                raise KeyboardInterrupt
            tell(1)
            yield (
                Mark(number / 7, number % 2 == 0, 0.5, math.nan)
                if number % 5
                else Mark(math.nan, reason=f"low: {number}")
            )

    return make


def test_a_broken_run_goes_on_behind_its_last_whole_chunk_whatever_the_size_now(tmp_path):
    asked, done = [], []
    with pytest.raises(KeyboardInterrupt):
        mark_all(tmp_path / "c", 40, 10, some(asked), done.append)
    assert asked == list(range(24))
    asked.clear()
    done.clear()
    marks = mark_all(
        tmp_path / "c",
        40,
        17,
        lambda a, b, tell: (Mark(n / 7) for n in range(a, b) if not asked.append(n)),
        done.append,
    )
    assert asked == list(range(20, 40))
    assert marks.found == 20
    assert sum(done) == 20  # those found; the others tell by themselves
    wanted = np.array([n / 7 for n in range(40)])
    wanted[0:20:5] = np.nan
    assert np.array_equal(marks.value, wanted, equal_nan=True)
    assert marks.truncated[:20].tolist() == [n % 2 == 0 and n % 5 > 0 for n in range(20)]
    assert marks.reasons == {"low": 4}
    assert marks.examples == ["low: 0", "low: 5", "low: 10"]


def test_a_first_chunk_without_any_value_ends_the_run_and_is_not_kept(tmp_path):
    hopeless = lambda start, stop, tell: [Mark(math.nan, reason="low_mass: 0.1 on 1 2")] * (stop - start)  # noqa: E731
    with pytest.raises(WrankError, match=r"low_mass \(5\)(?s:.*)examples"):
        mark_all(tmp_path / "c", 9, 5, hopeless, lambda done: None)
    assert not list((tmp_path / "c").glob("*.parquet"))


def test_a_damaged_chunk_is_told(tmp_path):
    fine = lambda start, stop, tell: [Mark(1.0)] * (stop - start)  # noqa: E731
    mark_all(tmp_path / "c", 4, 2, fine, lambda done: None)
    (tmp_path / "c" / "0000001.parquet").write_bytes(b"PAR1")
    with pytest.raises(WrankError, match="0000001"):
        mark_all(tmp_path / "c", 4, 2, fine, lambda done: None)


def test_nothing_to_do(tmp_path):
    assert len(mark_all(tmp_path / "c", 0, 2, some([]), lambda done: None).value) == 0
