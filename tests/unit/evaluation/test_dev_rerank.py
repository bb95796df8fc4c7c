import pytest

from wrank.data.source.sample import SampleSource
from wrank.errors import WrankError
from wrank.evaluation.dev_rerank import make_rerank_dev_set
from wrank.evaluation.settings import EvaluationSettings

SETTINGS = EvaluationSettings()


class ByGrade:
    """Knows the judgements; counts what it reads."""

    def __init__(self, collection, sign=1.0):
        self.grades = {
            (
                collection.queries.text(collection.queries.row(query)),
                collection.passages.text(collection.passages.row(one)),
            ): grade
            for query, grades in collection.qrels.items()
            for one, grade in grades.items()
        }
        self.sign, self.read = sign, []

    def score_pairs(self, pairs, batch_tokens, precision):
        for pair in pairs:
            self.read.append(pair)
            yield self.sign * self.grades.get(pair, -1.0)


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return SampleSource().load("train", tmp_path_factory.mktemp("tables"))


def test_a_perfect_scorer_gets_1_and_its_opposite_less(collection):
    query_ids = sorted(collection.qrels)[:5]
    candidates = dict.fromkeys(query_ids, collection.passages.ids[:30])
    dev = make_rerank_dev_set(collection, query_ids, SETTINGS, candidates, 10)
    assert dev(ByGrade(collection))["nDCG@10"] == pytest.approx(1.0)
    assert dev(ByGrade(collection, -1.0))["nDCG@10"] < 0.5


def test_each_query_has_its_judged_passages_and_the_first_of_the_candidates(collection):
    query_ids = sorted(collection.qrels)[:3]
    wanted = [one for one in collection.passages.ids if one not in collection.qrels[query_ids[0]]][:8]
    dev = make_rerank_dev_set(collection, query_ids, SETTINGS, {query_ids[0]: wanted}, 5)
    found = [{dev.passage_ids[row] for row in rows} for rows in dev.rows]
    assert found[0] == set(collection.qrels[query_ids[0]]) | set(wanted[:5])
    assert found[1:] == [set(collection.qrels[query_id]) for query_id in query_ids[1:]]
    scorer = ByGrade(collection)
    dev(scorer)
    assert len(scorer.read) == sum(map(len, dev.rows))


def test_without_a_relevant_passage_it_says_what_to_do(collection):
    with pytest.raises(WrankError, match=r"data\.dev_share"):
        make_rerank_dev_set(collection, ["none"], SETTINGS, {}, 5)
