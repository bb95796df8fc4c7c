"""A language model as judge: it reads a query and a passage and names the level."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wrank.errors import WrankError
from wrank.generator.base import Rejected
from wrank.generator.engine.base import Engine
from wrank.generator.engine.probe import probe
from wrank.generator.parse import read_answer
from wrank.generator.request import Request, Sampling
from wrank.generator.scale import Scale
from wrank.generator.template import Template
from wrank.judge.base import Grader, Judge

_KEY = "level"


class Llm(Judge):
    """Grades on a scale by a language model; the answer is bound to the scale's names.

    Args:
        engine: who is asked; started for the judging and freed after it.
        scale: levels and what they mean.
        prompt: a prompt's name, or the path of a ``.txt`` file.
        max_item_chars: characters of a query or passage that are shown.
    """

    name = "llm"

    def __init__(self, engine: Engine, scale: Scale, prompt: str = "judge", max_item_chars: int = 4000) -> None:
        self.engine, self.scale, self.max_item_chars = engine, scale, max_item_chars
        if max_item_chars < 1:
            raise WrankError(f"judge.max_item_chars={max_item_chars}: wanted a whole number from 1 up")
        self.template = Template(
            prompt, {"system": ("definitions",), "user": ("query", "passage")}, ("query", "passage")
        )
        self._system = {
            "role": "system",
            "content": self.template.render("system", {"definitions": scale.definitions()}),
        }

    def identity(self) -> dict[str, Any]:
        """Engine, scale and prompt."""
        return {
            "judge": self.name,
            "engine": self.engine.identity(),
            "scale": self.scale.identity(),
            "prompt": self.template.hash,
            "max_item_chars": self.max_item_chars,
        }

    def title(self) -> str:
        """The language model's name."""
        return self.engine.model

    def grader(self) -> Grader:
        """Asks for one level a pair; None where the reply cannot be read."""
        grades = {level.name: level.grade for level in self.scale.levels}

        def grade(pairs: list[tuple[str, str]]) -> Sequence[int | None]:
            found: dict[str, int] = {}
            with self.engine as engine:
                probe(engine)
                for reply in engine.generate(self._requests(pairs)):
                    try:
                        found[reply.id] = grades[read_answer(reply, self._schema())[_KEY]]
                    except Rejected:
                        continue
            return [found.get(str(number)) for number in range(len(pairs))]

        return grade

    def _schema(self) -> dict[str, Any]:
        names = [level.name for level in self.scale.levels]
        return {
            "type": "object",
            "properties": {_KEY: {"type": "string", "enum": names}},
            "required": [_KEY],
            "additionalProperties": False,
        }

    def _requests(self, pairs: list[tuple[str, str]]) -> Iterator[Request]:
        schema, sampling = self._schema(), Sampling(temperature=0.0, top_p=1.0, max_tokens=64)
        for number, (query, passage) in zip(itertools.count(), pairs, strict=False):
            yield Request(str(number), self._messages(query, passage), schema, sampling)

    def _messages(self, query: str, passage: str) -> tuple[Mapping[str, str], ...]:
        texts = {"query": query[: self.max_item_chars], "passage": passage[: self.max_item_chars]}
        user = self.template.render("user", {name: self.template.as_data(text) for name, text in texts.items()})
        return self._system, {"role": "user", "content": user}
