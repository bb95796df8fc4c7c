"""On Parquet files in BRIGHT's layout: gold and excluded ids stand with the query."""

import pytest

from tests.fixtures.suites import DOCUMENTS, EXAMPLES, write_bright
from wrank.data.source.bright import TASKS, BrightSource
from wrank.errors import WrankError


@pytest.fixture
def make(tmp_path):
    def make(task="pony", documents=DOCUMENTS, examples=EXAMPLES):
        write_bright(tmp_path / "bright", task, documents, examples)
        return BrightSource(task, str(tmp_path))

    return make


def test_a_task_is_read_with_its_excluded_documents(make, tmp_path):
    source = make()
    assert (source.name, source.splits()) == ("bright-pony", ["test"])
    collection = source.load("test", tmp_path / "cache")
    assert dict(zip(collection.passages.ids, collection.passages.all_texts, strict=True)) == {
        "d1": "why tea\nsteeps",
        "d2": "coffee",
        "d3": "coffee, again",
        "a_page/of_two.txt": "",
    }
    assert list(collection.queries.all_texts) == ["a drink?", "another?", "a third?"]
    assert collection.qrels == {"0": {"d1": 1.0, "a_page/of_two.txt": 1.0}, "1": {"d3": 1.0}, "2": {"d2": 1.0}}
    assert collection.excluded == {"1": {"d2"}}


def test_the_fingerprint_follows_the_excluded_ids_and_each_task_has_its_own(make):
    first = make().fingerprint("test")
    other = [EXAMPLES[0], EXAMPLES[1] | {"excluded_ids": ["d1"]}, EXAMPLES[2]]
    assert make(examples=other).fingerprint("test") != first
    assert make("aops").fingerprint("test") == first  # same content
    assert make("aops", DOCUMENTS[:1]).fingerprint("test") != first


def test_a_document_that_comes_twice_is_read_once_unless_it_differs(make, tmp_path):
    assert len(make(documents=[*DOCUMENTS, DOCUMENTS[0]]).load("test", tmp_path / "cache").passages) == 4
    with pytest.raises(WrankError, match=r"pony-00000-of-00001.parquet:5: id 'd1' comes twice, with two texts"):
        make(documents=[*DOCUMENTS, {"id": "d1", "content": "other"}]).load("test", tmp_path / "cache")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"gold_ids": ["nosuch"]}, "passage 'nosuch'"),
        ({"excluded_ids": ["nosuch"]}, "passage 'nosuch'"),
        ({"excluded_ids": ["d2"], "gold_ids": ["d2"]}, "is excluded for query '0', but relevant"),
        ({"gold_ids": "d1"}, "'gold_ids' is 'd1'; wanted a list of ids"),
        ({"query": " "}, "the query's text is empty"),
    ],
)
def test_what_does_not_fit_is_told(make, tmp_path, changed, message):
    with pytest.raises(WrankError, match=message):
        make(examples=[EXAMPLES[0] | changed]).load("test", tmp_path / "cache")


def test_other_splits_tasks_and_places_are_told(make, tmp_path):
    with pytest.raises(WrankError, match=r"run `wrank data pull bright`.*hf download xlangai/BRIGHT"):
        BrightSource("pony", str(tmp_path))
    source = make()
    with pytest.raises(WrankError, match="no split 'train'"):
        source.load("train", tmp_path / "cache")
    with pytest.raises(WrankError, match="did you mean 'economics'"):
        BrightSource("economy", str(tmp_path))
    with pytest.raises(WrankError, match=r"documents/aops-\*.parquet: no such file; there are: documents/pony"):
        BrightSource("aops", str(tmp_path)).load("test", tmp_path / "cache")


def test_there_are_twelve_tasks():
    assert len(set(TASKS)) == 12
