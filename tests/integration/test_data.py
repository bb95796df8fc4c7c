"""``wrank data`` as a user sees it: what a collection or a mix yields, what is wrong with it, what was fetched."""

import functools
import hashlib
import json
import re

import pytest
from rich.console import Console

from tests.fixtures.suites import write_bright, write_nano
from wrank.data.source.public import RECORD
from wrank.data.source.public import pull as real_pull
from wrank.manifest import MANIFEST
from wrank.tracking import data as tables

KEY = "ab" * 32
PASSAGES = {"p1": "tea", "p2": "coffee and more", "p3": "cocoa [bold]hot[/bold] \x1b[31m"}
QUERIES = {"q1": "a drink", "q2": "another"}
QRELS = {"train": {"q1": {"p1": 2, "p3": 0}}, "test": {"q2": {"p2": 1}}}


def write(folder, qrels=None, passages=None):
    (folder / "qrels").mkdir(parents=True)
    for name, texts in (("corpus", passages or PASSAGES), ("queries", QUERIES)):
        lines = [json.dumps({"_id": id, "text": text}) + "\n" for id, text in texts.items()]
        (folder / f"{name}.jsonl").write_text("".join(lines))
    for split, judged in (QRELS if qrels is None else qrels).items():
        rows = [f"{q}\t{p}\t{grade}\n" for q, grades in judged.items() for p, grade in grades.items()]
        (folder / "qrels" / f"{split}.tsv").write_text("".join(rows))
    return folder


def write_generation(store):
    folder = store / "generation" / f"toy-{KEY[:16]}"
    levels = {"q1": {f"level-{grade}-of-a-generated-passage": grade for grade in range(4)}}
    write(folder, {"train": levels}, {id: f"text of {id}" for id in levels["q1"]})
    facts = {"key": KEY, "kind": "generation", "name": "toy", "finished": "now", "content_key": "c"}
    (folder / MANIFEST).write_text(json.dumps(facts))
    return folder


def cells(out):
    """The rows of all tables, without their frames."""
    rows = (line.strip("│┃").strip() for line in out.split("\n") if line.startswith(("│", "┃")))
    return [tuple(cell.strip() for cell in re.split("[│┃]", row)) for row in rows]


@pytest.fixture
def own(here, tmp_path):
    """A folder of one's own as ``data=beir``."""
    write(tmp_path / "own")
    return "data=beir", f"data.path={tmp_path}/own"


@pytest.mark.parametrize("words", [("describe", "data=sample"), ("data=sample",), (), ("data=sample", "describe")])
def test_the_sample_is_described_and_describe_is_what_is_done_by_default(here, words):
    out, _ = here("data", *words)
    assert "sample/train" in out
    rows = cells(out)
    assert {("passages", "384"), ("judged queries", "64"), ("splits", "test, train")} <= set(rows)
    assert ("judged", "4.00") in {row[:2] for row in rows}
    assert [row[0] for row in rows if row[1:2] == ("1.00",)] == ["3", "2", "1", "0"]
    assert out.count("passage      ") == 3  # examples


def test_a_collection_of_ones_own_is_described(here, own):
    out, _ = here("data", "describe", *own)
    rows = set(cells(out))
    assert {("passages", "3"), ("judgements", "2"), ("splits", "test, train")} <= rows
    assert ("passages", "1", "3", "3", "3") in rows
    assert "dense negatives need the model's ranking" in out
    assert "1 queries have a list; below, 1 lists of the first epoch" in out
    assert ("2", "judged", "p1", "tea") in rows
    assert ("0", "judged", "p3", "cocoa [bold]hot[/bold] [31m") in rows  # no markup, nothing for the terminal


def test_a_collection_for_evaluation_alone_is_described_by_its_test_split(here, tmp_path):
    write(tmp_path / "own", {"test": QRELS["test"]})
    out, _ = here("data", "describe", "data=beir", f"data.path={tmp_path}/own")
    assert "own/test" in out
    assert "no split 'train' to train on, so no lists; what is above is 'test'" in out
    _, err = here("data", "data=beir", f"data.path={tmp_path}/own", "data.split=dev", code=2)
    assert "no split 'train' (there are: test)" in err


def test_judgements_without_anything_relevant_are_described_without_lists(here, tmp_path):
    write(tmp_path / "own", {"train": {"q1": {"p1": 0}}})
    out, _ = here("data", "describe", "data=beir", f"data.path={tmp_path}/own")
    assert "no query has a judged passage with a grade above 0" in out
    assert "lists of the first epoch" not in out


def test_a_mix_is_described_with_its_parts_and_the_lists_drawn_from_it(here, own):
    write_generation(here.store)
    words = ("data=synthetic_graded", own[1], "data.generation=toy")
    out, _ = here("data", "describe", *words)
    rows = cells(out)
    assert ("synthetic", "4", "1", "0: 1, 1: 1, 2: 1, 3: 1") in rows
    assert ("synthetic", "4.00") in {row[:2] for row in rows}
    assert "dense" not in out
    assert "3 │ synthetic │ level-3" in out
    out, _ = here("data", "verify", *words)
    assert out.count("as it should be") == 4  # test, train, part synthetic, mix


def test_a_mix_over_texts_without_judgements_is_described_and_verified(here, own, tmp_path):
    for path in (tmp_path / "own" / "qrels").iterdir():
        path.unlink()
    (tmp_path / "own" / "qrels").rmdir()
    write_generation(here.store)
    words = ("data=synthetic_graded", own[1], "data.generation=toy")
    assert ("splits", "none") in cells(here("data", "describe", *words)[0])
    assert here("data", "verify", *words)[0].count("as it should be") == 2


def test_a_mix_with_a_bad_part_names_it_and_the_rest_is_looked_at(here, own):
    folder = write_generation(here.store)
    (folder / "qrels" / "train.tsv").write_text("q1\tlevel-9\t1\n")
    words = ("data=synthetic_graded", own[1], "data.generation=toy")
    out, err = here("data", "verify", *words, code=2)
    assert "train: as it should be" in out
    assert "part synthetic: WRONG" in out
    assert "level-9" in out
    assert "wrong: part synthetic" in err
    _, err = here("data", "describe", *words, code=2)
    assert "level-9" in err
    out, err = here("data", "verify", *words[:2], "data.generation=nosuch", code=2)
    assert "mix: WRONG" in out
    assert "no generation fits" in out


def test_good_splits_are_verified(here, own):
    out, _ = here("data", "verify", *own)
    assert out == (
        "test: as it should be  3 passages, 1 judged queries, 1 judgements\n"
        "train: as it should be  3 passages, 1 judged queries, 2 judgements\n"
    )


def test_a_bad_split_is_named_and_the_good_one_is_still_checked(here, own, tmp_path):
    (tmp_path / "own" / "qrels" / "dev.tsv").write_text("q1\tp9\t1\n")
    (tmp_path / "own" / "qrels" / "more.tsv").write_text("q1\tp1\n")
    out, err = here("data", "verify", *own, code=2)
    assert "train: as it should be" in out
    assert "test: as it should be" in out
    assert re.search(r"dev: WRONG\s+\S*/qrels/dev.tsv:1: .*p9", out)
    assert re.search(r"more: WRONG\s+\S*/qrels/more.tsv:1: ", out)
    assert "wrong: dev, more; what is wrong is written above" in err


def test_a_collection_without_judgements_is_told(here, tmp_path):
    folder = write(tmp_path / "own", {})
    _, err = here("data", "verify", "data=beir", f"data.path={folder}", code=2)
    assert "own: no split; wanted judgements in qrels/" in err
    (folder / "qrels").rmdir()
    out, _ = here("data", "verify", "data=beir", f"data.path={folder}", code=2)
    assert "qrels: no such folder" in out
    _, err = here("data", "describe", "data=beir", f"data.path={folder}", code=2)
    assert "qrels" in err


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("pull",), "pull what? Give a name: wrank data pull scifact"),
        (("pull", "data=sample"), "pull what?"),
        (("pull", "nosuch"), "'nosuch': no public collection of BEIR; wanted one of arguana, "),
        (("pull", "scifcat"), "did you mean 'scifact'"),
        (("pull", "scifact", "fiqa"), "wrank data pull scifact: 'fiqa': a word too many"),
        (("frobnicate",), "'frobnicate': no such action; wanted describe, verify, pull"),
        (("verify", "extra", "words"), "wrank data verify: 'extra', 'words': a word too many; wanted describe, verify"),
        (("describe", "sample"), "'sample': a word too many"),
        (("data=beir",), "data.path has no value"),
        (("verify", "data=beir"), "data.path has no value"),
        (("data=beir", "data.path=/nowhere"), "/nowhere: no such folder"),
        (("data=public",), "data.source.name has no value"),
        (("data=public", "data.source.name=scifact"), "not fetched yet: run `wrank data pull scifact`"),
        (("verify", "data=public", "data.source.name=cqadupstack/gis"), "run `wrank data pull cqadupstack`"),
        (("data=public", "data.source.name=null"), "no public collection"),
        (("data=synthetic_graded", "data.path=/nowhere"), "data.generation has no value"),
        (("data=sample", "data.lists.size=1"), "lists.size is 1"),
        (("data=sample", "data.lists.choice=best"), "data.lists.choice=best: wanted random, top"),
        (("data=nosuch",), "nosuch"),
        (("data=sample", "model=minilm"), "model"),
    ],
)
def test_wrong_words_are_told(here, words, wanted):
    _, err = here("data", *words, code=2)
    assert wanted in err


def test_help_names_the_actions(here):
    for words in (("--help",), ("pull", "--help"), ("describe", "-h")):
        out, _ = here("data", *words)
        for action in ("wrank data describe data=", "wrank data verify data=", "wrank data pull NAME"):
            assert action in out


def test_a_flags_value_is_no_action(here):
    out, _ = here("data", "verify", "--cfg", "job", "data=sample")
    assert "action: verify" in out
    out, _ = here("data", "data=sample", "verify", "--cfg", "job")
    assert "action: verify" in out
    out, _ = here("data", "-c", "job", "data=sample")
    assert "action: describe" in out


def test_augmented_lists_are_shown_as_training_gets_them(here):
    plain, _ = here("data", "describe", "data=sample")
    words = ("data/augment=token_noise", "data.augment.delete=0", "data.augment.shuffle=0", "data.augment.mask=1")
    out, _ = here("data", "describe", "data=sample", *words, "data.augment.probability=1")
    assert "[MASK] [MASK]" in out
    assert "[MASK]" not in plain
    assert plain.partition("queries have a list")[0] == out.partition("queries have a list")[0]


@pytest.mark.parametrize("width", [80, 200])
def test_tables_fit_narrow_windows(here, own, monkeypatch, width):
    write_generation(here.store)
    monkeypatch.setattr(tables, "out", lambda: Console(width=width, highlight=False))
    for words in ((), ("data=synthetic_graded", own[1], "data.generation=toy")):
        out, _ = here("data", *words)
        table_lines = [line for line in out.split("\n") if line.startswith(("│", "┃"))]
        assert max(map(len, table_lines)) <= width
        heads = [line for line in out.split("\n") if "grade" in line and "passage" in line and "from" in line]
        assert heads
        for head in heads:  # the passage has the most room, and no heading is cut
            columns = [len(cell) for cell in head.strip("┃").split("┃")]
            assert columns[3] >= 24
            assert "…" not in head
    assert "level-3-of-a-gen" in out


def test_grades_without_end_are_cut_short(here, tmp_path):
    passages = {f"p{place}": f"text {place}" for place in range(500)}
    write(tmp_path / "own", {"train": {"q1": {f"p{i}": f"{i + 1}.5" for i in range(500)}}}, passages)
    out, _ = here("data", "describe", "data=beir", f"data.path={tmp_path}/own", "data.lists.size=500")
    assert ("480 more", "480") in {row[:2] for row in cells(out)}
    assert len(out.split("\n")) < 1200


@pytest.fixture
def fetched(here, tmp_path):
    """What a fetch would have left."""

    def make(name, *parts):
        top = here.store / "collection" / name
        for part in parts or ("",):
            write(top / part)
        files = {str(p.relative_to(top)): hashlib.sha256(p.read_bytes()).hexdigest() for p in top.rglob("*.*")}
        (top / RECORD).write_text(json.dumps({"url": "u", "sha256": "ab", "files": files}))
        return top

    return make


def test_a_fetched_collection_is_described_and_its_files_are_held_to_their_hashes(here, fetched):
    folder = fetched("scifact")
    words = ("data=public", "data.source.name=scifact")
    out, _ = here("data", "describe", *words)
    assert "scifact/train" in out
    out, _ = here("data", "verify", *words)
    assert "files: as it should be" in out
    (folder / "qrels" / "test.tsv").write_text("q2\tp2\t2\n")
    (folder / "queries.jsonl").unlink()
    for asked in (words, ("data=beir", f"data.path={folder}")):
        out, err = here("data", "verify", *asked, code=2)
        assert f"{folder}/qrels/test.tsv: its SHA-256 is" in out
        assert f"{folder}/queries.jsonl: missing" in out
        assert "wrong: test, train, files" in err


def test_the_files_of_a_part_are_held_to_their_hashes_too(here, fetched):
    folder = fetched("cqadupstack", "android", "english")
    words = ("verify", "data=public", "data.source.name=cqadupstack/android")
    out, _ = here("data", *words)
    assert "files: as it should be" in out
    (folder / "android" / "qrels" / "test.tsv").write_text("q2\tp2\t2\n")
    out, err = here("data", *words, code=2)
    assert "android/qrels/test.tsv: its SHA-256 is" in out
    assert "wrong: files" in err


def test_another_archive_than_the_wanted_one_is_refused(here, fetched):
    fetched("scifact")
    _, err = here("data", "data=public", "data.source.name=scifact", "data.source.sha256=cd", code=2)
    assert "SHA-256 ab; wanted cd" in err


def test_pull_says_how_to_read_what_is_there(here, fetched, monkeypatch):
    fetched("scifact")
    fetched("cqadupstack", "android", "english")
    monkeypatch.setattr("wrank.data.source.public.pull", functools.partial(real_pull, url="http://127.0.0.1:9"))
    out, _ = here("data", "pull", "scifact")
    assert out == f"{here.store}/collection/scifact\nread it with: data=public data.source.name=scifact\n"
    here("data", "describe", *out.split("read it with: ")[1].split())
    out, _ = here("data", "pull", "cqadupstack")
    assert "data.source.name=cqadupstack/android\nits parts: android, english" in out
    _, err = here("data", "pull", "fiqa", code=2)
    assert "http://127.0.0.1:9/fiqa.zip: cannot be fetched" in err


def test_pull_of_a_suite_says_what_to_fetch_where_there_is_no_network(here, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name, repo in (("nano_beir/NanoNQ", "zeta-alpha-ai/NanoNQ"), ("bright", "xlangai/BRIGHT")):
        _, err = here("data", "pull", name, code=2)
        assert f"{repo}: cannot be fetched from the Hugging Face hub (OfflineModeIsEnabled" in err
        assert f"`hf download {repo} --repo-type dataset --revision main" in err
        assert f"at {here.store}/collection/{name}" in err
    _, err = here("data", "pull", "scifact", f"revision={'a' * 40}", code=2)
    assert "scifact is no data set of the Hugging Face hub" in err


def test_collections_of_suites_are_described_and_held_to_their_hashes(here):
    folder = here.store / "collection"
    write_nano(folder / "nano_beir" / "NanoNQ")
    out, _ = here("data", "pull", "nano_beir/NanoNQ")  # put there by hand: left as it is
    assert "read it with: evaluation=nano_beir evaluation.suite.subset=[NanoNQ], or data=nano_beir data.source" in out
    for words in (("data=nano_beir", "data.source.name=NanoNQ"), ("data=bright", "data.source.task=pony")):
        if "bright" in words[0]:
            write_bright(folder / "bright")
        out, _ = here("data", "describe", *words)
        assert "/test" in out
        top = folder / ("bright" if "bright" in words[0] else "nano_beir/NanoNQ")
        files = {str(p.relative_to(top)): hashlib.sha256(p.read_bytes()).hexdigest() for p in top.rglob("*.parquet")}
        (top / RECORD).write_text(json.dumps({"url": "u", "commit": "c", "sha256": "ab", "files": files}))
        out, _ = here("data", "verify", *words)
        assert "files: as it should be" in out
