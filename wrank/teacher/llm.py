"""A language model as teacher: the expected level under its own probabilities.

After "Beyond Yes and No: Improving Zero-Shot LLM Rankers via Scoring Fine-Grained Relevance Labels" (arXiv 2310.14122).
Written from the formula; nothing was taken from its code.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from wrank.errors import WrankError
from wrank.generator.engine.base import Engine
from wrank.generator.scale import Scale
from wrank.generator.template import Template
from wrank.teacher.asking import Answer, Asker, AskingTeacher, Conversation, check_whole, shown
from wrank.teacher.base import Mark, Pair, Pointwise, Progress

Expectation = Literal["expected", "top"]


class LlmTeacher(AskingTeacher, Pointwise):
    """Asks for the grade of one passage, a digit, and reads the digits' probabilities at the first generated token.

    With p(l) the probability of the token of grade l:

    - ``expected``: score = sum_l l p(l) / sum_l p(l), between the lowest and the highest grade
    - ``top``: score = p(highest grade) / sum_l p(l), between 0 and 1

    A pair whose grades' tokens hold less than `min_mass` of the probability has no score, and is not asked again: at
    temperature 0 the model would say the same.

    Args:
        engine: who is asked.
        scale: levels and what they mean; their grades are digits.
        prompt: a prompt's name, or the path of a ``.txt`` file.
        expectation: ``expected`` or ``top``.
        examples: so many of the scale's examples are shown, one earlier turn a level.
        min_mass: smallest probability (0 to 1) of all grades' tokens together.
        logprobs: most probable tokens that the engine reports, at most 20.
        max_item_chars: characters of a query or passage that are shown.

    Raises:
        WrankError: a value out of its range, a grade that is no digit, a prompt that cannot be used.
    """

    name = "llm"
    kind = "llm"

    def __init__(
        self,
        engine: Engine,
        scale: Scale,
        *,
        prompt: str = "teacher",
        expectation: Expectation = "expected",
        examples: int = 1,
        min_mass: float = 0.2,
        logprobs: int = 20,
        max_item_chars: int = 4000,
    ) -> None:
        if expectation not in ("expected", "top"):
            raise WrankError(f"teacher.expectation={expectation}: wanted expected or top")
        if wrong := [level.grade for level in scale.levels if level.grade > 9]:
            raise WrankError(f"scale.levels: the grade {wrong[0]} is no digit, and a digit is asked for; wanted 0 to 9")
        self.scale, self.expectation = scale, expectation
        self.max_item_chars = check_whole("max_item_chars", max_item_chars, 1)
        self.grades = tuple(level.grade for level in scale.levels)
        self.examples = scale.examples[: check_whole("examples", examples, 0)]
        self.asker = Asker(engine, [str(grade) for grade in self.grades], min_mass, logprobs)
        self.template = Template(
            prompt,
            {"system": ("definitions", "grades"), "user": ("query", "passage", "grades")},
            ("query", "passage"),
        )
        self._prefix = self._earlier_turns()

    def identity(self) -> dict[str, Any]:
        """Engine, levels, examples shown, prompt, and how a reply becomes a score."""
        return self.asking_identity() | {
            "scale": self.scale.identity()["levels"],
            "examples": [[one.query, list(one.passages)] for one in self.examples],
            "prompt": self.template.hash,
            "expectation": self.expectation,
        }

    def marks(self, pairs: Iterable[Pair], progress: Progress | None = None) -> Iterator[Mark]:
        """One mark a pair, in the order given."""
        self.start()
        asked, kept = itertools.tee(pairs)
        conversations = ((*self._prefix, self._question(query, passage)) for query, passage in asked)
        for (query, passage), answer in zip(kept, self.asker.ask(conversations, progress), strict=True):
            cut = max(len(query), len(passage)) > self.max_item_chars
            yield Mark(self.value(answer), cut, answer.mass, reason=answer.reason)

    def value(self, answer: Answer) -> float:
        """The score of an answer; NaN where it cannot be used."""
        if not answer.shares:
            return float("nan")
        if self.expectation == "top":
            return answer.shares[0]  # a scale's highest level comes first
        return sum(grade * share for grade, share in zip(self.grades, answer.shares, strict=True))

    def _earlier_turns(self) -> Conversation:
        definitions = "\n".join(f"{level.grade}: {level.definition}" for level in self.scale.levels)
        values = {"definitions": definitions, "grades": ", ".join(map(str, self.grades))}
        turns = [{"role": "system", "content": self.template.render("system", values)}]
        for example in self.examples:
            for grade, passage in zip(self.grades, example.passages, strict=True):
                turns += [self._question(example.query, passage), {"role": "assistant", "content": str(grade)}]
        return tuple(turns)

    def _question(self, query: str, passage: str) -> dict[str, str]:
        texts = {"query": shown(query, self.max_item_chars), "passage": shown(passage, self.max_item_chars)}
        values = {name: self.template.as_data(text) for name, text in texts.items()}
        values["grades"] = ", ".join(map(str, self.grades))
        return {"role": "user", "content": self.template.render("user", values)}
