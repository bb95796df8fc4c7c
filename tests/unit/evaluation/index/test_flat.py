from wrank.evaluation.index.base import recall_against
from wrank.evaluation.index.flat import FlatIndex


def test_the_option_makes_it(option):
    assert option("flat") == FlatIndex()


def test_it_loses_nothing(clustered, tmp_path):
    FlatIndex().build(clustered.vectors, tmp_path)
    found = clustered.found(FlatIndex().open(tmp_path), 100)
    assert recall_against(found, clustered.exact(100), [1, 10, 100]) == dict.fromkeys(
        ("recall@1", "recall@10", "recall@100"), 1.0
    )
