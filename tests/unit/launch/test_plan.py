"""What a job needs of a machine."""

import pytest

from wrank.launch.plan import Needs, needs_of

CPU, GPU = {"accelerator": "cpu", "devices": 1}, {"accelerator": "gpu", "devices": 1}
ENCODED = {"model": {"source": "bundled:minilm"}, "evaluation": {"batch_tokens": 8192}}


def engine(name="vllm.Vllm", **keys):
    return {"engine": {"_target_": f"wrank.generator.engine.{name}", **keys}}


OPENAI, WIDE = engine("openai.OpenAI"), engine(tensor_parallel_size=4, replicas="auto")


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
        ({"trainer": None, "generator": None, "device": "cpu"}, Needs()),
        ({"device": "cuda", "generator": {"engine": {"tensor_parallel_size": 2}}}, Needs(gpus=2)),
        ({"device": "cuda", "generator": {"engine": {"tensor_parallel_size": None}}}, Needs(gpus=1)),
    ],
)
def test_needs_follow_the_trainer_and_the_engine(config, wanted):
    assert needs_of(config) == wanted


@pytest.mark.parametrize(
    ("config", "gpus"),
    [
        ({"trainer": CPU, "generator": WIDE, "device": "auto"}, 4),
        ({"trainer": CPU, "generator": engine(tensor_parallel_size=2, replicas=3)}, 6),
        ({"trainer": CPU, "generator": engine(tensor_parallel_size=1, replicas="auto")}, 0),
        ({"trainer": CPU, "generator": engine(tensor_parallel_size=1, replicas=3)}, 0),
        ({"trainer": CPU, "generator": None, "teacher": WIDE}, 4),
        ({"trainer": CPU, "judge": WIDE}, 4),
        ({"trainer": GPU, "generator": WIDE}, 4),
        ({"trainer": GPU, "generator": engine(tensor_parallel_size=1, replicas=3)}, 3),
        ({"trainer": GPU, "generator": OPENAI, "device": "cpu"}, 1),
        ({"trainer": CPU, "generator": OPENAI}, 0),
        ({"device": "cpu", "generator": WIDE}, 4),
    ],
)
def test_engine_has_its_gpus_whatever_trains(config, gpus):
    assert needs_of(config).gpus == gpus


@pytest.mark.parametrize("device", [{}, {"device": "auto"}])
@pytest.mark.parametrize(
    ("config", "gpus"),
    [
        ({"action": "describe", "data": {"a": 1}}, 0),
        (ENCODED, 1),
        ({**ENCODED, "miner": {"_target_": "wrank.mining.bm25.Bm25Miner"}}, 0),
        ({**ENCODED, "miner": {"_target_": "wrank.mining.dense.DenseMiner"}}, 1),
        ({**ENCODED, "miner": {"_target_": "my.own.Miner"}}, 1),
        ({**ENCODED, "generator": OPENAI, "judge": {"_target_": "wrank.judge.encoder.Encoder"}}, 0),
        ({**ENCODED, "generator": OPENAI, "judge": {"_target_": "wrank.judge.llm.Llm", **engine()}}, 1),
        ({**ENCODED, "generator": engine(tensor_parallel_size=1), "judge": {"_target_": "wrank.judge.base.Judge"}}, 1),
        ({**ENCODED, "generator": WIDE}, 4),
        ({**ENCODED, "generator": engine("transformers.Transformers", device="auto")}, 1),
        ({**ENCODED, "generator": engine("transformers.Transformers", device="cpu")}, 0),
        ({**ENCODED, "judge": {"_target_": "wrank.judge.encoder.Encoder"}}, 1),
        ({**ENCODED, "judge": {"_target_": "wrank.judge.base.Judge"}}, 0),
        ({"teacher": {"_target_": "wrank.teacher.cross_encoder.CrossEncoderTeacher", "device": "auto"}}, 1),
        ({"teacher": {"_target_": "wrank.teacher.llm.LlmTeacher", **OPENAI}}, 0),
        ({"teacher": {"_target_": "wrank.teacher.llm.LlmTeacher", **engine()}}, 1),
    ],
)
def test_verb_that_does_not_train_has_a_gpu_where_its_work_is_for_one(config, gpus, device):
    assert needs_of({**config, **device}).gpus == gpus


@pytest.mark.parametrize("value", ["many", None, 0, -2, 1.5])
def test_number_that_is_none_is_left_to_the_job_to_refuse(value):
    config = {"trainer": GPU | {"devices": value, "nodes": value}, "generator": engine(tensor_parallel_size=value)}
    assert needs_of(config) == Needs(gpus=1)


@pytest.mark.parametrize(("needs", "shares"), [(Needs(), 1), (Needs(devices=2), 2), (Needs(devices=2, gpus=4), 4)])
def test_cores_and_memory_go_by_gpus_where_these_are_more(needs, shares):
    assert needs.shares == shares
