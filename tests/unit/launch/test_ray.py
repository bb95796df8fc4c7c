"""What Ray is told; a fake in Ray's place says how tasks end."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from wrank.errors import WrankError
from wrank.launch.plan import Needs
from wrank.launch.ray import Ray, secrets_of, variables_of


class FakeRay(SimpleNamespace):
    def __init__(self):
        super().__init__(started=[], cancelled=[], over={}, inits=[], obedient=set())

    def is_initialized(self):
        return bool(self.inits)

    def init(self, **named):
        self.inits.append(named)

    def cluster_resources(self):
        return {"CPU": 2.0}

    def remote(self, max_calls):
        assert max_calls == 1, "a job would find what the one before it left"
        return lambda function: self.task()

    def task(self):
        def options(**named):
            def start(*given):
                self.started.append((named, given))
                return len(self.started) - 1

            return SimpleNamespace(remote=start)

        return SimpleNamespace(options=options)

    def wait(self, tasks, timeout, num_returns=1):
        done = [task for task in tasks if task in self.over]
        return done, [task for task in tasks if task not in done]

    def get(self, task):
        if self.over[task]:
            raise RuntimeError("the worker died")

    def cancel(self, task, force):
        self.cancelled.append((task, force))
        if not force and task in self.obedient:
            self.over[task] = True


@pytest.fixture
def ray(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("HF_", "WANDB_", "TRANSFORMERS_", "WRANK_"))]:
        monkeypatch.delenv(name)
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    return fake


def test_each_job_is_a_task_with_what_its_trainer_asks_for(ray, plan):
    record, planned, commands = plan("finish", needs=Needs(devices=2, gpus=2))
    backend = Ray(address="auto", cpus_per_device=3, mem_gb_per_device=4, resources=["a100=1"], retries=2)
    backend.check(planned)
    assert backend.start(planned, commands, record.folder) == {}
    ((named, given),) = ray.started
    assert named == {
        "num_cpus": 6,
        "num_gpus": 2,
        "max_retries": 2,
        "resources": {"a100": 2},
        "memory": 8_000_000_000,
        "runtime_env": {"env_vars": {}},
    }
    assert given[0] == commands[0]
    assert given[1] == {"WRANK_SWEEP": record.folder, "WRANK_JOB_KEY": "0"}
    assert ray.inits[0]["address"] == "auto"


def test_memory_is_not_asked_for_unless_told(ray, plan):
    _, planned, _ = plan("finish")
    assert "memory" not in Ray().options(planned[0])


def test_ends_are_seen_though_the_job_wrote_nothing(ray, plan):
    record, planned, commands = plan("a", "b", "c")
    backend = Ray()
    backend.start(planned, commands, record.folder)
    backend.tend()
    assert backend.ended() == {}
    ray.over |= {0: False, 1: True}
    backend.tend()
    assert backend.ended() == {0: 0, 1: 1}


def test_jobs_are_asked_to_stop_and_killed_only_when_they_do_not(ray, plan):
    record, planned, commands = plan("a", "b", "c")
    backend = Ray()
    backend.start(planned, commands, record.folder)
    ray.over[0] = False
    backend.tend()
    ray.obedient = {1}
    backend.cancel()
    assert ray.cancelled == [(1, False), (2, False), (2, True)]
    ray.over[2] = True
    backend.tend()
    backend.cancel()
    assert len(ray.cancelled) == 3, "nothing is left to cancel"


TOLD = """
import signal, sys, time
from wrank.launch import ray
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # Ray's own
def job(*given):
    def stop(number, frame):
        print("checkpoint", signal.Signals(number).name, flush=True)
        sys.exit(143)
    assert signal.signal(signal.SIGTERM, stop) == signal.SIG_DFL
    print("begun", flush=True)
    time.sleep(60)
ray.run_job = job
ray._task([], {}, sys.argv[1], sys.argv[1])
"""


def test_what_ray_says_to_a_task_is_sigterm_to_the_job(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", TOLD, str(tmp_path)])
    log, until = tmp_path / "out.log", time.monotonic() + 60
    while not (log.exists() and "begun" in log.read_text()):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 143
    assert "checkpoint SIGTERM" in log.read_text()


def test_cluster_that_does_not_answer_is_told(ray, plan):
    def refuse(**named):
        raise ConnectionError("Could not find any running Ray instance.\nPlease specify")

    ray.init = refuse
    record, planned, commands = plan("a")
    with pytest.raises(WrankError, match=r"address=auto: no Ray cluster answers .*: Could not find any .*instance\.$"):
        Ray(address="auto").start(planned, commands, record.folder)
    with pytest.raises(WrankError, match="address=null: no Ray could be started here: Could not"):
        Ray().start(planned, commands, record.folder)


def test_job_on_another_machine_has_the_store_and_the_settings_of_this_one_and_no_secret_is_logged(
    ray, plan, monkeypatch
):
    record, (one,), commands = plan("a")
    engine = {"engine": {"api_key_env": "MY_GATEWAY"}}
    one = replace(one, config={"paths": {"store": "/shared/store"}, "generator": engine})
    settings = {"HF_HOME": "/shared/hf", "HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline"}
    hidden = {"HF_TOKEN": "t", "WANDB_API_KEY": "k", "MY_GATEWAY": "g", "WANDB_BASE_URL": "https://me:pw@host"}
    for name, text in {**settings, **hidden, "OTHER_SECRET": "s", "WRANK_STORE": "/elsewhere"}.items():
        monkeypatch.setenv(name, text)
    assert variables_of(one) == {**settings, "WRANK_STORE": "/shared/store"}
    assert secrets_of(one) == hidden
    Ray().start([one], commands, record.folder)
    ((named, given),) = ray.started
    assert named["runtime_env"] == {"env_vars": variables_of(one)}
    assert given[1] == {"WRANK_SWEEP": record.folder, "WRANK_JOB_KEY": "0", **hidden}


def test_cores_and_memory_go_by_gpus_where_an_engine_has_more(ray, plan):
    _, (one,), _ = plan("a", needs=Needs(gpus=4))
    asked = Ray(address="auto", mem_gb_per_device=2, resources=["a100:1"]).options(one)
    assert (asked["num_cpus"], asked["num_gpus"], asked["memory"]) == (16, 4, 8_000_000_000)
    assert asked["resources"] == {"a100": 4}


def test_without_ray_and_for_several_machines_it_refuses(ray, plan, monkeypatch):
    _, planned, _ = plan("a", needs=Needs(nodes=2))
    with pytest.raises(WrankError, match="starts one process a job"):
        Ray().check(planned)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WrankError, match=r"pip install 'wrank\[ray\]'"):
        Ray().check(planned)


def test_small_cluster_of_this_machine_is_not_asked_for_what_it_has_not(ray, plan):
    record, planned, commands = plan("a", needs=Needs(gpus=1))
    Ray().start(planned, commands, record.folder)
    ((named, _),) = ray.started
    assert (named["num_cpus"], named["num_gpus"]) == (2, 0), "it would wait for ever"
