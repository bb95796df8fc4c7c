"""What was refused, and why: ``rejects.jsonl``. Nothing is dropped in silence."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wrank.files import atomic_writer
from wrank.generator.shard import ReplyLog
from wrank.generator.state import GIVEN_UP, State
from wrank.generator.work import Items

INCOMPLETE, NOT_ASKED = "incomplete_item", "not_asked"


def write_rejects(path: Path, items: Items, log: ReplyLog, state: State) -> dict[str, int]:
    """Writes a line a refused reply, and a line a text or slot that is missing though nothing was wrong with it.

    Keys of a line: ``query_id`` (the item's id), ``slot``, ``attempt``, ``reason``, ``detail``, ``reply`` (its first
    2000 characters, or the accepted text), ``given_up`` (whether the slot has no text in the end), ``request`` (the
    content key). Two reasons are not about a reply: ``incomplete_item`` (an accepted text whose item lacks another
    slot) and ``not_asked`` (a slot behind one that was given up).

    Args:
        path: the file.
        items: what was written for.
        log: the whole log.
        state: where the work stands at its end.

    Returns:
        Counts: rejected (replies), incomplete_texts, not_asked (slots).

    Raises:
        WrankError: a full disk.
    """
    counts: Counter[str] = Counter()
    with atomic_writer(path) as file:
        for row in _rows(items, log, state):
            counts[row["reason"] if row["reason"] in (INCOMPLETE, NOT_ASKED) else "rejected"] += 1
            file.write(json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n")
    return {"rejected": counts["rejected"], "incomplete_texts": counts[INCOMPLETE], "not_asked": counts[NOT_ASKED]}


def _rows(items: Items, log: ReplyLog, state: State) -> Iterator[dict[str, Any]]:
    for _, line in log.replay():
        index, slot = divmod(line["position"], state.slots)
        row = {"query_id": items[index].id, "slot": slot, "attempt": line["attempt"]}
        if "written" not in line:
            given_up = bool(state.status[line["position"]] == GIVEN_UP)
            why = {key: line[key] for key in ("reason", "detail", "reply")}
            yield row | why | {"given_up": given_up, "request": line["key"]}
        elif not state.is_complete(index):
            for text in line["written"]:
                why = {"reason": INCOMPLETE, "detail": f"accepted as {text['id']}", "reply": text["text"]}
                yield row | why | {"given_up": False, "request": line["key"]}
    for position in np.flatnonzero(state.status == GIVEN_UP):
        index, failed = divmod(int(position), state.slots)
        for slot in range(failed + 1, state.slots):
            row = {"query_id": items[index].id, "slot": slot, "attempt": 0, "reason": NOT_ASKED}
            yield row | {"detail": f"slot {failed} was given up", "reply": "", "given_up": True, "request": ""}
