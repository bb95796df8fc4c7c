"""What recipes have in common: a prompt, drawn attributes, examples as earlier turns, a flat JSON object of texts."""

import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from wrank.errors import WrankError
from wrank.files import sha256_of_json
from wrank.generator.attributes import Attributes, Declared
from wrank.generator.base import Recipe, Rejected
from wrank.generator.request import Item, Request, Sampling, Written
from wrank.generator.template import Template

_LAYOUT = 1  # of the conversation; counts up when the code changes what a model is sent
_BUCKETS = (1, 2, 4, 6, 9, 12, 15)  # sentences that share a schema: few schemas, so that engines can keep them compiled
_SHORTEST, _LONGEST, _ROOM = 20, 200, 150  # characters of a sentence; and beyond the last one


@dataclass(frozen=True, slots=True)
class Field:
    """A text that is asked for.

    Attributes:
        key: its key in the answer.
        label: the level's or style's name.
        grade: the grade it gets.
        suffix: the end of its id, e.g. ``L3``.
    """

    key: str
    label: str
    grade: float
    suffix: str


@dataclass(frozen=True, slots=True)
class Turn:
    """An example: what was asked, and what was answered.

    Attributes:
        texts: placeholder -> text, e.g. the query.
        answer: key -> text, in the order of the fields.
        attributes: what the texts have in common; only what the recipe declares is told.
        told: values of other placeholders where they differ from the request's.
    """

    texts: Mapping[str, str]
    answer: Mapping[str, str]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)


class Prompted(Recipe):
    """A recipe that asks with a prompt file and reads a flat JSON object of texts.

    The system text and the examples, as earlier turns of the same form, come first and are the same for all requests of
    a part, so an engine computes them once; what differs between items stands in the last turn.

    Args:
        prompt: a prompt's name, or the path of a ``.txt`` file.
        attributes: what is drawn for each request, see `Attributes`.
        sampling: values of `Sampling`: temperature, top_p, max_tokens, repetition_penalty.
        seed: of the drawn attributes.
        max_item_chars: characters of a query or passage that are shown; what was cut is recorded.

    Attributes:
        known: section -> placeholders that a prompt may hold.
        inputs: placeholders of the item's texts; a prompt must hold them.

    Raises:
        WrankError: a value that cannot be used; see `Template`, `Attributes`.
    """

    known: ClassVar[Mapping[str, tuple[str, ...]]]
    inputs: ClassVar[tuple[str, ...]] = ("query",)

    def __init__(
        self,
        *,
        prompt: str,
        attributes: Declared,
        sampling: Mapping[str, Any],
        seed: int = 0,
        max_item_chars: int = 4000,
    ) -> None:
        self.attributes = Attributes(attributes)
        needed = (*self.inputs, "attributes") if self.attributes.names else self.inputs
        self.template = Template(prompt, self.known, needed)
        self.sampling = _sampling(sampling)
        self.seed, self.max_item_chars = seed, whole("max_item_chars", max_item_chars, 1)
        self._prefixes: dict[int, tuple[dict[str, str], ...]] = {}
        self._schemas: dict[tuple[int, int, int], dict[str, Any]] = {}

    @property
    def slots(self) -> int:
        """One request an item."""
        return 1

    def part(self, item: Item, slot: int) -> int:
        """Which of the recipe's requests this is: those of one part share system text, examples and fields."""
        return 0

    @abstractmethod
    def fields(self, part: int) -> tuple[Field, ...]:
        """What is asked for, in order."""

    @abstractmethod
    def told(self, part: int) -> Mapping[str, str]:
        """Values of the placeholders that do not come from the item."""

    @abstractmethod
    def turns(self, part: int) -> Iterable[Turn]:
        """The examples."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The recipe's own part of its identity, as JSON values."""

    def texts(self, item: Item) -> dict[str, str]:
        """The item's texts, by placeholder."""
        return {self.inputs[0]: item.text}

    def lengths(self, part: int, drawn: Mapping[str, Any]) -> tuple[int, int]:
        """Fewest and most characters of a text."""
        sentences = drawn.get("sentences")
        if sentences is None:
            return _SHORTEST, 8 * _LONGEST
        index = next(index for index, upper in enumerate(_BUCKETS) if sentences <= upper)
        lowest = _BUCKETS[index - 1] + 1 if index else 1
        return _SHORTEST * lowest, _LONGEST * _BUCKETS[index] + _ROOM

    def identity(self) -> dict[str, Any]:
        """Everything that can change a request or how its reply is read."""
        return {
            "recipe": self.name,
            "layout": _LAYOUT,
            "prompt": self.template.hash,
            "attributes": self.attributes.identity(),
            "sampling": asdict(self.sampling),
            "seed": self.seed,
            "max_item_chars": self.max_item_chars,
            **self.settings(),
        }

    def request(self, item: Item, slot: int, attempt: int, model: str) -> Request:
        """The request for one slot of an item.

        Raises:
            Rejected: ``empty_query`` (``empty_passage``): there is nothing to write for.
        """
        part, drawn = self.part(item, slot), self._drawn(item, slot, attempt)
        texts = {name: self._shown(name, text) for name, text in self.texts(item).items()}
        key = {"item": [item.id, item.text, item.anchor_id, item.anchor], "recipe": self._identity_key}
        return Request(
            sha256_of_json({**key, "model": model, "slot": slot, "attempt": attempt}),
            (*self._prefix(part), self._ask(part, texts, drawn)),
            self._schema(part, *self.lengths(part, drawn)),
            self.sampling,
        )

    def read(self, item: Item, slot: int, attempt: int, answer: Mapping[str, Any]) -> list[Written]:
        """The texts of an answer, in the order of the fields.

        Raises:
            Rejected: ``empty``: a text of white space.
        """
        attributes: dict[str, Any] = self._drawn(item, slot, attempt)
        longest = max(len(text.strip()) for text in self.texts(item).values())
        if longest > self.max_item_chars:
            attributes["cut_from"] = longest
        written = []
        for one in self.fields(self.part(item, slot)):
            text = answer[one.key].strip()
            if not text:
                raise Rejected("empty", one.key)
            written.append(
                Written(f"{self.name}:{item.id}:{one.suffix}", self.writes, text, one.grade, one.label, attributes)
            )
        return written

    def instructions(self) -> Sequence[str]:
        """The prompt's text and the texts of all examples, each once."""
        found: dict[str, None] = {}
        nothing = dict.fromkeys((*self.inputs, "attributes"), "")
        for part in range(self.parts):
            values = {**self.told(part), **nothing}
            found[self.template.render("system", values)] = None
            found[self.template.render("user", values)] = None
            for turn in self.turns(part):
                found |= dict.fromkeys([*turn.texts.values(), *turn.answer.values()])
        return list(found)

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return 1

    @cached_property
    def _identity_key(self) -> str:
        return sha256_of_json(self.identity())

    def _drawn(self, item: Item, slot: int, attempt: int) -> dict[str, str | int | float]:
        return self.attributes.draw(self.seed, self.name, item.id, slot, attempt)

    def _shown(self, name: str, text: str) -> str:
        shown = self.template.as_data(text.strip()[: self.max_item_chars])
        if not shown:
            raise Rejected(f"empty_{name}", "there is nothing to write for")
        return shown

    def _prefix(self, part: int) -> tuple[dict[str, str], ...]:
        if part not in self._prefixes:
            values = {**dict.fromkeys((*self.inputs, "attributes"), ""), **self.told(part)}
            messages = [{"role": "system", "content": self.template.render("system", values)}]
            for turn in self.turns(part):
                messages.append(self._ask(part, turn.texts, turn.attributes, turn.told))
                messages.append({"role": "assistant", "content": _json(turn.answer)})
            self._prefixes[part] = tuple(messages)
        return self._prefixes[part]

    def _ask(
        self, part: int, texts: Mapping[str, str], drawn: Mapping[str, Any], told: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        values = {**self.told(part), **(told or {}), **texts, "attributes": self.attributes.lines(drawn)}
        return {"role": "user", "content": self.template.render("user", values)}

    def _schema(self, part: int, shortest: int, longest: int) -> dict[str, Any]:
        if (part, shortest, longest) not in self._schemas:
            keys = [one.key for one in self.fields(part)]
            text = {"type": "string", "minLength": shortest, "maxLength": longest}
            self._schemas[part, shortest, longest] = {
                "type": "object",
                "properties": dict.fromkeys(keys, text),
                "required": keys,
                "additionalProperties": False,
            }
        return self._schemas[part, shortest, longest]


def _json(answer: Mapping[str, str]) -> str:
    """As engines write it that allow no white space between the parts."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def whole(place: str, value: Any, least: int) -> int:
    """A whole number of the configuration.

    Raises:
        WrankError: something else, or a number below `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise WrankError(f"generator.recipe.{place} is {value!r}; wanted a whole number from {least} up")
    return value


def numbered(name: str, answers: Sequence[str]) -> dict[str, str]:
    """An answer of several texts: ``{"passage_1": ..., "passage_2": ...}``."""
    return {f"{name}_{number}": text for number, text in enumerate(answers, start=1)}


def _sampling(values: Mapping[str, Any]) -> Sampling:
    try:
        sampling = Sampling(**values)
    except TypeError as error:
        raise WrankError(
            f"generator.recipe.sampling: {str(error).partition(') ')[2] or error}; known keys are "
            "temperature, top_p, max_tokens, repetition_penalty"
        ) from None
    ranges = {"temperature": (0, 2), "top_p": (0, 1), "max_tokens": (1, 10**6), "repetition_penalty": (0.1, 10)}
    for name, (least, most) in ranges.items():
        value = getattr(sampling, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise WrankError(f"generator.recipe.sampling.{name} is {value!r}; wanted a number from {least} to {most}")
    whole("sampling.max_tokens", sampling.max_tokens, 1)
    return sampling
