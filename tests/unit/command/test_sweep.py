"""The jobs of a sweep in one table: seeds joined, other systems once, tables of their own for other sets."""

import json

import pytest

from wrank.command import sweep
from wrank.command.sweep import finish, row_names
from wrank.files import write_atomic


def evaluation(folder, values):
    folder.mkdir(parents=True)
    write_atomic(folder / "per_query.jsonl", "".join(
        json.dumps({"query_id": f"q{place}", "nDCG@10": value}) + "\n" for place, value in enumerate(values)
    ))  # fmt: skip
    write_atomic(folder / "measures.json", json.dumps({"nDCG@10": sum(values) / len(values)}))
    manifest = {"key": "k", "kind": "evaluation", "name": folder.name, "result": {"counts": {}}, "content_key": "c"}
    write_atomic(folder / "manifest.json", json.dumps(manifest | {"finished": "now"}))
    return str(folder)


def job(tmp_path, number, name, values, *overrides, sets=("s/test",)):
    rules = [{"name": one, "main": "nDCG@10", "group": one, "in_domain": False} for one in sets]
    base = {one: evaluation(tmp_path / f"base-{number}-{one[0]}", [0.5, 0.5, 0.5]) for one in sets}
    own = {one: evaluation(tmp_path / f"own-{number}-{one[0]}", values) for one in sets}
    result = {
        "overrides": ["loss=ws2", *overrides],
        "choices": {"model": "tiny", "loss": "ws2"},
        "name": name,
        "base_name": "tiny",
        "reference": "tiny",
        "sets": rules,
        "evaluations": {"tiny": base, name: own},
    }
    folder = tmp_path / "sweep" / str(number)
    folder.mkdir(parents=True)
    write_atomic(folder / "result.json", json.dumps(result))


@pytest.fixture
def swept(tmp_path, monkeypatch):
    (tmp_path / "sweep").mkdir()
    monkeypatch.setattr(sweep, "_sweep_folder", tmp_path / "sweep")
    return tmp_path


def test_jobs_that_differ_in_the_seed_alone_are_one_row(swept, capsys):
    for seed in (0, 1):
        job(swept, seed, f"ws2-{seed}", [0.5 + seed / 10, 0.5, 0.5], f"seed={seed}")
    job(swept, 2, "hot", [0.1, 0.1, 0.1], "loss.temperature=0.2", "seed=0")
    assert finish(True) == 0
    shown = capsys.readouterr().out
    assert "0.5167" in shown
    assert "loss.temperature=0.2" in shown
    assert (swept / "sweep" / "comparison.html").is_file()


def test_jobs_over_other_sets_get_a_table_of_their_own(swept, capsys):
    job(swept, 0, "one", [0.6, 0.5, 0.5], "data=s")
    job(swept, 1, "two", [0.6, 0.5, 0.5], "data=t", sets=("t/test",))
    assert finish(True) == 0
    assert "s/test" in capsys.readouterr().out
    assert len(list((swept / "sweep").glob("*comparison.html"))) == 2


def test_a_job_that_failed_is_counted_and_told(swept, capsys):
    job(swept, 0, "one", [0.6, 0.5, 0.5])
    folder = swept / "sweep" / "1"
    folder.mkdir()
    write_atomic(folder / "result.json", json.dumps({"failed": "no disk", "overrides": ["loss=kl"], "choices": {}}))
    assert finish(True) == 1
    out, err = capsys.readouterr()
    assert "failed: loss=kl: no disk" in err
    assert "s/test" in out


def test_names_hold_what_is_not_the_same_in_all_jobs():
    jobs = [
        {"overrides": ["data=s", "loss=kl", f"experiment={name}", "seed=1"], "choices": {"loss": "kl"}, "name": "m"}
        for name in ("one", "two")
    ]
    assert row_names(jobs) == ["m kl experiment=one", "m kl experiment=two"]
