"""Whose candidates a cross-encoder scores."""

from types import SimpleNamespace

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from wrank.config import conf_folder, register
from wrank.data.source.sample import SampleSource
from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.model.cross_encoder import CrossEncoder
from wrank.stage.context import Context
from wrank.stage.first_stage import _filled, candidates_of, first_stage
from wrank.stage.kind import base_system, reranking_system, trains_reranker
from wrank.stage.system.bm25 import Bm25System
from wrank.stage.system.choose import model_of_folder
from wrank.stage.system.dense import DenseSystem


def context_of(model, tmp_path=None):
    """A job as far as choosing systems looks at it."""
    from wrank.evaluation.settings import EvaluationSettings

    target = f"{type(model).__module__}.{type(model).__name__}"

    def do(stage, work):
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        work(folder)
        return SimpleNamespace(path=folder, content_key=stage.key)

    return SimpleNamespace(
        base=model,
        encoder=model,
        model_name="chosen",
        cfg=OmegaConf.create({"model": {"_target_": target}}),
        settings=EvaluationSettings(),
        device="cpu",
        tables=tmp_path,
        do=do,
    )


def test_a_first_stage_is_bm25_or_a_bi_encoder(tmp_path):
    assert isinstance(first_stage(context_of(CrossEncoder("random:tiny")), 1), Bm25System)
    BiEncoder("random:tiny").save(tmp_path / "mine" / "best")
    found = first_stage(context_of(CrossEncoder("random:tiny", first_stage=str(tmp_path / "mine" / "best"))), 1)
    assert isinstance(found, DenseSystem)
    assert found.name == "mine"


def test_a_first_stage_is_no_cross_encoder(tmp_path):
    CrossEncoder("random:tiny").save(tmp_path / "best")
    with pytest.raises(WrankError, match="ranks no corpus"):
        first_stage(context_of(CrossEncoder("random:tiny", first_stage=str(tmp_path / "best"))), 1)


def test_an_unknown_first_stage_is_told_by_its_key():
    with pytest.raises(WrankError, match=r"model\.first_stage: 'bm52'"):
        first_stage(context_of(CrossEncoder("random:tiny", first_stage="bm52")), 1)


def test_a_run_file_has_no_negatives(tmp_path):
    (tmp_path / "a.trec").write_text("q Q0 p 1 1.0 x\n")
    context = context_of(CrossEncoder("random:tiny", first_stage=str(tmp_path / "a.trec")))
    with pytest.raises(WrankError, match="a run file ranks no training queries"):
        candidates_of(context, None, 5)


def test_the_row_compared_with_is_the_first_stage_or_the_untrained_encoder():
    cross, dense = context_of(CrossEncoder("random:tiny")), context_of(BiEncoder("random:tiny"))
    assert trains_reranker(cross)
    assert not trains_reranker(dense)
    assert base_system(cross, 1).name == "bm25"
    assert base_system(dense, 1).name == "chosen"


def test_a_reranking_system_has_the_name_it_is_given():
    context = context_of(CrossEncoder("random:tiny", depth=7))
    system = reranking_system(context, context.base, first_stage(context, 1), "mine")
    assert (system.name, system.reranker.depth) == ("mine", 7)


def test_a_folder_is_loaded_as_what_it_is(tmp_path):
    BiEncoder("random:tiny").save(tmp_path / "bi")
    CrossEncoder("random:tiny").save(tmp_path / "cross")
    assert isinstance(model_of_folder(tmp_path / "bi"), BiEncoder)
    assert isinstance(model_of_folder(tmp_path / "cross"), CrossEncoder)


def test_candidates_of_bm25_are_its_ranking_without_what_is_excluded_and_long_enough(tmp_path):
    collection = SampleSource().load("train", tmp_path / "tables")
    _, found = candidates_of(context_of(CrossEncoder("random:tiny"), tmp_path), collection, 5)
    longest = max(map(len, collection.qrels.values()))
    assert set(found) == set(collection.qrels)
    assert {len(ids) for ids in found.values()} == {5 + longest}
    assert all(len(set(ids)) == len(ids) for ids in found.values())
    hits = sum(
        bool(set(ids[:10]) & {one for one, grade in collection.qrels[query].items() if grade > 0})
        for query, ids in found.items()
    )
    assert hits > 0.9 * len(found)


def test_a_short_ranking_is_filled_with_others_below_it():
    rows, scores = np.array([7, 3]), np.array([2.0, 1.0], dtype=np.float32)
    filled, marks = _filled(rows, scores, 10, 5)
    assert filled[:2].tolist() == [7, 3]
    assert len(set(filled.tolist())) == 5
    assert (np.diff(marks) < 0).all()
    assert _filled(rows, scores, 10, 5)[0].tolist() == filled.tolist()
    assert len(_filled(rows, scores, 4, 50)[0]) == 4
    assert _filled(rows, scores, 10, 2)[0] is rows


@pytest.mark.parametrize("negatives", ["none", "dense"])
def test_a_training_s_key_holds_the_first_stage_s_rankings_and_not_where_it_is(negatives, tmp_path):
    from wrank.stage.model import plan_training

    for name, seed in (("here", 0), ("there", 0), ("another", 1)):
        BiEncoder("random:tiny", seed=seed).save(tmp_path / name)

    def key(first):
        register()
        GlobalHydra.instance().clear()
        words = [
            *("data=sample", "model=cross_encoder", "model.source=random:tiny", "loss=lce", "trainer=cpu"),
            *("trainer.in_batch=none", f"data.lists.negatives={negatives}", f"model.first_stage={first}"),
            *(f"paths.store={tmp_path / 'store'}", f"paths.tables={tmp_path / 'tables'}"),
        ]
        with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
            cfg = compose("run", words)
        plan = plan_training(Context(cfg, {"model": "cross_encoder", "loss": "lce"}))
        assert plan.data.dev_ids
        return plan.stage.key

    keys = [key(tmp_path / name) for name in ("here", "there", "another")] + [key("bm25")]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
