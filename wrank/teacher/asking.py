"""Asks a language model for one token out of a few, and reads how probable each of them was."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from wrank.errors import WrankError
from wrank.files import short
from wrank.generator.engine.base import Engine
from wrank.generator.request import Reply, Request, Sampling
from wrank.teacher.base import Progress, Teacher

MOST_LOGPROBS = 20
"""What OpenAI's protocol and vLLM report at the most, unless a server was told otherwise."""

_ASKED_AT_ONCE = 16_384
_ONE_TOKEN = Sampling(temperature=0.0, top_p=1.0, max_tokens=1)

Conversation = tuple[Mapping[str, str], ...]


class Answer(NamedTuple):
    """How probable each of the wanted tokens was.

    Attributes:
        shares: by token, in the order asked for; they add up to 1. Empty when the reply cannot be used.
        mass: probability (0 to 1) of all wanted tokens together; NaN when the engine failed.
        reason: why the reply cannot be used, ``word: detail``, or "".
    """

    shares: tuple[float, ...]
    mass: float
    reason: str = ""


def read_answer(reply: Reply, tokens: Sequence[str], min_mass: float) -> Answer:
    """Reads the first generated place of a reply.

    White space around a token is no part of it. A token that is not among the most probable ones counts 0.

    Args:
        reply: with log-probabilities.
        tokens: the texts asked for.
        min_mass: smallest probability (0 to 1) of all tokens together with which a reply can be used.

    Raises:
        WrankError: the engine gave no log-probabilities.
    """
    if reply.finish == "error":
        return Answer((), math.nan, f"engine_error: {short(reply.error or 'no reason given')}")
    if not reply.logprobs:
        raise WrankError(
            "the engine gives no log-probabilities, so no score can be made: use generator/engine=vllm or transformers "
            "for the teacher, or a server that knows `logprobs` and `top_logprobs`"
        )
    found = dict.fromkeys(tokens, 0.0)
    for text, logprob in reply.logprobs[0].items():
        if text.strip() in found:
            found[text.strip()] += math.exp(logprob)
    mass = min(sum(found.values()), 1.0)
    if mass < min_mass or mass <= 0:
        likely = sorted(reply.logprobs[0].items(), key=lambda item: -item[1])[:4]
        shown = ", ".join(f"{text!r} {math.exp(logprob):.2f}" for text, logprob in likely)
        return Answer((), mass, f"low_mass: {mass:.3f} on {' '.join(tokens)}; most probable: {shown}")
    total = sum(found.values())
    return Answer(tuple(found[token] / total for token in tokens), mass)


class Asker:
    """Asks for one token out of a few.

    Args:
        engine: who is asked; used started.
        tokens: the texts asked for.
        min_mass: see `read_answer`.
        logprobs: most probable tokens that the engine reports.

    Raises:
        WrankError: a value out of its range.
    """

    def __init__(self, engine: Engine, tokens: Sequence[str], min_mass: float, logprobs: int) -> None:
        if isinstance(min_mass, bool) or not isinstance(min_mass, int | float) or not 0 <= min_mass < 1:
            raise WrankError(f"teacher.min_mass={min_mass}: wanted a number from 0 up and below 1")
        if isinstance(logprobs, bool) or not isinstance(logprobs, int) or not len(tokens) <= logprobs <= MOST_LOGPROBS:
            raise WrankError(
                f"teacher.logprobs={logprobs}: wanted a whole number from {len(tokens)} to {MOST_LOGPROBS}"
            )
        self.engine, self.tokens, self.min_mass, self.logprobs = engine, tuple(tokens), float(min_mass), logprobs

    def ask(self, conversations: Iterable[Conversation], progress: Progress | None = None) -> Iterator[Answer]:
        """One answer a conversation, in the order given; never asked twice.

        Raises:
            WrankError: the engine died, answered too little, or gives no log-probabilities.
        """
        source = iter(conversations)
        while block := list(itertools.islice(source, _ASKED_AT_ONCE)):
            requests = (
                Request(str(number), messages, {}, _ONE_TOKEN, self.logprobs) for number, messages in enumerate(block)
            )
            answers: dict[str, Answer] = {}
            for reply in self.engine.generate(requests):
                answers[reply.id] = read_answer(reply, self.tokens, self.min_mass)
                if progress is not None:
                    progress(1)
            if len(answers) < len(block):
                raise WrankError(
                    f"the {self.engine.name} engine stopped with {len(block) - len(answers)} requests unanswered: run "
                    "the command again to go on"
                )
            yield from (answers[str(number)] for number in range(len(block)))


class AskingTeacher(Teacher):
    """What teachers have in common that are language models: the engine, and what of the asking changes a score.

    Attributes:
        asker: who is asked, and for what.
        max_item_chars: characters of a query or passage that are shown.
        kind: before the language model's name in the title.
    """

    kind: ClassVar[str]
    asker: Asker
    max_item_chars: int

    @property
    def engine(self) -> Engine:
        """Who is asked."""
        return self.asker.engine

    def asking_identity(self) -> dict[str, Any]:
        """Engine, and how a reply becomes a number; a part of `identity`."""
        return {
            "teacher": self.name,
            "engine": self.engine.identity(),
            "min_mass": self.asker.min_mass,
            "logprobs": self.asker.logprobs,
            "max_item_chars": self.max_item_chars,
        }

    def title(self) -> str:
        """The language model's name."""
        return f"{self.kind}-{Path(self.engine.model).name.removeprefix('bundled:')}"

    def start(self) -> None:
        """Starts the engine."""
        self.engine.start()

    def close(self) -> None:
        """Frees the engine."""
        self.engine.close()

    def facts(self) -> dict[str, Any]:
        """The engine's."""
        return self.engine.facts()


def shown(text: str, most: int) -> str:
    """The text's beginning that a language model sees."""
    return text if len(text) <= most else text[:most]


def check_whole(key: str, value: int, least: int) -> int:
    """Checks a whole number among the teacher's keys.

    Raises:
        WrankError: no whole number, or one below `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise WrankError(f"teacher.{key}={value}: wanted a whole number from {least} up")
    return value
