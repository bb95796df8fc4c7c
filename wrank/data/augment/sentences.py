"""Sentences of a text, by punctuation alone: no language, no model."""

import re

_CLOSERS = "\"'”’»)\\]」』）"
# Western marks end a sentence before white space only (3.14, a.b); a dot after a single letter (e.g., J. Smith) never.
_END = re.compile(rf"(?:(?<!\b[^\W\d_])\.|[!?])[.!?]*[{_CLOSERS}]*(?=\s|\Z)|[。！？]+[{_CLOSERS}]*")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, in order, without outer white space.

    A sentence ends after ``. ! ?`` before white space or the end of the text, or after ``。！？``, closing quotes and
    brackets included. Each holds a letter or a digit: punctuation alone goes to the sentence beside it. A text without
    such marks is one sentence; a blank one has none.
    """
    if not text.strip():
        return []
    spans: list[tuple[int, int]] = []
    start = 0
    for end in [match.end() for match in _END.finditer(text)] + [len(text)]:
        if any(map(str.isalnum, text[start:end])):
            spans.append((start, end))
            start = end
    begin = spans.pop()[0] if spans else 0
    spans.append((begin, len(text)))
    return [text[start:end].strip() for start, end in spans]
