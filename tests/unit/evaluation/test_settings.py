import pytest

from wrank.errors import WrankError
from wrank.evaluation.settings import EvaluationSettings


def test_measures_are_written_as_ir_measures_writes_them():
    assert EvaluationSettings(measures=["MAP", "RR( rel = 2 )@10"]).measures == ("AP", "RR(rel=2)@10")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth": 0}, "depth is 0"),
        ({"chunk": 0}, "chunk is 0"),
        ({"batch_tokens": 0}, "batch_tokens is 0"),
        ({"precision": "float16"}, "float32, bfloat16"),
        ({"measures": ["what@10"]}, "cannot be read"),
        ({"depth": 50, "measures": ["R@100"]}, "depth is 50, but R@100 looks at 100"),
    ],
)
def test_settings_that_cannot_be_are_refused_when_made(settings, message):
    with pytest.raises(WrankError, match=message):
        EvaluationSettings(**settings)
