"""Side figures of quality: variety of words, refusals, repeated queries, scripts."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any

from wrank.audit.data import Graded, order
from wrank.audit.near import jaccard, shingles
from wrank.audit.style import STOCK
from wrank.generator.phrases import MARKS, NAMES_LEVEL_ALWAYS, PREAMBLE, REFUSAL
from wrank.generator.text import Text

BUDGET = 200_000
"""Words a level behind distinct-2 and the type-token ratio, at most."""

_REPEATED = 3  # a query of fewer words may well stand in a passage


def wording(data: Graded, near: float, examples: int) -> dict[str, Any]:
    """Figures a level.

    `distinct_2` (Li et al. 2016: distinct pairs of words over pairs of words) and `type_token` (distinct words over
    words) fall with the amount of text, so they are taken over the same number of words at every level.

    Args:
        data: what is audited.
        near: Jaccard similarity of word sets from which a passage is a copy of its query.
        examples: passages shown of each kind of fault.
    """
    counters: list[Counter[str]] = [Counter() for _ in data.levels]
    scripts: Counter[str] = Counter()
    faults: dict[str, list[dict[str, Any]]] = {}
    for number, row in enumerate(data.rows):
        text, query = Text(row.text), Text(data.query(number))
        script, foreign = _script(row.text), _script(data.query(number))
        scripts[script] += 1
        found = {
            "refusal": bool(REFUSAL.match(text.raw)),
            "preamble": bool(PREAMBLE.match(text.raw)),
            "chat_leftover": any(pattern.search(text.raw) for pattern, _ in MARKS),
            "names_level": bool(NAMES_LEVEL_ALWAYS.search(text.raw)),
            "stock_phrase": bool(STOCK.search(text.raw)),
            "repeats_query": len(query.tokens) >= _REPEATED and f" {query.normal} " in f" {text.normal} ",
            "copies_query": jaccard(shingles(query, 1), shingles(text, 1)) >= near,
            "other_script": bool(script and foreign and script != foreign),
            "no_latin": script not in ("", "LATIN"),
        }
        counters[int(data.level_of[number])].update(name for name, here in found.items() if here)
        counters[int(data.level_of[number])]["faulty"] += any(found[name] for name in FAULTS)
        for name in FAULTS:
            if found[name] and len(faults.setdefault(name, [])) < examples:
                faults[name].append({"query_id": row.query_id, "passage_id": row.passage_id, "text": row.text[:600]})
    sizes = [max(int((data.level_of == level).sum()), 1) for level in range(len(data.levels))]
    names = ("refusal", "preamble", "chat_leftover", "names_level", "stock_phrase", "repeats_query", "copies_query")
    return {
        "levels": [
            {
                "grade": data.levels[level],
                **{name: counters[level][name] / sizes[level] for name in (*names, "other_script", "no_latin")},
                **variety,
            }
            for level, variety in enumerate(_variety(data))
        ],
        "fault_share": sum(counter["faulty"] for counter in counters) / len(data.rows),
        "scripts": dict(scripts.most_common(8)),
        "faults": faults,
    }


FAULTS = ("refusal", "preamble", "chat_leftover", "names_level", "copies_query")
"""What no passage to train on should be."""


def _variety(data: Graded) -> list[dict[str, Any]]:
    per_level: list[list[str]] = []
    for level in range(len(data.levels)):
        rows = [number for number in range(len(data.rows)) if data.level_of[number] == level]
        rows.sort(key=lambda number: order(f"{data.rows[number].query_id}\n{data.rows[number].passage_id}"))
        words: list[str] = []
        for number in rows:
            if len(words) >= BUDGET:
                break
            words += [*Text(data.rows[number].text).tokens, ""]
        per_level.append(words)
    budget = min(BUDGET, *(sum(map(bool, words)) for words in per_level)) if len(per_level) > 1 else BUDGET
    return [_variety_of(words, budget) for words in per_level]


def _variety_of(words: list[str], budget: int) -> dict[str, Any]:
    """Figures over the first `budget` words; "" ends a passage."""
    used: list[str] = []
    seen = 0
    for word in words:
        if seen == budget:
            break
        used.append(word)
        seen += bool(word)
    pairs = [(a, b) for a, b in pairwise(used) if a and b]
    return {
        "budget": seen,
        "distinct_2": len(set(pairs)) / len(pairs) if pairs else None,
        "type_token": len({word for word in used if word}) / seen if seen else None,
    }


def _script(text: str) -> str:
    """The script of most letters, by the first word of their Unicode names, e.g. LATIN, CYRILLIC, CJK; "" for none."""
    if text.isascii():
        return "LATIN" if any(map(str.isalpha, text)) else ""
    return _most(_of(character) for character in text[:2000] if character.isalpha())


def _most(names: Iterable[str]) -> str:
    common = Counter(names).most_common(1)
    return common[0][0] if common else ""


@lru_cache(maxsize=100_000)
def _of(character: str) -> str:
    if character.isascii():
        return "LATIN"
    name = unicodedata.name(character, "").split(" ")[0].split("-")[0]
    return {"HIRAGANA": "CJK", "KATAKANA": "CJK", "FULLWIDTH": "LATIN"}.get(name, name)
