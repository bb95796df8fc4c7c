"""The real thing: SmolLM2 through vLLM, killed on the way and gone on with."""

import json
import signal
import time

import pytest

from wrank.errors import WrankError
from wrank.generator.engine.vllm_interpreter import find_interpreter

WORDS = (
    "generate",
    "data=sample",
    "generator=graded_short",
    "generator.limit=6",
    "generator.recipe.attributes.sentences=[1]",
    "generator.engine.window=2",
    "judge=none",
)


def lines(store):
    return sum(path.read_bytes().count(b"\n") for path in store.glob("generation/.partial-*/.replies/*.jsonl"))


@pytest.mark.vllm
@pytest.mark.timeout(1200)
def test_killed_generation_by_vllm_goes_on_and_leaves_no_double(wrank):
    try:
        find_interpreter(None)
    except WrankError as error:
        pytest.skip(str(error))
    process = wrank.start(*WORDS)
    for _ in range(6000):
        if lines(wrank.store) >= 2 or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    kept = lines(wrank.store)
    assert kept >= 2
    process = wrank.start(*WORDS)
    out, err = process.communicate(timeout=1000)
    assert process.returncode == 0, out + err
    (made,) = wrank.artifacts("generation")
    outcome = json.loads((made / "outcome.json").read_text())["outcome"]
    assert outcome["resumed_from"] == kept
    assert outcome["items_complete"] >= 5
    ids = [json.loads(line)["_id"] for line in (made / "corpus.jsonl").read_text().strip().split("\n")]
    assert len(ids) == len(set(ids)) == 4 * outcome["items_complete"]
