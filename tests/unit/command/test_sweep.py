"""The jobs of a sweep in one table: seeds joined, other systems once, tables of their own for other sets."""

import json

import pytest

from wrank.command import sweep
from wrank.command.sweep import finish
from wrank.evaluation.comparison_data import SetRule
from wrank.files import write_atomic


def evaluation(folder, values):
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "per_query.jsonl", "".join(
        json.dumps({"query_id": f"q{place}", "nDCG@10": value}) + "\n" for place, value in enumerate(values)
    ))  # fmt: skip
    write_atomic(folder / "measures.json", json.dumps({"nDCG@10": sum(values) / len(values)}))
    manifest = {"key": "k", "kind": "evaluation", "name": folder.name, "result": {"counts": {}}, "content_key": "c"}
    write_atomic(folder / "manifest.json", json.dumps(manifest | {"finished": "now"}))
    return str(folder)


def job(tmp_path, number, name, values, *overrides, sets=("s/test",), **facts):
    """A job's result; ``values`` of its own evaluation, or the folder of one that is there."""
    rules = [vars(SetRule(one, "nDCG@10", one, False)) for one in sets]
    base = {one: evaluation(tmp_path / f"base-{one[0]}", [0.5, 0.5, 0.5]) for one in sets}
    own = values
    if not isinstance(values, dict):
        own = {one: evaluation(tmp_path / f"own-{number}-{one[0]}", values) for one in sets}
    result = {
        "overrides": ["loss=ws2", *overrides],
        "choices": {"model": "tiny", "loss": "ws2"},
        "name": name,
        "base_name": "tiny",
        "reference": "tiny",
        "asked": None,
        "alpha": 0.05,
        "sets": rules,
        "collections": dict.fromkeys(sets, "f"),
        "evaluations": {"tiny": base, name: own},
    }
    folder = tmp_path / "sweep" / str(number)
    folder.mkdir(parents=True)
    write_atomic(folder / "result.json", json.dumps(result | facts))
    return own


def tables(folder):
    """What the sweep's files hold, in their order."""
    found = sorted((folder / "sweep").glob("*comparison.json"), key=lambda path: (len(path.name), path.name))
    return [json.loads(path.read_text()) for path in found]


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


def test_an_evaluation_that_two_jobs_share_counts_once(swept):
    own = job(swept, 0, "m", [0.6, 0.5, 0.5], "seed=0")
    job(swept, 1, "m", own, "seed=1")
    finish(True)
    (table,) = tables(swept)
    cell = table["cells"]["tiny ws2"]["s/test"]
    assert (cell["seeds"], cell["std"]) == (1, None)


def test_models_in_two_folders_of_one_name_are_two_rows(swept):
    for number in (0, 1):
        job(swept, number, "m-ws2-s0", [0.6, 0.5, number], f"model.path=runs{number}/m")
    finish(True)
    (table,) = tables(swept)
    assert table["systems"] == ["tiny", "tiny ws2 model.path=runs0/m", "tiny ws2 model.path=runs1/m"]
    assert [row["s/test"]["seeds"] for row in table["cells"].values()] == [1, 1, 1]


def test_jobs_of_another_base_get_a_table_of_their_own(swept):
    """Not the name of the reference makes it the same, but its evaluations."""
    job(swept, 0, "one", [0.6, 0.5, 0.5], "model.path=a/m")
    other = {"s/test": evaluation(swept / "other", [0.1, 0.2, 0.3])}
    own = {"s/test": evaluation(swept / "own", [0.3, 0.2, 0.3])}
    job(swept, 1, "two", own, "model.path=b/m", evaluations={"tiny": other, "two": own})
    finish(True)
    assert [table["cells"]["tiny"]["s/test"]["mean"] for table in tables(swept)] == [0.5, pytest.approx(0.2)]


@pytest.mark.parametrize("facts", [{"alpha": 0.01}, {"collections": {"s/test": "another"}}])
def test_another_alpha_or_collection_is_another_table(swept, facts):
    job(swept, 0, "one", [0.6, 0.5, 0.5], "x=1")
    job(swept, 1, "two", [0.6, 0.5, 0.5], "x=2", **facts)
    finish(True)
    assert [table["alpha"] for table in tables(swept)] == [0.05, facts.get("alpha", 0.05)]


def test_the_alpha_of_the_jobs_is_the_tables(swept, capsys):
    for number in (0, 1):
        job(swept, number, "one", [0.6, 0.5, 0.5], f"x={number}", alpha=0.2)
    finish(True)
    assert "p Holm < 0.2" in capsys.readouterr().out


def test_what_cannot_be_compared_is_told_and_stops_no_other_table(swept, capsys):
    job(swept, 0, "one", [0.6, 0.5], "data=s")  # the base has a query more
    job(swept, 1, "two", [0.6, 0.5, 0.5], "data=t", sets=("t/test",))
    assert finish(True) == 0
    out, err = capsys.readouterr()
    assert "no table of tiny ws2: compare: s/test: tiny and tiny ws2 were not scored on the same queries" in err
    assert "t/test" in out
    assert len(tables(swept)) == 1


@pytest.mark.parametrize("asked", ["tiny ws2 x=1", "x=1", "one"])
def test_the_reference_may_be_another_jobs_system(swept, asked, capsys):
    job(swept, 0, "one", [0.6, 0.5, 0.5], "x=1", asked=asked)
    job(swept, 1, "two", [0.7, 0.5, 0.5], "x=2", asked=asked)
    finish(True)
    assert tables(swept)[0]["reference"] == "tiny ws2 x=1"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("asked", ["ws2", "nothing"])
def test_a_reference_that_is_no_row_or_several_is_told_and_the_default_stands(swept, asked, capsys):
    job(swept, 0, "one", [0.6, 0.5, 0.5], "x=1", asked=asked)
    job(swept, 1, "two", [0.7, 0.5, 0.5], "x=2", asked=asked)
    finish(True)
    assert tables(swept)[0]["reference"] == "tiny"
    assert f"reference={asked}: no row" in capsys.readouterr().err


def test_files_for_machines_and_people_are_left_and_named(swept, capsys, monkeypatch):
    monkeypatch.setattr(sweep, "_command", "wrank run -m x=1,2")
    job(swept, 0, "one", [0.6, 0.5, 0.5], "y=7", "x=1")
    job(swept, 1, "two", [0.7, 0.5, 0.5], "y=7", "x=2")
    finish(True)
    shown = capsys.readouterr().out
    for name in ("comparison.html", "comparison.json", "table.csv"):
        assert str(swept / "sweep" / name) in shown
        assert (swept / "sweep" / name).is_file()
    html = (swept / "sweep" / "comparison.html").read_text(encoding="utf-8")
    assert "<dd>wrank run -m x=1,2</dd>" in html
    assert "<dt>the same in all jobs</dt><dd>loss=ws2 y=7</dd>" in html
    assert "<dt>jobs of tiny ws2 x=2</dt><dd>x=2</dd>" in html


def test_a_sweep_of_one_job_ends_with_its_table(swept, capsys):
    job(swept, 0, "one", [0.6, 0.5, 0.5])
    finish(True)
    assert "systems on the test sets" in capsys.readouterr().out
