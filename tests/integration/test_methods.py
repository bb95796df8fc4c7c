"""One experiment a method: each is in the README's table, which is made from the code, and each runs."""

import json
from pathlib import Path

import pytest

from experiments.methods.table import README, filled, loss_of, methods
from wrank.config import conf_folder
from wrank.loss.guide import GUIDE

ROOT = Path(__file__).resolve().parents[2]
CRANFIELD = ROOT.parent / "shared" / "data" / "cranfield"
EXPERIMENTS = sorted(path.stem for path in (conf_folder() / "experiment").glob("methods_*.yaml"))
LOSSES = {path.stem for path in (conf_folder() / "loss").glob("*.yaml")}


def test_the_readmes_tables_are_those_that_the_code_makes():
    text = README.read_text(encoding="utf-8")
    assert filled(text) == text, "run `python -m experiments.methods.table --write`"


def test_every_method_has_a_row_and_every_row_an_experiment():
    assert sorted(methods()) == EXPERIMENTS


def test_every_row_says_where_it_comes_from_and_names_a_test_that_exists():
    for name, row in methods().items():
        assert set(row) == {"name", "source", "data", "tested", "test"}, name
        assert all(row.values()), name
        assert (ROOT / row["test"]).is_file(), row["test"]


def test_every_loss_is_a_method():
    assert {loss_of(name)[0] for name in EXPERIMENTS} == LOSSES - {"coherence"}  # which goes with another loss only


def test_every_loss_is_in_the_guide():
    assert {name for row in GUIDE for name in (row.first, *row.others)} == LOSSES


def test_the_help_of_train_shows_the_guide(capsys):
    from wrank.command.help import print_help

    print_help("train", [])
    shown = capsys.readouterr().out
    assert all(f"{row.labels}: loss={row.first}" in shown for row in GUIDE)


@pytest.mark.slow
@pytest.mark.parametrize("data", ["sample", "cranfield"])
def test_every_method_runs_end_to_end(data, wrank):
    chosen = ["data=sample"]
    if data == "cranfield":
        if not CRANFIELD.is_dir():
            pytest.skip("cranfield is not beside the repository (../shared/data)")
        paraphrases = (
            wrank.folder / "paraphrases.tsv"
        )  # the collection has none; the same words in another order stand for them
        lines = (
            json.loads(line) for line in (CRANFIELD / "queries.jsonl").read_text(encoding="utf-8").split("\n") if line
        )
        rows = (f"{query['_id']}\t{' '.join(reversed(query['text'].split()))}\n" for query in lines)
        paraphrases.write_text("".join(rows), encoding="utf-8")
        chosen = ["data=beir", f"data.path={CRANFIELD}", f"data.paraphrases={paraphrases}"]
    process = wrank.start("run", "-m", "experiment=glob(methods_*)", *chosen, "debug=smoke")
    out, err = process.communicate(timeout=1800)
    assert process.returncode == 0, f"{out[-3000:]}\n{err[-6000:]}"
    results = [json.loads(path.read_text()) for path in wrank.folder.glob("multirun/**/result.json")]
    jobs = [one for one in results if "choices" in one]
    assert sorted(one["choices"]["experiment"] for one in jobs) == EXPERIMENTS
    assert not [one for one in jobs if "failed" in one]
