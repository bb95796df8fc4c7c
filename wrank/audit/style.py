"""What a passage looks like, whatever it says: length, sentences, punctuation, markup, stock phrases, first words."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wrank.generator.phrases import MARKS, PREAMBLE, REFUSAL
from wrank.generator.text import Text

STOCK = re.compile(
    r"\b(?:it(?:['’]s| is) (?:important|worth|crucial|essential|interesting) (?:to (?:note|remember|mention|understand)"
    r"|noting|mentioning)|it should be noted|in (?:conclusion|summary|short|general|addition|other words|essence)|"
    r"to (?:summari[sz]e|conclude|sum up)|overall|however|furthermore|moreover|additionally|on the other hand|"
    r"that being said|having said that|there are (?:many|several|various|a (?:number|variety) of)|"
    r"plays? an? (?:crucial|vital|key|important|significant) role|a (?:wide|broad) (?:range|variety) of|"
    r"in today['’]s|in the (?:world|realm|field) of|when it comes to|known for its|as (?:a result|mentioned)|"
    r"for (?:example|instance)|such as|(?:can|may|might) (?:vary|depend)|delve|tapestry|testament to)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?…。！？।]+(?=[\s\"'”’)\]]|$)|[。！？।]")
_MARKUP = re.compile(r"<[^<>\s][^<>]{0,80}>|[*_`#|]{1,3}(?=\S)|^\s*(?:[-*•–]|\d{1,2}[.)])\s", re.MULTILINE)
_PERSON = frozenset(["i", "me", "my", "mine", "we", "us", "our", "im", "ive", "you", "your", "yours"])
_PUNCTUATION = {
    "commas": ",",
    "colons": ":",
    "semicolons": ";",
    "dashes": "—–",
    "brackets": "([",
    "quotes": '"“”«»',
    "question marks": "?",
    "exclamation marks": "!",
}
_FIRST_WORDS = 30  # commonest first words that are features of their own


def style(texts: Sequence[str]) -> tuple[list[str], NDArray[np.float64]]:
    """Features of texts.

    Returns:
        Names (counts are per 100 words unless they say otherwise), and one row a text.
    """
    read = [Text(text) for text in texts]
    firsts = [text.tokens[0] if text.tokens else "" for text in read]
    common = [
        word
        for word, count in sorted(Counter(firsts).items(), key=lambda item: (-item[1], item[0]))
        if word and count >= 3
    ][:_FIRST_WORDS]
    rows = [_features(text) for text in read]
    names = [*rows[0], *(f"first word: {word}" for word in common)]
    table = np.array(
        [[*row.values(), *(float(word == one) for one in common)] for row, word in zip(rows, firsts, strict=True)]
    )
    return names, table


def _features(text: Text) -> dict[str, float]:
    raw, words = text.raw, max(text.words, 1.0)
    letters = sum(map(str.isalpha, raw)) or 1
    sentences = max(len(_SENTENCE.findall(raw)), 1)
    per = 100 / words
    found = {
        "words (log)": float(np.log(words)),
        "words (log, squared)": float(np.log(words) ** 2),
        "sentences (in all)": float(sentences),
        "words a sentence": words / sentences,
        "letters a word": letters / words,
        "line breaks": raw.count("\n") * per,
        "digits": sum(map(str.isdigit, raw)) * per,
        "capital letters (share)": sum(map(str.isupper, raw)) / letters,
        "markup": len(_MARKUP.findall(raw)) * per,
        "chat leftovers (in all)": float(sum(bool(pattern.search(raw)) for pattern, _ in MARKS)),
        "stock phrases": len(STOCK.findall(raw)) * per,
        "refusal or preamble": float(bool(REFUSAL.match(raw) or PREAMBLE.match(raw))),
        "I, we and you": sum(token in _PERSON for token in text.tokens) * per,
        "distinct words (share of first 50)": len(set(text.tokens[:50])) / max(len(text.tokens[:50]), 1),
        "ends without a stop": float(not raw.rstrip().endswith((".", "!", "?", "…", "。", "”", '"', ")"))),
        "starts in lower case": float(raw.lstrip()[:1].islower()),
    }
    return found | {name: sum(map(raw.count, marks)) * per for name, marks in _PUNCTUATION.items()}
