import itertools

import pytest

from wrank.data.augment.crop import Crop
from wrank.data.lists import ListSampler
from wrank.data.source import crops
from wrank.data.source.beir import BeirSource
from wrank.data.source.crops import CropSource
from wrank.errors import WrankError


def words(name, count):
    return " ".join(f"{name}{place}" for place in range(count))


TEXTS = {f"d{place}": words(f"d{place}w", 20 + place) for place in range(40)} | {"short": words("s", 15), "none": ""}


@pytest.fixture
def corpus(write_folder):
    """A folder with nothing but a corpus."""
    folder = write_folder(TEXTS, {"q": "x"}, {})
    (folder / "queries.jsonl").unlink()
    (folder / "qrels").rmdir()
    return folder


@pytest.fixture
def load(corpus, tmp_path):
    def load(folder=corpus, split="crops", **settings):
        return CropSource(BeirSource(str(folder)), **settings).load(split, tmp_path / "cache")

    return load


def queries_of(collection):
    return {id: collection.query_text(id) for id in collection.queries.ids}


def test_each_long_passage_has_one_crop_that_asks_for_it(load):
    collection = load()
    assert collection.qrels == {f"crop-d{place}": {f"d{place}": 1.0} for place in range(40)}
    assert (collection.split, dict(collection.excluded)) == ("crops", {})
    for id, crop in queries_of(collection).items():
        text = TEXTS[id.removeprefix("crop-")]
        size = len(text.split())
        assert crop in text
        assert 0.05 * size - 0.5 <= len(crop.split()) <= 0.5 * size + 0.5
    assert len({len(crop.split()) for crop in queries_of(collection).values()}) > 5
    assert list(load(min_words=15).qrels)[-1] == "crop-short"


def test_crops_stay_when_read_again_and_follow_the_seed(load, corpus, tmp_path):
    first = load()
    again = CropSource(BeirSource(str(corpus))).load("crops", tmp_path / "other")
    assert queries_of(again) == queries_of(first)
    assert again.fingerprint == first.fingerprint
    other = load(seed=1)
    assert queries_of(other) != queries_of(first)
    assert other.fingerprint != first.fingerprint


def test_every_setting_changes_the_content(corpus):
    settings = [{}, {"min_words": 17}, {"count": 3}, {"share": 0.5}, {"crop": [0.1, 0.5]}, {"seed": 1}]
    found = {CropSource(BeirSource(str(corpus)), **one).fingerprint("crops") for one in settings}
    assert len(found) == len(settings)


def test_count_and_share_are_by_hash_and_count_is_exact(load):
    assert len(load(count=7).qrels) == 7
    assert len(load(count=500).qrels) == 40
    assert set(load(count=7).qrels) < set(load(count=8).qrels)
    assert set(load(count=7).qrels) != set(load(count=7, seed=1).qrels)
    half = set(load(share=0.5).qrels)
    assert 10 <= len(half) <= 30
    assert half < set(load(share=0.9).qrels)
    assert half != set(load(share=0.5, seed=1).qrels)


def test_other_passages_change_neither_choice_nor_crops(load, write_folder):
    less = write_folder({id: TEXTS[id] for id in list(TEXTS)[::2]}, {"q": "x"}, {}, folder="less")
    some, all_ = queries_of(load(less, share=0.5)), queries_of(load(share=0.5))
    assert some.items() <= all_.items()
    assert some


def test_judgements_are_found_by_id_many_at_a_time(load, monkeypatch):
    monkeypatch.setattr(crops, "_IDS", 3)
    assert load().qrels == {f"crop-d{place}": {f"d{place}": 1.0} for place in range(40)}


def test_a_crop_is_never_a_whole_passage(load):
    assert all(crop != TEXTS[id.removeprefix("crop-")] for id, crop in queries_of(load(crop=[1, 1])).items())


def test_training_draws_query_and_passage_anew_each_epoch(load):
    """Independent cropping: both lie in the one text, and differ from epoch to epoch."""
    sampler = ListSampler(
        load(), size=2, judged=1, negatives="random", augment=Crop(share=[0.1, 0.5], independent=True)
    )
    drawn = [sampler.sample(epoch, 0) for epoch in range(20)]
    text = TEXTS[drawn[0].passage_ids[0]]
    for item in drawn:
        assert item.query_id == f"crop-{item.passage_ids[0]}"
        assert item.query in text
        assert item.passages[0] in text
        assert item.grades == [1.0, 0.0]
        assert item.passage_ids[1] != item.passage_ids[0]
    assert len({item.query for item in drawn}) > 15
    assert len({item.passages[0] for item in drawn}) > 15


def test_the_splits_of_the_folder_are_there_as_they_are(load, write_folder, tmp_path):
    folder = write_folder(TEXTS, {"q": "x"}, {"test": {"q": {"d1": 2}}}, excluded=[("q", "d2")], folder="judged")
    source = CropSource(BeirSource(str(folder)))
    assert source.splits() == ["crops", "test"]
    assert [source.has_split(split) for split in ("crops", "test", "dev", None)] == [True, True, False, False]
    test = load(folder, "test")
    assert (test.qrels, test.excluded) == ({"q": {"d1": 2.0}}, {"q": {"d2"}})
    assert source.fingerprint("test") == BeirSource(str(folder)).fingerprint("test") == test.fingerprint
    assert load(folder).passages.key == test.passages.key  # one table of texts, not two
    with pytest.raises(WrankError, match="no split 'dev'"):
        load(folder, "dev")


def test_a_bare_corpus_has_one_split(corpus):
    source = CropSource(BeirSource(str(corpus)))
    assert source.splits() == ["crops"]
    assert source.name == "collection"
    assert not source.has_split("test")


def test_a_changed_corpus_is_cropped_anew(load, corpus):
    first = load()
    with (corpus / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "new", "text": "' + words("n", 30) + '"}\n')
    assert set(load().qrels) == {*first.qrels, "crop-new"}


def test_malformed_lines_are_named(load, corpus):
    with (corpus / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "d1", "text": "again"}\n')
    with pytest.raises(WrankError, match=r"corpus.jsonl:43: id 'd1' comes twice"):
        load()


@pytest.mark.parametrize(
    ("settings", "fragment"),
    [
        ({"min_words": 1}, "data.source.min_words is 1; wanted a whole number from 2 up"),
        ({"min_words": True}, "data.source.min_words is True"),
        ({"count": 0}, "data.source.count is 0; wanted a whole number from 1 up"),
        ({"share": 0}, "data.source.share is 0; wanted a number above 0, up to 1"),
        ({"share": 1.1}, "data.source.share is 1.1"),
        ({"share": 0.5, "count": 3}, "data.source.count is 3 and share is 0.5; wanted one of them"),
        ({"crop": [0.5, 0.1]}, r"data.source.crop is \[0.5, 0.1\]; wanted"),
        ({"crop": 0.5}, "data.source.crop is 0.5"),
        ({"seed": "x"}, "data.source.seed is 'x'; wanted a whole number"),
        ({"min_words": 1000}, r"corpus.jsonl: none of 42 passages has 1000 words or more: lower data.source.min_words"),
    ],
)
def test_settings_that_cannot_work_are_refused(load, settings, fragment):
    with pytest.raises(WrankError, match=fragment):
        load(**settings)


def test_what_is_no_source_is_refused():
    with pytest.raises(WrankError, match=r"data.source.of is 'folder'; wanted a node with _target_"):
        CropSource("folder")


def test_count_reads_no_more_texts_than_it_must(load, monkeypatch):
    seen = itertools.count()
    real = crops.word_spans
    monkeypatch.setattr(crops, "word_spans", lambda text: (next(seen), real(text))[1])
    load(count=3)
    assert next(seen) <= 5
