"""Whether the data holds what it will be tested on: queries and passages of the evaluation sets in use.

Exact: equal words in order. Near: Jaccard similarity at or above a threshold. Contained: half of the runs of eight
words of one text are in the other (runs of 8 to 13 words are the usual measure: Brown et al. 2020, appendix C). Time
grows with the number of texts on both sides; the evaluation's passages are read once, in order, and not kept.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrank.audit.data import Graded
from wrank.audit.duplicates import QUERY_JACCARD, RUN, digest
from wrank.audit.near import Index, Shingles, jaccard, shingles, windows
from wrank.generator.text import Text

GRAM = 8  # words of a run
CONTAINED = 0.5  # share of a text's runs that makes it contained
FEWEST_GRAMS = 3  # runs in common; fewer are a stock phrase
WHOLE_QUERY = 5  # a query of so many words or more, whole in a passage, counts
_BLOCK = 2000

Match = dict[str, Any]


class Side:
    """Texts of one kind of the audited data, indexed to be looked up.

    Args:
        ids: their ids.
        texts: their texts.
        run: words a shingle of the near comparison.
        threshold: Jaccard similarity of a near match.
    """

    def __init__(self, ids: list[str], texts: list[str], run: int, threshold: float) -> None:
        self.ids, self.texts, self.run, self.threshold = ids, texts, run, threshold
        self.matched: dict[int, Match] = {}
        self.shared: set[int] = set()
        self._exact: dict[bytes, list[int]] = {}
        for place, text in enumerate(texts):
            self._exact.setdefault(digest(text), []).append(place)
        self._near = Index(shingles(Text(text), run) for text in texts)
        grams = [windows(Text(text).tokens, GRAM) for text in texts]
        self._sizes = np.array([len(one) for one in grams], dtype=np.int64)
        self._owners = np.repeat(np.arange(len(texts), dtype=np.int32), self._sizes)
        flat = np.concatenate(grams) if grams else np.empty(0, dtype=np.uint32)
        order = np.argsort(flat, kind="stable")
        self._grams, self._owners = flat[order], self._owners[order]

    def look_up(self, block: list[tuple[str, str]], what: str, shared_ids: bool) -> None:
        """Marks the texts that are in a block of (id, text) of the evaluation.

        Args:
            block: the evaluation's texts.
            what: how a match is called.
            shared_ids: whether an equal text under an equal id is the same text of one corpus: counted apart.
        """
        read = [Text(text) for _, text in block]
        for (id, text), one in zip(block, read, strict=True):
            if one.tokens:
                for place in self._exact.get(digest(text), ()):
                    if shared_ids and self.ids[place] == id:
                        self.shared.add(place)
                    else:
                        self.mark(place, "exact", 1.0, what, id, text)
        sets = [shingles(one, self.run) for one in read]
        for number, place in self._near.lookup(sets):
            similarity = jaccard(sets[number], shingles(Text(self.texts[place]), self.run))
            if similarity >= self.threshold:
                self.mark(place, "near", similarity, what, *block[number])
        for (id, text), one in zip(block, read, strict=True):
            grams = windows(one.tokens, GRAM)
            for place, share in self._containing(grams):
                self.mark(place, "contained", share, what, id, text)

    def _containing(self, grams: Shingles) -> Iterator[tuple[int, float]]:
        left = np.searchsorted(self._grams, grams, side="left")
        right = np.minimum(np.searchsorted(self._grams, grams, side="right"), left + 100)  # a stock phrase is no proof
        owners: Counter[int] = Counter()
        for start, end in zip(left[right > left].tolist(), right[right > left].tolist(), strict=True):
            owners.update(self._owners[start:end].tolist())
        for place, count in sorted(owners.items()):
            share = count / min(len(grams), int(self._sizes[place]))
            if share >= CONTAINED and count >= FEWEST_GRAMS:
                yield place, min(share, 1.0)

    def mark(self, place: int, how: str, similarity: float, what: str, id: str, text: str) -> None:
        """Notes that a text is in the evaluation; the worst match of a text is kept."""
        match = {"how": how, "similarity": similarity, "what": what, "evaluation_id": id}
        match["evaluation_text"] = text[:1500]
        known = self.matched.get(place)
        if known is None or _severity(match) > _severity(known):
            self.matched[place] = match

    def as_json(self, examples: int) -> dict[str, Any]:
        """Counts, share and worst matches."""
        matched = {place: match for place, match in self.matched.items() if place not in self.shared}
        worst = sorted(matched.items(), key=lambda item: (_severity(item[1]), -item[0]), reverse=True)
        return {
            "texts": len(self.texts),
            "matched": len(matched),
            "share": len(matched) / len(self.texts) if self.texts else 0.0,
            "how": dict(sorted(Counter(match["how"] for match in matched.values()).items())),
            "same_passages": len(self.shared),
            "worst": [
                {"id": self.ids[place], "text": self.texts[place][:1500], **match} for place, match in worst[:examples]
            ],
        }


def contamination(data: Graded, threshold: float, examples: int) -> dict[str, Any] | None:
    """Matches of queries and passages with those of the evaluation sets.

    A passage that the evaluation has under the same id is the same passage of a corpus that both share: counted as
    `same_passages`, not as contamination.

    Args:
        data: what is audited; its evaluation sets are read.
        threshold: Jaccard similarity of near passages.
        examples: matches shown.

    Returns:
        None when there is nothing to hold the data against.
    """
    if not data.source.evaluation:
        return None
    ids = list(data.of_query)
    queries = Side(ids, [data.source.queries[id] for id in ids], 1, QUERY_JACCARD)
    passages = Side(data.passages, data.texts, RUN, threshold)
    sizes = {}
    for name, (asked, texts) in data.source.evaluation.items():
        asked, count = list(asked), 0
        for block in _blocks(asked):
            queries.look_up(block, f"query of {name}", shared_ids=False)
        _whole_queries(passages, asked, f"query of {name}")
        for block in _blocks(texts):
            count += len(block)
            passages.look_up(block, f"passage of {name}", shared_ids=True)
        sizes[name] = {"queries": len(asked), "passages": count}
    return {
        "against": sizes,
        "queries": queries.as_json(examples),
        "passages": passages.as_json(examples),
    }


def _whole_queries(passages: Side, asked: list[tuple[str, str]], what: str) -> None:
    """Marks passages that hold an evaluation query whole."""
    wanted: dict[int, dict[int, tuple[str, str]]] = {}
    for id, text in asked:
        tokens = Text(text).tokens
        if len(tokens) >= WHOLE_QUERY:
            wanted.setdefault(len(tokens), {})[int(windows(tokens, len(tokens))[0])] = (id, text)
    by_length = [(length, np.array(sorted(known), dtype=np.uint32), known) for length, known in sorted(wanted.items())]
    for place, text in enumerate(passages.texts if wanted else ()):
        one = Text(text)
        for length, hashes, known in by_length:
            for found in _common(windows(one.tokens, length), hashes):
                if f" {Text(known[found][1]).normal} " in f" {one.normal} ":
                    passages.mark(place, "holds the query", 1.0, what, *known[found])


def _common(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> list[int]:
    return [int(one) for one in np.intersect1d(a, b, assume_unique=True)]


def _blocks(texts: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    source = iter(texts)
    while block := list(islice(source, _BLOCK)):
        yield block


def _severity(match: Match) -> tuple[int, float]:
    return ("contained", "holds the query", "near", "exact").index(match["how"]), match["similarity"]
