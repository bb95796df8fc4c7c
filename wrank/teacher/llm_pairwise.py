"""A language model as teacher of preferences: it is shown two passages, in both orders.

After "Large Language Models are Effective Text Rankers with Pairwise Ranking Prompting" (arXiv 2306.17563), with
probabilities in place of generated words as "PairDistill: Pairwise Relevance Distillation for Dense Retrieval" has them
(arXiv 2410.01383). Written from the papers; nothing was taken from their code.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from wrank.generator.engine.base import Engine
from wrank.generator.scale import Scale
from wrank.generator.template import Template
from wrank.teacher.asking import Answer, Asker, AskingTeacher, Conversation, check_whole, shown
from wrank.teacher.base import Mark, Pairwise, Progress, Triple

_TOKENS = ("1", "2")


class LlmPairTeacher(AskingTeacher, Pairwise):
    """Asks which of two passages answers the query better, ``1`` or ``2``, and reads the two tokens' probabilities.

    With q(a, b) = p("1") / (p("1") + p("2")) when a is shown first and b second, the preference is::

        p(a better than b) = (q(a, b) + 1 - q(b, a)) / 2

    so a model that always says "1" prefers nothing: 0.5. A triple has no preference when either order's tokens hold
    less than `min_mass` of the probability.

    Args:
        engine: who is asked.
        scale: where the examples come from.
        prompt: a prompt's name, or the path of a ``.txt`` file.
        examples: so many of the scale's examples are shown, two earlier turns each: the highest level's passage and the
            lowest level's, in both orders.
        min_mass: smallest probability (0 to 1) of both tokens together.
        logprobs: most probable tokens that the engine reports, at most 20.
        max_item_chars: characters of a query or passage that are shown.

    Raises:
        WrankError: a value out of its range, a prompt that cannot be used.
    """

    name = "llm_pairwise"
    kind = "pairwise"

    def __init__(
        self,
        engine: Engine,
        scale: Scale,
        *,
        prompt: str = "teacher_pair",
        examples: int = 1,
        min_mass: float = 0.2,
        logprobs: int = 20,
        max_item_chars: int = 4000,
    ) -> None:
        self.max_item_chars = check_whole("max_item_chars", max_item_chars, 1)
        self.asker = Asker(engine, _TOKENS, min_mass, logprobs)
        user = ("query", "first", "second")
        self.template = Template(prompt, {"system": (), "user": user}, user)
        self.examples = scale.examples[: check_whole("examples", examples, 0)]
        self._prefix = self._earlier_turns()

    def identity(self) -> dict[str, Any]:
        """Engine, prompt, and how a reply becomes a preference."""
        return self.asking_identity() | {
            "examples": [[one.query, one.passages[0], one.passages[-1]] for one in self.examples],
            "prompt": self.template.hash,
        }

    def compare(self, triples: Iterable[Triple], progress: Progress | None = None) -> Iterator[Mark]:
        """One mark a triple, in the order given; two requests each."""
        self.start()
        asked, kept = itertools.tee(triples)
        orders = ((query, *order) for query, a, b in asked for order in ((a, b), (b, a)))
        turned = ((*self._prefix, self._question(*order)) for order in orders)
        replies = 0

        def count(done: int) -> None:
            nonlocal replies
            if progress is not None and (finished := (replies + done) // 2 - replies // 2):
                progress(finished)
            replies += done

        answers = self.asker.ask(turned, count)
        for triple in kept:
            cut = max(map(len, triple)) > self.max_item_chars
            yield average(next(answers), next(answers), cut)

    def _earlier_turns(self) -> Conversation:
        turns = [{"role": "system", "content": self.template.render("system", {})}]
        for example in self.examples:
            best, worst = example.passages[0], example.passages[-1]
            for order, token in (((best, worst), "1"), ((worst, best), "2")):
                turns += [self._question(example.query, *order), {"role": "assistant", "content": token}]
        return tuple(turns)

    def _question(self, query: str, first: str, second: str) -> dict[str, str]:
        texts = {"query": query, "first": first, "second": second}
        values = {name: self.template.as_data(shown(text, self.max_item_chars)) for name, text in texts.items()}
        return {"role": "user", "content": self.template.render("user", values)}


def average(one: Answer, turned: Answer, truncated: bool = False) -> Mark:
    """The preference of two answers, of which the second saw the passages the other way round."""
    mass = min(one.mass, turned.mass)
    if reason := one.reason or turned.reason:
        return Mark(float("nan"), truncated, mass, reason=reason)
    first, last = one.shares[0], turned.shares[0]
    return Mark((first + 1 - last) / 2, truncated, mass, (first + last) / 2)
