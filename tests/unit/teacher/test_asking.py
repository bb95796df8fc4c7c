import math

import pytest

from tests.unit.teacher.conftest import logs
from wrank.errors import WrankError
from wrank.generator.request import Reply
from wrank.teacher.asking import Asker, read_answer


def reply(top, **more):
    return Reply("1", "x", "length", 1, 1, 0.0, logprobs=[top], **more)


def test_white_space_is_no_part_of_a_token_and_a_missing_one_counts_nothing():
    answer = read_answer(reply({" 1": math.log(0.3), "1": math.log(0.1), "The": math.log(0.4)}), "12", 0.2)
    assert answer.shares == pytest.approx((1.0, 0.0))
    assert answer.mass == pytest.approx(0.4)


def test_too_little_probability_is_told_with_what_the_model_would_say():
    answer = read_answer(reply(logs(The=0.8, A=0.1) | {"1": math.log(0.05)}), "12", 0.2)
    assert answer.shares == ()
    assert answer.mass == pytest.approx(0.05)
    assert answer.reason.startswith("low_mass: 0.050 on 1 2; most probable: 'The' 0.80")


def test_nothing_at_all_is_refused_even_without_a_threshold():
    assert read_answer(reply(logs(The=0.8)), "12", 0.0).reason.startswith("low_mass")


def test_a_failed_request_and_an_engine_without_log_probabilities():
    failed = Reply("1", "", "error", 1, 0, 0.0, "too long")
    assert read_answer(failed, "12", 0.2).reason == "engine_error: too long"
    with pytest.raises(WrankError, match="no log-probabilities"):
        read_answer(Reply("1", "1", "stop", 1, 1, 0.0), "12", 0.2)


def test_answers_come_in_order_each_asked_once(scripted, monkeypatch):
    monkeypatch.setattr("wrank.teacher.asking._ASKED_AT_ONCE", 4)
    engine = scripted(lambda text: {"1": math.log(float(text)), "2": math.log(1 - float(text))})
    asker, done = Asker(engine, ("1", "2"), 0.2, 5), []
    with engine:
        answers = list(asker.ask((({"role": "user", "content": f"0.{n}"},) for n in range(1, 10)), done.append))
    assert [answer.shares[0] for answer in answers] == pytest.approx([n / 10 for n in range(1, 10)])
    assert len(done) == len(engine.asked) == 9
    assert {(request.logprobs, request.sampling.max_tokens, len(request.schema)) for request in engine.asked} == {
        (5, 1, 0)
    }


def test_an_engine_that_stops_early_is_told(scripted):
    engine = scripted(lambda text: {"1": -0.1})
    engine.generate = lambda requests: iter(())
    with pytest.raises(WrankError, match="1 requests unanswered"):
        list(Asker(engine, ("1", "2"), 0.2, 5).ask([({"role": "user", "content": "x"},)]))


@pytest.mark.parametrize(("min_mass", "logprobs"), [(1.0, 20), (-0.1, 20), (0.2, 1), (0.2, 21), ("x", 20)])
def test_wrong_values_are_refused(scripted, min_mass, logprobs):
    with pytest.raises(WrankError, match="teacher"):
        Asker(scripted(None), ("1", "2"), min_mass, logprobs)
