import pytest

from wrank.errors import WrankError
from wrank.evaluation.settings import EvaluationSettings


def test_measures_are_written_as_ir_measures_writes_them():
    assert EvaluationSettings(measures=["MAP", "RR( rel = 2 )@10"]).measures == ("AP", "RR(rel=2)@10")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth": 0}, "evaluation.depth is 0; wanted a whole number"),
        ({"chunk": 0}, "evaluation.chunk is 0; wanted a whole number"),
        ({"chunk": 4096.5}, "evaluation.chunk is 4096.5; wanted a whole number"),
        ({"batch_tokens": 0}, "evaluation.batch_tokens is 0; wanted a whole number"),
        ({"batch_tokens": None}, "evaluation.batch_tokens is null; wanted a whole number"),
        ({"depth": "100"}, "evaluation.depth is '100'; wanted a whole number"),
        ({"depth": True}, "evaluation.depth is true; wanted a whole number"),
        ({"processes": 0}, "evaluation.processes is 0; wanted a whole number from 1 up, or auto"),
        ({"processes": "all"}, "evaluation.processes is 'all'; wanted a whole number from 1 up, or auto"),
        ({"processes": None}, "evaluation.processes is null; wanted"),
        ({"processes": 1.5}, "evaluation.processes is 1.5; wanted"),
        ({"drop_self": "no"}, "evaluation.drop_self is 'no'; wanted true or false"),
        ({"drop_self": "off"}, "evaluation.drop_self is 'off'; wanted true or false"),
        ({"drop_self": 1}, "evaluation.drop_self is 1; wanted true or false"),
        ({"drop_self": None}, "evaluation.drop_self is null; wanted true or false"),
        ({"alpha": "small"}, "evaluation.alpha is 'small'; wanted a number"),
        ({"alpha": 0.00009}, "evaluation.alpha is 9e-05; wanted a number from 0.0001"),
        ({"alpha": 1}, "evaluation.alpha is 1; wanted a number from 0.0001 and below 1"),
        ({"alpha": float("nan")}, "evaluation.alpha is nan"),
        ({"alpha": None}, "evaluation.alpha is null"),
        ({"alpha": False}, "evaluation.alpha is false"),
        ({"precision": "float16"}, "float32, bfloat16"),
        ({"precision": ["float32"]}, "evaluation.precision is"),
        ({"storage": None}, "evaluation.storage is null; it must be one of"),
        ({"frequencies": 3}, "evaluation.frequencies is 3; wanted a file's path, or null"),
        ({"paraphrases": ""}, "evaluation.paraphrases is ''; wanted a file's path, or null"),
        ({"index": "flat"}, "evaluation.index is 'flat'; an option is chosen by evaluation/index=NAME"),
        ({"reranker": "cross_encoder"}, "evaluation.reranker is 'cross_encoder'; .* evaluation/reranker=NAME"),
        ({"feedback": True}, "evaluation.feedback is true; .* evaluation/feedback=NAME"),
        ({"suite": "beir"}, "evaluation.suite is 'beir'; an option is chosen by evaluation=NAME"),
        ({"measures": ["what@10"]}, "cannot be read"),
        ({"depth": 50, "measures": ["R@100"]}, "depth is 50, but R@100 looks at 100"),
    ],
)
def test_settings_that_cannot_be_are_refused_when_made(settings, message):
    with pytest.raises(WrankError, match=message):
        EvaluationSettings(**settings)


def test_the_least_and_the_usual_are_taken():
    EvaluationSettings(depth=100, chunk=1, batch_tokens=1, processes=1, alpha=0.0001, drop_self=True)
    EvaluationSettings(processes="auto", alpha=0.9999)
