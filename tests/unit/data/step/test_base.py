"""Every step can be named by what it does: the key of a mix changes with each of its settings."""

import numpy as np
import pytest

from wrank.data.step.cluster import Cluster
from wrank.data.step.false_negative import FalseNegatives
from wrank.data.step.length import Length
from wrank.data.step.max_score import MaxScore
from wrank.data.step.min_score import MinScore
from wrank.data.step.percentile import Percentile
from wrank.data.step.probability import Probability
from wrank.data.step.provenance import Provenance
from wrank.data.step.relabel import Relabel
from wrank.data.step.subset import QuerySubset
from wrank.data.step.take import Take
from wrank.data.step.weight import Weight
from wrank.files import sha256_of_json

STEPS = [
    (MinScore(1), MinScore(2)),
    (MaxScore(1), MaxScore(1.5)),
    (Relabel(to=1), Relabel(to=0)),
    (Relabel(map={"0": 0, "1": 1}), Relabel(map={"0": 1, "1": 1})),
    (Relabel(map={0: 1}, other="keep"), Relabel(map={0: 1}, other="drop")),
    (Take(1, "top"), Take(1, "bottom")),
    (Take(1, "random", seed=1), Take(1, "random")),
    (QuerySubset(count=3), QuerySubset(count=3, exclude=True)),
    (Length("passage", "words", min=3), Length("query", "words", min=3)),
    (Provenance({"label": "a"}), Provenance({"label": ["a", "b"]})),
    (Provenance({"grade": {"min": 1}}), Provenance({"grade": {"min": 1, "max": 2}})),
    (Weight(2), Weight(3)),
    (Probability({0: 0.0, 1: 0.5}), Probability({0: 0.0, 1: 0.6})),
    (Cluster(), Cluster(groups=2)),
    (Percentile("query"), Percentile("all")),
    (FalseNegatives("absolute", 1), FalseNegatives("absolute", 1, of="best")),
]


@pytest.mark.parametrize(("step", "other"), STEPS, ids=lambda step: type(step).__name__)
def test_a_step_is_named_by_its_settings(step, other):
    names = [sha256_of_json([type(one).__name__, one.identity()]) for one in (step, step, other)]
    assert names[0] == names[1] != names[2]


def test_a_file_of_a_step_counts_by_its_content(tmp_path):
    path = tmp_path / "ids.txt"
    names = []
    for text in ("q1\n", "q2\n", "q1\n"):
        path.write_text(text)
        names.append(sha256_of_json(QuerySubset(ids=str(path)).identity()))
    assert names[0] == names[2] != names[1]


def test_arrays_of_a_step_count_too():
    step = Weight(1)
    before = step.identity()
    step.more = np.array([1, 2])
    assert step.identity() != before
    assert sha256_of_json(step.identity())
