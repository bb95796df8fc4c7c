from wrank.evaluation.suite.sample import SampleSuite


def test_it_is_the_test_split_of_what_ships(tmp_path):
    (one,) = SampleSuite().sets()
    collection = one.source().load(one.split, tmp_path)
    assert (one.name, collection.name, collection.split) == ("sample", "sample", "test")
    assert len(collection.qrels) > 0
