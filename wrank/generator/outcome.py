"""What came of a generation: its figures, and the mark that its files are whole."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.files import write_atomic

OUTCOME = "outcome.json"


@dataclass(frozen=True)
class Outcome:
    """The figures of a generation, over all its runs if it was killed on the way.

    Attributes:
        model: the engine's model as the user named it.
        items: what was written for.
        items_complete: items whose slots were all accepted.
        slots: requests an item.
        attempts: replies after which a slot is given up.
        accepted: slots with an accepted reply.
        given_up: slots without one after all attempts.
        not_asked: slots behind one of their item that was given up.
        written: texts in accepted replies.
        replies: all of them.
        rejected: reason -> replies.
        prompt_tokens: read.
        output_tokens: written.
        engine_seconds: sum over the replies of their seconds; many run at once.
        resumed_from: replies that were there already when this run began.
        seconds: of this run, from the first request to the last reply.
        tokens_per_second: output tokens of this run a second; 0 when it asked nothing.
        engine: the engine's own facts.
    """

    model: str
    items: int
    items_complete: int
    slots: int
    attempts: int
    accepted: int
    given_up: int
    not_asked: int
    written: int
    replies: int
    rejected: dict[str, int]
    prompt_tokens: int
    output_tokens: int
    engine_seconds: float
    resumed_from: int = 0
    seconds: float = 0.0
    tokens_per_second: float = 0.0
    engine: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """JSON values, for the manifest."""
        return asdict(self)


def write_outcome(folder: Path, outcome: Outcome, counts: dict[str, int]) -> None:
    """Marks a collection as whole: written after all other files, before the log goes."""
    content = {"outcome": outcome.as_json(), "collection": counts}
    write_atomic(folder / OUTCOME, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_outcome(folder: Path) -> tuple[Outcome, dict[str, int]] | None:
    """What `write_outcome` wrote: (figures, counts of the collection); None when it did not.

    Raises:
        WrankError: a file that is not what it wrote.
    """
    path = folder / OUTCOME
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Outcome(**content["outcome"]), dict(content["collection"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrankError(f"{path}: not what wrank wrote ({error}): remove {folder}; its work is done again") from None
