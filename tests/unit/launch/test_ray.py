"""What Ray is told; a fake in Ray's place says how tasks end."""

import sys
from types import SimpleNamespace

import pytest

from wrank.errors import WrankError
from wrank.launch.plan import Needs
from wrank.launch.ray import Ray


class FakeRay(SimpleNamespace):
    def __init__(self):
        super().__init__(started=[], cancelled=[], over={}, inits=[])

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

    def wait(self, tasks, timeout):
        return [task for task in tasks if task in self.over], []

    def get(self, task):
        if self.over[task]:
            raise RuntimeError("the worker died")

    def cancel(self, task, force):
        self.cancelled.append(task)


@pytest.fixture
def ray(monkeypatch):
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
    backend.cancel()
    assert ray.cancelled == [0, 1, 2]


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
