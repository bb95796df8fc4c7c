"""BM25 held against a formula written out here, on ten small documents."""

import math
import re
import sys

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.mining.bm25 import Bm25Miner, best
from wrank.mining.terms import Terms

DOCUMENTS = [
    "the cat sat on the mat",
    "the dog sat on the log log log",
    "cats and dogs are animals",
    "a mat is a small rug",
    "",
    "rug rug rug and nothing but a rug on a rug",
    "the quick brown fox",
    "the cat sat on the mat",
    "Dog! DOG? dog... x",
    "zebra",
]
PASSAGES = {f"d{row}": text for row, text in enumerate(DOCUMENTS)}
QUERIES = {"cat": "cat mat", "rug": "rug rug dog", "none": "yeti x", "all": "the cat and the rug on a log"}


def words(text):
    return re.findall(r"\b\w\w+\b", text.lower())


def naive(query, k1, b, method):
    """Scores [N]; idf of the variants as in Kamphuis et al. 2020, table 1."""
    held = [words(text) for text in DOCUMENTS]
    count, mean = len(held), sum(map(len, held)) / len(held)
    scores = []
    for document in held:
        score = 0.0
        for word in words(query):
            having, often = sum(word in other for other in held), document.count(word)
            if not often:
                continue
            ratio = (count - having + 0.5) / (having + 0.5)
            idf = {
                "lucene": math.log(1 + ratio),
                "robertson": math.log(max(1, ratio)),
                "atire": math.log(count / having),
            }[method]
            norm = k1 * (1 - b + b * len(document) / mean)
            score += idf * often * ((k1 + 1) if method == "atire" else 1) / (often + norm)
        scores.append(score)
    return scores


@pytest.fixture
def collection(make_collection):
    return make_collection(PASSAGES, QUERIES, {"cat": {"d0": 1}})


def opened(collection, tools, **settings):
    miner = Bm25Miner(**{"stemmer": None, "stopwords": None} | settings)
    miner.open(collection, tools)
    return miner


@pytest.mark.parametrize("method", ["lucene", "robertson", "atire"])
@pytest.mark.parametrize(("k1", "b"), [(0.9, 0.4), (1.5, 0.75), (0.0, 0.0), (2.0, 1.0)])
def test_ranking_is_that_of_the_formula(collection, make_tools, method, k1, b):
    miner = opened(collection, make_tools(), method=method, k1=k1, b=b)
    rankings = list(miner.rank(collection, np.arange(4), 10))
    assert [ranking.query_row for ranking in rankings] == [0, 1, 2, 3]
    for ranking, query in zip(rankings, QUERIES.values(), strict=True):
        wanted = naive(query, k1, b, method)
        order = sorted((row for row in range(10) if wanted[row] > 0), key=lambda row: (-round(wanted[row], 5), row))
        assert ranking.rows.tolist() == order
        assert ranking.scores.tolist() == pytest.approx([wanted[row] for row in order], rel=1e-5)


def test_equal_scores_are_in_ascending_order_of_rows_and_cut_there(collection, make_tools):
    """d0 and d7 have one text."""
    (ranking,) = opened(collection, make_tools()).rank(collection, np.array([0]), 1)
    assert ranking.rows.tolist() == [0]
    scores = np.array([1, 3, 0, 3, 2, 3, 1], dtype=np.float32)
    assert best(scores, 2)[0].tolist() == [1, 3]
    assert best(scores, 5)[0].tolist() == [1, 3, 5, 4, 0]
    assert best(scores, 100)[0].tolist() == [1, 3, 5, 4, 0, 6]


def test_query_without_a_known_word_has_an_empty_ranking(collection, make_tools):
    (ranking,) = opened(collection, make_tools()).rank(collection, np.array([2]), 5)
    assert (len(ranking.rows), len(ranking.scores)) == (0, 0)


def test_single_pairs_score_as_in_the_ranking_to_the_last_bit(collection, make_tools):
    miner = opened(collection, make_tools(), stemmer="english", stopwords="en")
    for ranking in miner.rank(collection, np.arange(4), 10):
        scores = dict(zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True))
        alone = miner.score_pairs(collection, np.full(10, ranking.query_row), np.arange(10))
        assert alone.tolist() == [scores.get(row, 0.0) for row in range(10)]
    several = miner.score_pairs(collection, np.array([3, 3, 0, 1]), np.array([5, 0, 0, 5]))
    for alone, query, passage in zip(several, (3, 3, 0, 1), (5, 0, 0, 5), strict=True):
        assert miner.score_pairs(collection, np.array([query]), np.array([passage])).tolist() == [alone]


def test_stemmer_and_stop_words_change_what_is_found(collection, make_tools):
    plain, stemmed = (opened(collection, make_tools(), stemmer=stemmer) for stemmer in (None, "english"))
    found = [next(iter(miner.rank(collection, np.array([0]), 10))).rows.tolist() for miner in (plain, stemmed)]
    assert 2 not in found[0]
    assert 2 in found[1]  # cats
    assert plain.identity() != stemmed.identity()
    terms = Terms("english", "en")
    assert [list(terms.numbers)[n] for n in terms.of("The cats of THE dog's cat 7 x")] == ["cat", "dog", "cat"]


def test_index_is_built_once_and_mapped_and_holds_no_pickle(collection, make_tools, monkeypatch):
    tools = make_tools()
    opened(collection, tools)
    assert tools.progress.done == {"indexing": 10}
    (folder,) = (tools.folder / "bm25").glob("[!.]*")
    assert "words.bin" not in {path.name for path in folder.iterdir()}
    asked = []
    load = np.load
    monkeypatch.setattr(np, "load", lambda *given, **named: asked.append(named) or load(*given, **named))
    again = opened(collection, tools)
    assert tools.progress.done == {"indexing": 10}
    assert len(asked) == 3
    assert all(named == {"allow_pickle": False, "mmap_mode": "r"} for named in asked)
    assert not again._index.scores["data"].flags.writeable
    opened(collection, tools, b=0.5)
    assert len(list((tools.folder / "bm25").glob("[!.]*"))) == 2


def test_corpus_without_a_word_is_refused(make_collection, make_tools):
    collection = make_collection({"d": "x", "e": ""}, {"q": "x"}, {"q": {"d": 1}})
    with pytest.raises(WrankError, match=r"no passage holds a term.*miner=dense"):
        opened(collection, make_tools())


def test_damaged_index_is_told(collection, make_tools):
    tools = make_tools()
    opened(collection, tools)
    (folder,) = (tools.folder / "bm25").glob("[!.]*")
    (folder / "data.csc.index.npy").write_bytes(b"short")
    with pytest.raises(WrankError, match=r"BM25 index.*remove that folder"):
        opened(collection, tools)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"k1": -0.1}, r"miner\.k1 is -0\.1"),
        ({"k1": math.inf}, r"miner\.k1 is inf"),
        ({"k1": math.nan}, r"miner\.k1 is nan"),
        ({"b": 1.1}, r"miner\.b is 1\.1; wanted a number from 0 to 1"),
        ({"b": "0.4"}, r"miner\.b is '0\.4'"),
        ({"method": "bm25+"}, r"miner\.method is 'bm25\+'; wanted one of lucene"),
        ({"stemmer": "klingon"}, r"miner\.stemmer is 'klingon'; wanted null or one of .*english"),
        ({"stopwords": "klingon"}, r"miner\.stopwords is 'klingon'"),
        ({"stopwords": False}, r"miner\.stopwords is False"),
        ({"chunk": 0}, r"miner\.chunk is 0"),
    ],
)
def test_wrong_value_is_refused_with_its_key(given, wanted):
    with pytest.raises(WrankError, match=wanted):
        Bm25Miner(**given)


@pytest.mark.parametrize(("module", "package"), [("bm25s", "bm25s"), ("Stemmer", "PyStemmer")])
def test_missing_library_says_what_to_install(monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(WrankError, match=f"pip install {package}"):
        Bm25Miner()
