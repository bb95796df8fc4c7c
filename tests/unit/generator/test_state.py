"""Where the work stands, found again from the log."""

import pytest

from wrank.errors import WrankError
from wrank.generator.shard import Place, ReplyLog
from wrank.generator.state import State

FACTS = {"prompt_tokens": 2, "output_tokens": 3, "seconds": 0.5}


def accepted(position, attempt=0):
    return {"position": position, "attempt": attempt, "written": [{"text": "a"}], **FACTS}


def refused(position, attempt=0, reason="cut"):
    return {"position": position, "attempt": attempt, "reason": reason, "detail": "", "reply": "", **FACTS}


def replayed(folder, records, items=3, slots=2, attempts=2):
    with ReplyLog(folder) as log:
        for record in records:
            log.append(record)
        return State.from_log(log, items, slots, attempts)


def test_what_follows_a_reply():
    state = State(items=2, slots=2, attempts=2)
    place = Place(0, 0)
    assert state.record(refused(0), place) == 0
    assert state.record(accepted(0, 1), place) == 1
    assert state.record(accepted(1), place) is None
    assert (state.items_complete, state.settled) == (1, 2)
    assert state.record(refused(2), place) == 2
    assert state.record(refused(2, 1), place) is None
    assert (state.given_up, state.not_asked, state.settled) == (1, 1, 4)
    assert [state.is_complete(item) for item in (0, 1)] == [True, False]


def test_the_log_says_what_was_counted_and_what_is_open(tmp_path):
    records = [accepted(0), refused(2), accepted(1), refused(4, reason="refusal"), accepted(2, 1), refused(4, 1)]
    state = replayed(tmp_path, records, items=4)
    assert state.begun() == [3]
    assert [state.is_fresh(item) for item in range(4)] == [False, False, False, True]
    assert (state.items_complete, state.accepted, state.given_up, state.not_asked) == (1, 3, 1, 1)
    figures = state.figures
    assert (figures.replies, figures.prompt_tokens, figures.output_tokens, figures.engine_seconds) == (6, 12, 18, 3.0)
    assert figures.rejected == {"cut": 2, "refusal": 1}
    assert [example["position"] for example in figures.examples] == [2, 4, 4]


def test_places_of_accepted_replies(tmp_path):
    state = replayed(tmp_path, [refused(0), accepted(0, 1)])
    with ReplyLog(tmp_path) as log:
        assert [log.read(place)["attempt"] for place in state.accepted_before(1)] == [1]
        assert list(state.accepted_before(2)) == []


@pytest.mark.parametrize(
    "records",
    [
        [accepted(0), accepted(0)],
        [refused(0), refused(0)],
        [refused(0, 1)],
        [accepted(6)],
        [accepted(-1)],
        [{"note": "not ours"}],
    ],
)
def test_a_line_that_does_not_fit_is_refused(tmp_path, records):
    with pytest.raises(WrankError, match="does not fit"):
        replayed(tmp_path, records)


def test_a_hundred_thousand_items_cost_a_few_megabytes():
    state = State(items=100_000, slots=4, attempts=3)
    assert sum(array.nbytes for array in (state.status, state.tries, state._shard, state._offset)) < 6_000_000
