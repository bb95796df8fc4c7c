"""Batches for the losses' tests. B queries, K passages a list, N = B*K in-batch."""

import json
from pathlib import Path

import pytest
import torch

REFERENCE = Path(__file__).parents[3].parent / "shared" / "reference" / "published_losses.json"


@pytest.fixture
def in_batch():
    """Turn the grades [B, K] of each own list into (grades_BN, dict of own_BN and valid_BN) of an in-batch layout."""

    def make(grades_BK):
        grades_BK = torch.as_tensor(grades_BK, dtype=torch.float64)
        own_BN = torch.eye(len(grades_BK), dtype=torch.bool).repeat_interleave(grades_BK.shape[1], 1)
        grades_BN = torch.zeros(own_BN.shape, dtype=torch.float64)
        grades_BN[own_BN] = grades_BK.flatten()
        return grades_BN, {"own_BN": own_BN, "valid_BN": torch.ones_like(own_BN)}

    return make


@pytest.fixture
def own_list():
    """Turn the grades [B, K] into the same for the layout without other queries' passages (N = K)."""

    def make(grades_BK):
        grades_BK = torch.as_tensor(grades_BK, dtype=torch.float64)
        everything = torch.ones(grades_BK.shape, dtype=torch.bool)
        return grades_BK, {"own_BN": everything, "valid_BN": everything}

    return make


@pytest.fixture
def assert_published(in_batch):
    """Compare a loss, called as compute(case, scores_BN, grades_BN, **layout), with published values and gradients."""

    def check(name, compute, tolerance=1e-9):
        if not REFERENCE.exists():
            pytest.skip("the published values (../shared/reference/published_losses.json) are not there")
        cases = json.loads(REFERENCE.read_text(encoding="utf-8"))["cases"]
        for case in cases:
            scores_BN = torch.tensor(case["scores"], dtype=torch.float64, requires_grad=True)
            grades_BN, layout = in_batch(case["grades"])
            loss = compute(case, scores_BN, grades_BN, **layout)
            loss.backward()
            gradient_BN = torch.tensor(case[name]["grad"], dtype=torch.float64)
            assert loss.item() == pytest.approx(case[name]["loss"], rel=tolerance)
            assert (scores_BN.grad - gradient_BN).abs().max() <= tolerance * gradient_BN.abs().max()
        assert cases

    return check
