"""A search as a user has it: jobs that are pruned, the same line again, and a pruned training taken up by hand."""

import json
import signal
import time

import pytest

pytest.importorskip("optuna", reason="pip install 'wrank[tune]'")
LINE = (
    *("data=sample", "model=tiny", "trainer=cpu", "trainer.precision=32-true", "trainer.max_steps=6"),
    *("trainer.batch_size=4", "trainer.dev_steps=2", "trainer.checkpoint_steps=2", "data.dev_share=0.3", "logger=csv"),
)
SEARCH = (
    *("train", "-m", "hydra/sweeper=optuna", "trainer.learning_rate=1e-3,1e-9", "seed=0,1,2", "hydra.sweeper.trials=4"),
    *("hydra.sweeper.least_trials=1", "hydra.sweeper.startup=4"),
)


def searched(wrank):
    """What the latest search of this store left: facts, and the folder of each job."""
    (path,) = sorted((wrank.folder / "multirun").glob("*/*/search.json"))[-1:]
    return json.loads(path.read_text()), path.parent


@pytest.mark.slow
def test_a_search_prunes_goes_on_and_leaves_whole_models_only(wrank):
    process = wrank.start(*SEARCH, *LINE)
    while not list((wrank.store / "model").glob("[!.]*")):  # the first trial is done
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    before, _ = searched(wrank)
    assert len(before["trials"]) < 4
    wrank(*SEARCH, *LINE)
    found, folder = searched(wrank)
    assert [trial["number"] for trial in found["trials"]] == [0, 1, 2, 3]
    assert found["trials"][: len(before["trials"]) - 1] == before["trials"][:-1]
    states = [trial["state"] for trial in found["trials"]]
    assert set(states) <= {"complete", "pruned"}
    models = list((wrank.store / "model").glob("[!.]*"))
    values = {json.dumps(trial["values"]) for trial in found["trials"] if trial["state"] == "complete"}
    assert len(models) == len(values)
    best = max(json.loads((model / "manifest.json").read_text())["result"]["best_dev"] for model in models)
    assert found["best"]["score"] == best
    out, _ = wrank(*SEARCH, *LINE)
    assert "dev score" in out
    assert not list(searched(wrank)[1].glob("*/result.json"))  # nothing was started
    for result in folder.glob("*/result.json"):
        facts = json.loads(result.read_text())
        assert ("pruned" in facts) != ("objective" in facts)


@pytest.mark.slow
def test_a_pruned_training_goes_on_by_hand_to_the_model_of_an_unbroken_one(wrank):
    good, bad = "trainer.learning_rate=1e-3", "trainer.learning_rate=1e-9"
    wrank("train", "-m", "hydra/sweeper=optuna", "model.seed=0,1", good, "hydra.sweeper.trials=1", *LINE)
    name = searched(wrank)[0]["search"]
    journal = wrank.store / ".tuning" / f"{name}.journal"

    import optuna

    from wrank.stage.tuning import PRUNED, storage

    kept = storage(journal)
    study = optuna.load_study(study_name=name, storage=kept)
    excellent = {2: 0.999, 4: 0.999}  # whatever comes next is pruned
    for _ in range(5):
        study.add_trial(optuna.trial.create_trial(value=0.999, intermediate_values=excellent))
    number = study.ask().number
    wrank("train", *LINE, bad, f"trial={name}/{number}")
    assert PRUNED in study.trials[number].user_attrs
    assert len(list((wrank.store / "model").glob("[!.]*"))) == 1  # of the first search alone
    out, _ = wrank("train", *LINE, bad)
    manifest = json.loads(next((wrank.store / "model").glob(f"*{out.strip()[-16:]}/manifest.json")).read_text())
    assert (manifest["result"]["resumed_at"], manifest["result"]["steps"]) == (2, 6)


def test_a_search_without_its_package_says_what_to_install(wrank, tmp_path):
    (wrank.folder / "optuna.py").write_text("raise ImportError('no module named optuna')")
    _, err = wrank(*SEARCH, *LINE, code=2)
    assert "pip install" in err
    assert "wrank[tune]" in err
