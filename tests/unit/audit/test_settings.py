from dataclasses import fields
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from wrank.audit.settings import AuditSettings
from wrank.errors import WrankError

CONF = Path(__file__).resolve().parents[3] / "conf" / "audit"


def test_standard_only_reports_and_strict_fails_by_all_an_encoder_can_judge():
    standard, strict = (instantiate(OmegaConf.load(CONF / f"{name}.yaml")) for name in ("standard", "strict"))
    assert standard == AuditSettings()
    thresholds = [field.name for field in fields(AuditSettings) if field.name.startswith(("min_", "max_"))]
    assert all(getattr(standard, name) is None for name in thresholds)
    # kappa needs judge=llm: a threshold without its figure fails, so strict leaves it to those who choose that judge
    assert [name for name in thresholds if getattr(strict, name) is None] == ["min_kappa"]


@pytest.mark.parametrize("name", ["standard", "strict"])
def test_every_key_is_written_down_with_a_comment(name):
    lines = (CONF / f"{name}.yaml").read_text(encoding="utf-8").strip().split("\n")[2:]
    assert [line.split(":")[0] for line in lines] == [field.name for field in fields(AuditSettings)]
    assert all(" # " in line for line in lines)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample": 0}, "sample is 0"),
        ({"bootstrap": 10}, "at least 100"),
        ({"min_queries": 2.5}, "whole number"),
        ({"max_length_auc": 0.4}, "from 0.5 to 1"),
        ({"max_duplicate_share": 5}, "from 0 to 1"),
        ({"max_contamination": "none"}, "must be a number"),
        ({"near_duplicate": 0.1}, "least that can be found is 0.3"),
        ({"near_duplicate": None}, "near_duplicate is None"),
        ({"confidence": 1.0}, "below 1"),
        ({"min_kappa": -2}, "from -1 to 1"),
    ],
)
def test_settings_that_cannot_be_are_refused_when_made(settings, message):
    with pytest.raises(WrankError, match=message):
        AuditSettings(**settings)
