"""The gate: which written texts are good enough to keep. Every rule is small, deterministic and has its own reason."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from wrank.errors import WrankError
from wrank.generator.base import Rejected
from wrank.generator.phrases import MARKS, NAMES_LEVEL, NAMES_LEVEL_ALWAYS, PREAMBLE, REFUSAL, label_phrases
from wrank.generator.request import Item, Written
from wrank.generator.text import Text, count_words, shingles

_GARBLED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd\ud800-\udfff]")
_LONG_RUN = re.compile(r"(\S)\1{19}|\d{30}")
_LOOP = 5  # tokens of a run that counts as repeated when it comes again
_COPY = 3  # words of a run that counts as copied
_ENOUGH = 20  # tokens from which repetition can be told


@dataclass(frozen=True)
class Instructions:
    """What the model is told, made ready once.

    Attributes:
        texts: each text.
        shingles: every run of words in them, by the run's length in tokens.
    """

    texts: tuple[Text, ...]
    shingles: dict[int, frozenset[tuple[str, ...]]]


@dataclass(frozen=True)
class Context:
    """What a text is compared with.

    Attributes:
        item: the query (or passage) it was written for.
        anchor: the real passage it was written around; None without one.
        others: texts of the same query that stand already, in this reply or in others.
        instructions: what the model was told.
        labels: names of levels.
        source: the passage that queries are written for, where passages come with them; None without one.
    """

    item: Text
    anchor: Text | None
    others: Sequence[Text]
    instructions: Instructions
    labels: tuple[str, ...]
    source: Text | None = None


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Refuses texts that would teach a retriever something else than relevance.

    Words are counted in any language: two characters of a script without spaces (Chinese, Thai, ...) are one word.

    Args:
        min_words: fewest words of a passage.
        max_query_words: most words of a written query.
        beyond_query: fewest different words of a passage that its query does not hold.
        copy_overlap: share (0 to 1) of the shorter text's runs of 3 words that the longer one holds too, from which
            one is a copy of the other (another level, the anchor, the passage that a hard negative was written beside).
        instruction_words: length, in words, of the runs compared with the instructions.
        instruction_runs: so many of these runs shared with the instructions make a copy.
        min_distinct: smallest share of different words among a text's first 400.
        max_repeated: largest share of a text's runs of 5 words that came before in it.
        min_letters: smallest share of letters among the characters that are no white space.
        trim: a text that fills its longest length in mid-sentence is cut back to its last whole sentence and
            marked so in its provenance; False refuses it as ``cut``.

    Raises:
        WrankError: a number out of its range.
    """

    min_words: int = 5
    max_query_words: int = 200
    beyond_query: int = 3
    copy_overlap: float = 0.7
    instruction_words: int = 8
    instruction_runs: int = 3
    min_distinct: float = 0.25
    max_repeated: float = 0.25
    min_letters: float = 0.5
    trim: bool = True

    def __post_init__(self) -> None:
        for name in ("min_words", "max_query_words", "instruction_words", "instruction_runs"):
            if getattr(self, name) < 1:
                raise WrankError(f"generator.gate.{name} is {getattr(self, name)}; wanted 1 or more")
        if self.beyond_query < 0:
            raise WrankError(f"generator.gate.beyond_query is {self.beyond_query}; wanted 0 or more")
        for name in ("copy_overlap", "min_distinct", "max_repeated", "min_letters"):
            if not 0 <= getattr(self, name) <= 1:
                raise WrankError(f"generator.gate.{name} is {getattr(self, name)}; wanted a share from 0 to 1")

    def prepare(self, instructions: Iterable[str]) -> Instructions:
        """Makes the instructions ready: once a run, not once a text."""
        texts = tuple(Text(text) for text in instructions)
        lengths = (self.instruction_words, 2 * self.instruction_words)
        runs = {n: frozenset().union(*(shingles(text.tokens, n) for text in texts)) for n in lengths}
        return Instructions(texts, runs)

    def check(
        self,
        written: Sequence[Written],
        *,
        item: Item,
        instructions: Instructions,
        siblings: Sequence[str] = (),
        label_words: Sequence[str] = (),
    ) -> None:
        """Checks the texts of one reply.

        Args:
            written: the texts, in order; each is compared with those before it.
            item: what they were written for.
            instructions: from `prepare`.
            siblings: texts of the same item that were accepted before.
            label_words: names of levels beside those of `written`.

        Raises:
            Rejected: the first text that breaks a rule, with the rule's reason.
        """
        if not written:
            raise Rejected("empty", "the reply holds no text")
        labels = tuple(dict.fromkeys([text.label for text in written] + list(label_words)))
        anchor = Text(item.anchor) if item.anchor else None
        others = [Text(text) for text in siblings]
        query = Text(item.text)
        source = query if any(one.kind == "query" for one in written) else None  # queries are written for passages
        for one in written:
            text = Text(one.text)
            context = Context(query, anchor, others, instructions, labels, source)
            for reason, rule in PASSAGE_RULES if one.kind == "passage" else QUERY_RULES:
                if (detail := rule(self, text, context)) is not None:
                    raise Rejected(reason, f"{one.label}: {detail}" if one.label else detail)
            others.append(text)


Rule = Callable[[Gate, Text, Context], str | None]
"""What is wrong with a text, or None."""


def _empty(gate: Gate, text: Text, context: Context) -> str | None:
    return None if text.tokens else "no word in it"


def _garbled(gate: Gate, text: Text, context: Context) -> str | None:
    found = _GARBLED.search(text.raw)
    return f"the character {found.group()!a} at {found.start()}" if found else None


def _markup(gate: Gate, text: Text, context: Context) -> str | None:
    about_json = "json" in context.item.tokens
    for pattern, is_json in MARKS:
        found = pattern.search(text.raw)
        # a mark that the user's own text holds is the topic, not a leftover
        if found and not (is_json and about_json) and found.group() not in context.item.raw:
            return f"it holds {found.group()[:40]!r}"
    return None


def _refusal(gate: Gate, text: Text, context: Context) -> str | None:
    found = REFUSAL.match(text.raw)
    return f"it opens with {found.group()[:60]!r}" if found else None


def _preamble(gate: Gate, text: Text, context: Context) -> str | None:
    found = PREAMBLE.match(text.raw)
    return f"it opens with {found.group()[:60]!r}" if found else None


def _too_short(gate: Gate, text: Text, context: Context) -> str | None:
    return f"{text.words:g} words, wanted {gate.min_words}" if text.words < gate.min_words else None


def _too_long(gate: Gate, text: Text, context: Context) -> str | None:
    return f"{text.words:g} words, at most {gate.max_query_words}" if text.words > gate.max_query_words else None


def _copy_of_query(gate: Gate, text: Text, context: Context) -> str | None:
    if text.normal == context.item.normal:
        return "the query itself"
    new = count_words(list(set(text.tokens).difference(context.item.tokens)))
    return f"{new:g} words that the query does not hold" if new < gate.beyond_query else None


def _copy_of_item(gate: Gate, text: Text, context: Context) -> str | None:
    return "what it was written for, word by word" if text.normal == context.item.normal else None


def _copy_of_source(gate: Gate, text: Text, context: Context) -> str | None:
    return _copy(gate, text, context.source) if context.source else None


def _copy_of_anchor(gate: Gate, text: Text, context: Context) -> str | None:
    return _copy(gate, text, context.anchor) if context.anchor else None


def _copy_of_level(gate: Gate, text: Text, context: Context) -> str | None:
    return next((found for other in context.others if (found := _copy(gate, text, other))), None)


def _copy(gate: Gate, text: Text, other: Text) -> str | None:
    if text.normal == other.normal:
        return f"equal to {other.raw[:40]!r}"
    mine, theirs = text.shingles(_COPY), other.shingles(_COPY)
    smaller = min(len(mine), len(theirs))
    share = len(mine & theirs) / smaller if smaller else 0.0
    return f"shares {share:.0%} of its runs of words with {other.raw[:40]!r}" if share >= gate.copy_overlap else None


def _repeated_query(gate: Gate, text: Text, context: Context) -> str | None:
    return next((f"equal to {one.raw[:40]!r}" for one in context.others if one.normal == text.normal), None)


def _copy_of_instructions(gate: Gate, text: Text, context: Context) -> str | None:
    if text.words >= 4 and any(f" {text.normal} " in f" {told.normal} " for told in context.instructions.texts):
        return "the instructions hold it whole"
    length = gate.instruction_words * (2 if text.is_unspaced else 1)
    shared = shingles(text.tokens, length) & context.instructions.shingles[length]
    if len(shared) < gate.instruction_runs:
        return None
    return f"{len(shared)} runs of {length} tokens from the instructions, one of them {' '.join(min(shared))!r}"


def _names_level(gate: Gate, text: Text, context: Context) -> str | None:
    patterns = [NAMES_LEVEL_ALWAYS]
    # a query about relevance may be answered in its own words
    if "relevan" not in context.item.normal:
        patterns += [NAMES_LEVEL, *_label_phrases(context.labels)]
    found = next((match for pattern in patterns if (match := pattern.search(text.raw))), None)
    return f"it says {found.group()[:60]!r}" if found else None


def _repetition(gate: Gate, text: Text, context: Context) -> str | None:
    if found := _LONG_RUN.search(text.raw):
        return f"a run of {found.group()[:20]!r}"
    tokens = text.tokens[:400]
    if len(tokens) < _ENOUGH:
        return None
    if (distinct := len(set(tokens)) / len(tokens)) < gate.min_distinct:
        return f"{distinct:.0%} different words"
    runs = len(text.tokens) - _LOOP + 1
    repeated = 1 - len(shingles(text.tokens, _LOOP)) / runs
    return f"{repeated:.0%} of its runs of words came before" if repeated > gate.max_repeated else None


def _not_text(gate: Gate, text: Text, context: Context) -> str | None:
    solid = sum(len(part) for part in text.raw.split())
    letters = sum(len(token) for token in text.tokens if not token.isdigit())
    share = min(letters / solid, 1.0)
    return f"{share:.0%} letters" if share < gate.min_letters else None


@lru_cache(maxsize=64)
def _label_phrases(labels: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(label_phrases(label) for label in labels if label.strip())


PASSAGE_RULES: tuple[tuple[str, Rule], ...] = (
    ("empty", _empty),
    ("garbled", _garbled),
    ("markup", _markup),
    ("refusal", _refusal),
    ("preamble", _preamble),
    ("too_short", _too_short),
    ("repetition", _repetition),
    ("not_text", _not_text),
    ("copy_of_query", _copy_of_query),
    ("copy_of_level", _copy_of_level),
    ("copy_of_anchor", _copy_of_anchor),
    ("copy_of_item", _copy_of_source),
    ("copy_of_instructions", _copy_of_instructions),
    ("names_level", _names_level),
)
"""Reason and rule, in the order they are asked."""

QUERY_RULES: tuple[tuple[str, Rule], ...] = (
    ("empty", _empty),
    ("garbled", _garbled),
    ("markup", _markup),
    ("refusal", _refusal),
    ("preamble", _preamble),
    ("too_long", _too_long),
    ("repetition", _repetition),
    ("copy_of_item", _copy_of_item),
    ("repeated_query", _repeated_query),
    ("copy_of_instructions", _copy_of_instructions),
)
