"""What a job needs of a machine."""

import pytest

from wrank.launch.plan import Needs, needs_of


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"trainer": {"accelerator": "cpu", "devices": 1}, "device": "auto"}, Needs()),
        ({"trainer": {"accelerator": "cpu", "devices": 2, "strategy": "ddp_spawn"}}, Needs(devices=2)),
        ({"trainer": {"accelerator": "cpu", "devices": 2, "strategy": "ddp"}}, Needs(devices=2, tasks=2)),
        ({"trainer": {"accelerator": "gpu", "devices": 4, "strategy": "ddp_spawn"}}, Needs(devices=4, gpus=4)),
        (
            {"trainer": {"accelerator": "gpu", "devices": 4, "nodes": 2, "strategy": "fsdp2"}},
            Needs(nodes=2, tasks=4, devices=4, gpus=4),
        ),
        ({"trainer": {"accelerator": "cpu"}, "device": "cuda"}, Needs(gpus=1)),
        ({"device": "cpu"}, Needs()),
        ({"device": "auto"}, Needs(gpus=1)),
        ({"trainer": None, "generator": None, "device": "cpu"}, Needs()),
        ({"device": "cuda", "generator": {"engine": {"tensor_parallel_size": 2}}}, Needs(gpus=2)),
        ({"device": "cuda", "generator": {"engine": {"tensor_parallel_size": None}}}, Needs(gpus=1)),
    ],
)
def test_needs_follow_the_trainer_and_the_engine(config, wanted):
    assert needs_of(config) == wanted
