"""The shipped collection: whole, and its grades cannot be read from the surface."""

import json
import re
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from wrank.data.source.sample import SampleSource

STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "to",
        "in",
        "on",
        "for",
        "and",
        "or",
        "is",
        "are",
        "was",
        "were",
        "be",
        "do",
        "does",
        "did",
        "how",
        "what",
        "why",
        "when",
        "which",
        "who",
        "where",
        "can",
        "i",
        "my",
        "it",
        "its",
        "with",
        "from",
        "by",
        "at",
        "as",
        "that",
        "this",
        "than",
        "vs",
        "should",
        "you",
        "your",
        "there",
        "their",
        "if",
        "not",
        "no",
        "have",
        "has",
        "had",
        "will",
        "would",
        "could",
    ]
)
PAIRS = [(3, 2), (2, 1), (1, 0)]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """(query, {grade: passage}) of both splits."""
    cache, found = tmp_path_factory.mktemp("tables"), []
    for split in ("train", "test"):
        collection = SampleSource().load(split, cache)
        for query_id, grades in collection.qrels.items():
            texts = {int(grade): collection.passages.text(collection.passages.row(id)) for id, grade in grades.items()}
            found.append((collection.query_text(query_id), texts))
    return found


def words(text):
    return re.findall(r"[a-z0-9']+", text.lower())


def stem(word):
    for ending in ("ing", "ers", "ies", "ed", "es", "s", "er"):
        if len(word) > len(ending) + 3 and word.endswith(ending):
            return word.removesuffix(ending)
    return word


def auc(high, low):
    """P(a value of ``high`` is above one of ``low``), ties half."""
    wins = sum((x > y) + 0.5 * (x == y) for x in high for y in low)
    return wins / (len(high) * len(low))


def test_at_least_64_queries_each_with_one_passage_a_level(rows):
    assert len(rows) >= 64
    assert len({query.lower() for query, _ in rows}) == len(rows)
    assert all(set(texts) == {0, 1, 2, 3} for _, texts in rows)
    passages = [text for _, texts in rows for text in texts.values()]
    assert len(set(passages)) == len(passages)


def test_passages_have_40_to_120_words(rows):
    assert all(40 <= len(text.split()) <= 120 for _, texts in rows for text in texts.values())


@pytest.mark.parametrize(("high", "low"), PAIRS)
def test_length_tells_no_two_adjacent_grades_apart(high, low, rows):
    lengths = {grade: [len(texts[grade].split()) for _, texts in rows] for grade in (high, low)}
    assert 0.35 < auc(lengths[high], lengths[low]) < 0.65


def overlap(query, text):
    wanted = {stem(word) for word in words(query)} - {stem(word) for word in STOP}
    return len(wanted & {stem(word) for word in words(text)}) / max(1, len(wanted))


def test_words_of_the_query_do_not_tell_grade_3_from_grade_2(rows):
    shares = {grade: [overlap(query, texts[grade]) for query, texts in rows] for grade in (3, 2)}
    assert 0.25 < auc(shares[3], shares[2]) < 0.75


def test_no_stock_phrase_belongs_to_one_grade(rows):
    """A phrase of 2 to 4 words, or an opening word, that is in many passages is in those of several grades."""
    phrases = defaultdict(Counter)
    for _, texts in rows:
        for grade, text in texts.items():
            listed = words(text)
            for size in (2, 3, 4):
                for phrase in {" ".join(listed[i : i + size]) for i in range(len(listed) - size + 1)}:
                    phrases[phrase][grade] += 1
            phrases[f"^{listed[0]}"][grade] += 1
    often = len(rows) // 10
    owned = {
        phrase: dict(counts)
        for phrase, counts in phrases.items()
        if counts.total() >= often and max(counts.values()) / counts.total() >= 0.7
    }
    assert not owned


@pytest.mark.parametrize("sign", [*"?!;:(%\"'-", "digit"])
def test_no_sign_belongs_to_one_grade(sign, rows):
    def count(text):
        return len(re.findall(r"\d+", text)) if sign == "digit" else text.count(sign)

    for high, low in PAIRS:
        assert 0.35 < auc([count(t[high]) for _, t in rows], [count(t[low]) for _, t in rows]) < 0.65, (high, low)


def test_train_and_test_share_no_query(tmp_path):
    train, test = (set(SampleSource().load(split, tmp_path).qrels) for split in ("train", "test"))
    assert not train & test
    assert (len(train), len(test)) == (64, 32)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_beir_s_own_loader_reads_it(tmp_path):
    loader = pytest.importorskip("beir.datasets.data_loader", reason="beir is in the dev extra")
    corpus, queries, qrels = loader.GenericDataLoader(str(SampleSource().path)).load(split="test")
    assert (len(corpus), len(queries), len(qrels)) == (384, 32, 32)
    assert set(next(iter(qrels.values())).values()) == {0, 1, 2, 3}


def test_ids_do_not_tell_the_grade():
    lines = (SampleSource().path / "corpus.jsonl").read_text(encoding="utf-8").strip().split("\n")
    ids = [json.loads(line)["_id"] for line in lines]
    assert all(re.fullmatch(r"p\d{3}", one) for one in ids)
    grades = {}
    for split in ("train", "test"):
        for line in (SampleSource().path / "qrels" / f"{split}.tsv").read_text().strip().split("\n")[1:]:
            grades[line.split("\t")[1]] = int(line.split("\t")[2])
    order = [grades[one] for one in ids]
    steps = Counter((later - earlier) % 4 for earlier, later in pairwise(order))
    assert max(steps.values()) < 0.4 * len(order)


def test_every_query_has_two_paraphrases_and_none_says_what_another_query_says():
    path = SampleSource().path / "paraphrases.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").strip().split("\n")]
    queries = SampleSource().path / "queries.jsonl"
    texts = {row["_id"]: row["text"].casefold() for row in map(json.loads, queries.read_text().strip().split("\n"))}
    assert Counter(row["query_id"] for row in rows) == dict.fromkeys(texts, 2)
    written = [row["text"].casefold() for row in rows]
    assert len(set(written) | set(texts.values())) == len(written) + len(texts)
