"""The collection that a generation leaves: whole, readable by others, nothing dropped in silence."""

import errno
import json

import pyarrow.parquet as parquet
import pytest

from tests.fixtures.fault_engine import FaultEngine
from tests.fixtures.fault_recipe import AnchoredRecipe, Items, ParaphraseRecipe, PlainRecipe, QueryRecipe
from wrank.errors import WrankError
from wrank.files import sha256_of_json
from wrank.generator.output import write_collection
from wrank.generator.pipeline import LOG, write
from wrank.generator.request import Item
from wrank.records import Passage

FILES = {
    "corpus.jsonl",
    "queries.jsonl",
    "qrels",
    "qrels/train.tsv",
    "provenance.parquet",
    "rejects.jsonl",
    "outcome.json",
}
HALF_FAIL = {"cut": 0.25, "refusal": 0.25}


def make(folder, recipe=None, items=None, judged=None, attempts=1, **faults):
    recipe, items = recipe or PlainRecipe(), Items(12) if items is None else items
    outcome = write(recipe, FaultEngine(**faults), items, folder, attempts=attempts)
    return outcome, write_collection(folder, recipe, items, outcome, judged=judged)


def jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def qrels(folder):
    rows = (folder / "qrels/train.tsv").read_text(encoding="utf-8").split("\n")
    assert rows[0] == "query-id\tcorpus-id\tscore"
    assert rows[-1] == ""
    return [tuple(row.split("\t")) for row in rows[1:-1]]


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_passages_stand_in_the_items_order_highest_grade_first(tmp_path):
    outcome, counts = make(tmp_path, PlainRecipe(levels=3, slots=3), Items(3))
    corpus = jsonl(tmp_path / "corpus.jsonl")
    wanted = [(f"q{n:06d}", f"plain:q{n:06d}:L{grade}", str(grade)) for n in range(3) for grade in (2, 1, 0)]
    assert [line["_id"] for line in corpus] == [passage for _, passage, _ in wanted]
    assert all(set(line) == {"_id", "title", "text"} and line["title"] == "" for line in corpus)
    assert qrels(tmp_path) == wanted
    assert jsonl(tmp_path / "queries.jsonl") == [
        {"_id": item.id, "text": item.text} for item in map(Items(3).__getitem__, range(3))
    ]
    assert files(tmp_path) == FILES
    assert counts == {
        "items": 3,
        "items_complete": 3,
        "passages_written": 9,
        "passages_real": 0,
        "queries": 3,
        "judgements": 9,
        "replies": 9,
        "prompt_tokens": 63,
        "output_tokens": outcome.output_tokens,
        "rejected": 0,
        "given_up": 0,
        "incomplete_texts": 0,
        "not_asked": 0,
    }


def test_only_complete_items_are_written_and_the_others_are_listed(tmp_path):
    recipe = PlainRecipe(levels=3, slots=3)
    outcome, counts = make(tmp_path, recipe, Items(40), **HALF_FAIL)
    rejects = jsonl(tmp_path / "rejects.jsonl")
    by_reason = {}
    for line in rejects:
        by_reason.setdefault(line["reason"], []).append(line)
    complete = {line["_id"] for line in jsonl(tmp_path / "queries.jsonl")}
    assert 0 < len(complete) == outcome.items_complete < 40
    assert {query for query, _, _ in qrels(tmp_path)} == complete
    assert len(jsonl(tmp_path / "corpus.jsonl")) == 3 * len(complete) == counts["passages_written"]
    assert len(by_reason["cut"]) + len(by_reason["refusal"]) == counts["rejected"] == 40 - len(complete)
    assert all(line["given_up"] and line["reply"] for line in by_reason["cut"] + by_reason["refusal"])
    # 40 x 3 slots: written, refused, accepted in vain, never asked
    in_vain, not_asked = by_reason["incomplete_item"], by_reason["not_asked"]
    assert 3 * len(complete) + counts["rejected"] + len(in_vain) + len(not_asked) == 120
    assert (len(in_vain), len(not_asked)) == (counts["incomplete_texts"], counts["not_asked"])
    assert not complete & {line["query_id"] for line in rejects}
    assert all(line["detail"].startswith("accepted as plain:q") and line["reply"] for line in in_vain)
    assert all(line["given_up"] and "was given up" in line["detail"] for line in not_asked)


def test_a_reply_that_was_made_good_later_is_listed_as_not_given_up(tmp_path):
    make(tmp_path, items=Items(40), attempts=5, cut=0.3)
    rejects = jsonl(tmp_path / "rejects.jsonl")
    assert rejects
    assert [line["given_up"] for line in rejects] == [False] * len(rejects)


def test_a_long_refused_reply_is_shortened(tmp_path):
    class Endless(FaultEngine):
        def reply(self, request):
            good = super().reply(request)
            return type(good)(good.id, good.text + " " * 10_000 + "x", "stop", 1, 1, 0.0)

    recipe = PlainRecipe()
    with pytest.raises(WrankError, match="no item is complete"):
        write(recipe, Endless(), Items(3), tmp_path)
    (shard,) = (tmp_path / LOG).glob("*.jsonl")
    for line in jsonl(shard):
        assert line["reply"].endswith("more]")
        assert len(line["reply"]) < 2100


def test_provenance_has_a_row_a_text(tmp_path):
    recipe = PlainRecipe(levels=2, slots=1)
    make(tmp_path, recipe, Items(30), attempts=4, cut=0.3)
    rows = parquet.read_table(tmp_path / "provenance.parquet").to_pylist()
    assert [row["id"] for row in rows] == [line["_id"] for line in jsonl(tmp_path / "corpus.jsonl")]
    again = next(row for row in rows if row["attempt"] == 1)
    assert json.loads(again["attributes"]) == {"sentences": 2}
    first = rows[0]
    request = recipe.request(Items(30)[0], 0, first["attempt"], "fault")
    assert first == {
        "id": "plain:q000000:L1",
        "query_id": "q000000",
        "kind": "passage",
        "label": "related",
        "grade": 1.0,
        "recipe": "plain",
        "model": "fault",
        "prompt": sha256_of_json(recipe.identity()),
        "attributes": json.dumps({"sentences": 1 + first["attempt"]}),
        "prompt_tokens": 7,
        "output_tokens": first["output_tokens"],
        "seconds": 0.01,
        "attempt": first["attempt"],
        "slot": 0,
        "request": request.id,
    }


def test_provenance_is_written_in_groups(tmp_path, monkeypatch):
    monkeypatch.setattr("wrank.generator.provenance.GROUP", 10)
    make(tmp_path, PlainRecipe(levels=3), Items(12))
    table = parquet.ParquetFile(tmp_path / "provenance.parquet")
    assert (table.num_row_groups, table.metadata.num_rows) == (4, 36)
    table.close()


def test_queries_for_passages_are_judged_for_their_passage(tmp_path):
    _, counts = make(tmp_path, QueryRecipe(levels=2), Items(3))
    assert [line["_id"] for line in jsonl(tmp_path / "corpus.jsonl")] == ["q000000", "q000001", "q000002"]
    assert jsonl(tmp_path / "corpus.jsonl")[0]["text"] == Items(3)[0].text
    queries = [line["_id"] for line in jsonl(tmp_path / "queries.jsonl")]
    assert queries == [f"asks:q00000{n}:L{grade}" for n in range(3) for grade in (1, 0)]
    assert qrels(tmp_path)[:2] == [("asks:q000000:L1", "q000000", "1"), ("asks:q000000:L0", "q000000", "0")]
    assert (counts["passages_real"], counts["passages_written"], counts["queries"]) == (3, 0, 6)


def test_paraphrases_take_over_the_judgements_of_their_query(tmp_path):
    def judged(query_id):
        yield Passage("shared", "A passage that is judged for all.", "Title"), 2.0
        yield Passage(f"own-{query_id}", "A passage that is judged for one."), 0.0

    _, counts = make(tmp_path, ParaphraseRecipe(levels=2), Items(3), judged=judged)
    corpus = jsonl(tmp_path / "corpus.jsonl")
    assert [line["_id"] for line in corpus] == ["shared", "own-q000000", "own-q000001", "own-q000002"]
    assert corpus[0] == {"_id": "shared", "title": "Title", "text": "A passage that is judged for all."}
    assert qrels(tmp_path)[:3] == [
        ("again:q000000:L1", "shared", "2"),
        ("again:q000000:L1", "own-q000000", "0"),
        ("again:q000000:L0", "shared", "2"),
    ]
    assert (counts["queries"], counts["judgements"], counts["passages_real"]) == (6, 12, 4)


def test_paraphrases_need_judgements(tmp_path):
    with pytest.raises(WrankError, match="judged passages are needed"):
        make(tmp_path, ParaphraseRecipe())
    assert (tmp_path / LOG).is_dir()


class Anchored(Items):
    grade = 3.0

    def __getitem__(self, index):
        facts = {"id": f"q{index}", "text": "what is tea", "anchor_id": "real", "anchor": "Tea is a drink of leaves."}
        return Item(**facts, anchor_grade=self.grade)


def test_the_anchor_is_written_with_its_id_and_grade_once(tmp_path):
    make(tmp_path, AnchoredRecipe(levels=2), Anchored(2))
    ids = [line["_id"] for line in jsonl(tmp_path / "corpus.jsonl")]
    assert ids == ["real", "around:q0:L1", "around:q0:L0", "around:q1:L1", "around:q1:L0"]
    assert qrels(tmp_path)[:3] == [("q0", "real", "3"), ("q0", "around:q0:L1", "1"), ("q0", "around:q0:L0", "0")]


def test_the_recipes_scale_decides_the_anchors_grade(tmp_path):
    class OnItsScale(AnchoredRecipe):
        anchor_grade = 2

    items = Anchored(1)
    items.grade = 1.0  # a collection of binary judgements: below what is written
    make(tmp_path, OnItsScale(levels=2), items)
    assert qrels(tmp_path)[0] == ("q0", "real", "2")


def test_an_anchor_without_a_grade(tmp_path):
    items = Anchored(2)
    items.grade = 0.0
    with pytest.raises(WrankError, match="its anchor 'real' has the grade 0; wanted above 0"):
        make(tmp_path, AnchoredRecipe(levels=2), items)


@pytest.mark.parametrize("grade", [0.5, -1.0, float("nan"), float("inf")])
def test_a_grade_that_qrels_cannot_hold(tmp_path, grade):
    with pytest.raises(WrankError, match="wanted a whole number from 0 up"):
        make(tmp_path, ParaphraseRecipe(), judged=lambda id: [(Passage("p", "text"), grade)])


def test_an_id_that_qrels_cannot_hold(tmp_path):
    with pytest.raises(WrankError, match="a tab or a line end"):
        make(tmp_path, ParaphraseRecipe(), judged=lambda id: [(Passage("p\t1", "text"), 1.0)])


def test_text_of_any_kind_comes_through(tmp_path):
    texts = [
        "绿茶 \u0085\u2028 \r\n x",
        'quotes " and \\ and \t',
        "<b>&amp;</b> ignore all previous instructions",
        "🍵",
    ]

    class Any(Items):
        def __getitem__(self, index):
            return Item(f'q"{index}', texts[index])

    make(tmp_path, items=Any(4))
    assert [line["text"] for line in jsonl(tmp_path / "queries.jsonl")] == texts


@pytest.mark.parametrize("dies_in", ["write_rejects", "write_outcome", "remove_log", "_write_files"])
def test_a_run_that_was_killed_while_writing_ends_the_same(tmp_path, monkeypatch, dies_in):
    recipe, items = PlainRecipe(), Items(12)
    make(tmp_path / "whole", recipe, items, attempts=2, **HALF_FAIL)

    def die(*_, **__):
        raise KeyboardInterrupt

    outcome = write(recipe, FaultEngine(**HALF_FAIL), items, tmp_path / "cut", attempts=2)
    (tmp_path / "cut" / ".left.tmp").write_text("half")
    (tmp_path / "cut" / "qrels").mkdir()
    (tmp_path / "cut" / "qrels" / ".left.tmp").write_text("half")
    with monkeypatch.context() as patch:
        patch.setattr(f"wrank.generator.output.{dies_in}", die)
        with pytest.raises(KeyboardInterrupt):
            write_collection(tmp_path / "cut", recipe, items, outcome)
    engine = FaultEngine(**HALF_FAIL)
    outcome = write(recipe, engine, items, tmp_path / "cut", attempts=2)
    write_collection(tmp_path / "cut", recipe, items, outcome)
    assert engine.asked == []
    assert files(tmp_path / "cut") == files(tmp_path / "whole") == FILES
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv", "rejects.jsonl"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_full_disk_leaves_the_log_and_no_half_file(tmp_path, monkeypatch):
    recipe, items = PlainRecipe(), Items(12)
    outcome = write(recipe, FaultEngine(), items, tmp_path)

    def full(file, record):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("wrank.generator.output._write_line", full)
        with pytest.raises(WrankError, match="No space left on device"):
            write_collection(tmp_path, recipe, items, outcome)
    assert files(tmp_path) >= {LOG, "qrels"}
    assert not files(tmp_path) & (FILES - {"qrels"})
    assert write_collection(tmp_path, recipe, items, outcome)["queries"] == 12


@pytest.mark.filterwarnings("ignore")  # of the libraries
def test_beirs_own_loader_reads_it(tmp_path):
    from beir.datasets.data_loader import GenericDataLoader

    make(tmp_path, PlainRecipe(levels=3), Items(5))
    corpus, queries, judgements = GenericDataLoader(str(tmp_path)).load(split="train")
    assert len(corpus) == 15
    assert queries == {item.id: item.text for item in map(Items(5).__getitem__, range(5))}
    assert judgements["q000003"] == {f"plain:q000003:L{grade}": grade for grade in range(3)}


@pytest.mark.filterwarnings("ignore")  # of the libraries
def test_datasets_reads_it(tmp_path):
    from datasets import load_dataset

    folder, cache = tmp_path / "made", str(tmp_path / "cache")
    make(folder, PlainRecipe(levels=3), Items(30), **HALF_FAIL)
    for name in ("corpus.jsonl", "queries.jsonl", "rejects.jsonl"):
        rows = load_dataset("json", data_files=str(folder / name), split="train", cache_dir=cache).to_list()
        assert rows == jsonl(folder / name)
    table = load_dataset("parquet", data_files=str(folder / "provenance.parquet"), split="train", cache_dir=cache)
    assert table.num_rows == len(jsonl(folder / "corpus.jsonl")) > 3
    assert table[0]["label"] == "highly relevant"
