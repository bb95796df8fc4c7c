import pytest

from wrank.data.lists import ListSampler
from wrank.data.source.sample import SampleSource
from wrank.errors import WrankError


def test_the_shipped_collection_is_whole(tmp_path):
    try:
        source = SampleSource()
    except WrankError as error:
        pytest.skip(f"the sample's texts are not written yet: {error}")
    assert {"train", "test"} <= set(source.splits())
    for split in ("train", "test"):
        collection = source.load(split, tmp_path)
        counts = collection.describe()
        assert collection.name == "sample"
        assert set(counts["judgements_per_grade"]) == {"0", "1", "2", "3"}
        assert (counts["duplicate_texts"], counts["empty_passages"], counts["repeated_judgements"]) == (0, 0, 0)
        sampler = ListSampler(collection, size=4, choice="one_per_level")
        assert sampler.skipped == 0
        assert {tuple(sampler.sample(0, index).grades) for index in range(len(sampler))} == {(3.0, 2.0, 1.0, 0.0)}
