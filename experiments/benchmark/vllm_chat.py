"""The bare contestant of bench_generate: ``vllm.LLM.chat`` on whole batches, told by standard input.

Run by a Python that has vLLM, by path; imports nothing of wrank. The first line holds the arguments of ``vllm.LLM``;
each further line a batch ``{"messages": [...], "schema", "sampling"}``, answered by ``{"tokens", "seconds"}``.
"""

import json
import os
import sys
import time
from typing import Any


def main() -> None:
    """Loads the model, then answers batch after batch until the input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # vLLM prints on standard output
    from vllm import LLM, SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    llm = LLM(**json.loads(sys.stdin.readline()))
    _say(replies, {"ready": True})
    for line in sys.stdin:
        batch = json.loads(line)
        structured = StructuredOutputsParams(json=batch["schema"])
        parameters = SamplingParams(**batch["sampling"], structured_outputs=structured)
        started = time.perf_counter()
        outputs = llm.chat(batch["messages"], parameters, use_tqdm=False)
        seconds = time.perf_counter() - started
        _say(replies, {"tokens": sum(len(output.outputs[0].token_ids) for output in outputs), "seconds": seconds})


def _say(replies: Any, message: dict[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


if __name__ == "__main__":
    main()
