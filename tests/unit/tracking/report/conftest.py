"""Stores for the report's tests."""

import pytest

from tests.unit.tracking.report.made import Made, a_study


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path)


@pytest.fixture
def study(tmp_path):
    return a_study(tmp_path)
