import json
from math import log2

import ir_measures
import numpy as np
import pytest
import torch

from wrank.errors import WrankError
from wrank.evaluation.evaluator import evaluate, left_out_pairs, measure, write_evaluation
from wrank.evaluation.ranking import Rankings
from wrank.evaluation.settings import EvaluationSettings

SETTINGS = EvaluationSettings(measures=["nDCG@10", "RR@10"])
IDEAL = 2 + 1 / log2(3)


def test_scores_as_computed_by_hand(letter_encoder, collection):
    result = evaluate(letter_encoder(), collection, SETTINGS)
    one = {"nDCG@10": (2 / log2(3) + 1 / log2(4)) / IDEAL, "RR@10": 0.5}
    assert result.scores.per_query["one"] == pytest.approx(one)
    assert result.scores.per_query["two"] == {"nDCG@10": 1.0, "RR@10": 1.0}
    assert result.scores.measures["RR@10"] == 0.75
    assert list(result.rankings.to_dict()["two"]) == ["p4", "p3", "p2", "p1"]


def test_exclusion_comes_before_the_cut_off(letter_encoder, collection):
    collection.excluded = {"one": {"p1"}}
    result = evaluate(letter_encoder(), collection, EvaluationSettings(measures=["nDCG@2", "RR@1"], depth=2))
    assert result.scores.per_query["one"] == {"nDCG@2": 1.0, "RR@1": 1.0}
    assert result.counts["excluded"] == 1


def test_only_judged_queries_are_encoded(letter_encoder, collection):
    model = letter_encoder()
    collection.qrels["unjudged"] = {}
    result = evaluate(model, collection, SETTINGS)
    assert model.batches[0] == [1, 1]
    assert list(result.rankings.query_ids) == ["one", "two"]


def test_counts_say_what_was_read_and_left_out(letter_encoder, collection):
    result = evaluate(letter_encoder(passage_length=2), collection, SETTINGS)
    assert result.counts == {
        "passages": 4,
        "queries_judged": 2,
        "queries_missing": 0,
        "queries_without_relevant": 0,
        "queries_unjudged": 1,
        "queries_constant": 0,
        "excluded": 0,
        "dropped_self": 0,
        "queries_truncated": 0,
        "passages_truncated": 3,
    }
    assert set(result.timings) == {"encode_queries", "encode_passages", "search", "measure"}


def test_the_query_itself_leaves_only_when_asked(letter_encoder, collection):
    collection.queries.ids = ["unjudged", "p1", "two"]
    collection.qrels = {"p1": {"p2": 1}, "two": {"p4": 1}}
    kept = evaluate(letter_encoder(), collection, SETTINGS)
    assert next(iter(kept.rankings.to_dict()["p1"])) == "p1"
    dropped = evaluate(letter_encoder(), collection, EvaluationSettings(measures=["RR@1"], drop_self=True))
    assert "p1" not in dropped.rankings.to_dict()["p1"]
    assert dropped.counts["dropped_self"] == 1
    assert dropped.scores.per_query["p1"] == {"RR@1": 1.0}


def test_a_pair_that_is_excluded_and_the_query_itself_counts_once(collection):
    collection.excluded = {"p1": {"p1", "not in the corpus"}, "two": {"p4"}, "unjudged": {"p2"}}
    found = left_out_pairs(collection, ["two", "p1"], drop_self=True)
    assert found.pairs_P2.tolist() == [[0, 3], [1, 0]]
    assert (found.excluded, found.dropped_self) == (2, 0)


def test_no_judgement_is_an_error_before_passages_are_encoded(letter_encoder, collection):
    collection.qrels = {"one": {}}
    model = letter_encoder()
    with pytest.raises(WrankError, match="hold no query"):
        evaluate(model, collection, SETTINGS)
    assert model.batches == []


def test_files_hold_the_scores(letter_encoder, collection, tmp_path):
    result = evaluate(letter_encoder(), collection, SETTINGS)
    assert write_evaluation(tmp_path, result, "name") == result.counts
    assert json.loads((tmp_path / "measures.json").read_text()) == result.scores.measures
    lines = [json.loads(line) for line in (tmp_path / "per_query.jsonl").read_text().strip().split("\n")]
    assert lines == [{"query_id": query_id, **values} for query_id, values in result.scores.per_query.items()]
    first = (tmp_path / "run.trec").read_text().split("\n")[0]
    assert first == "one Q0 p1 1 3.0 name"


def test_the_run_file_scores_the_same_in_other_tools_with_ties(letter_encoder, collection, tmp_path):
    """Query `two` has three ties; RR@10 of ir_measures would take them in ascending order, trec_eval descending."""
    collection.qrels = {"two": {"p1": 1, "p2": 2}, "one": {"p4": 1}}
    measures = ["nDCG@10", "RR@10", "RR", "AP", "P@2"]
    result = evaluate(letter_encoder(), collection, EvaluationSettings(measures=measures))
    write_evaluation(tmp_path, result, "name")
    run = list(ir_measures.read_trec_run(str(tmp_path / "run.trec")))
    parsed = [ir_measures.parse_measure(measure) for measure in measures]
    others = ir_measures.calc_aggregate(parsed, collection.qrels, run)
    assert {str(measure): value for measure, value in others.items()} == pytest.approx(result.scores.measures)
    assert result.scores.per_query["two"]["RR@10"] == pytest.approx(1 / 3)


def test_the_run_file_keeps_float32_scores_apart(letter_encoder, collection, tmp_path):
    """0.1 and the next float32 differ in the ninth digit."""
    model = letter_encoder()
    near = np.nextafter(np.float32(0.1), np.float32(1))
    vectors = torch.tensor([[0.1, 0, 0], [float(near), 0, 0], [0, 0, 0], [0, 0, 0]])
    embed = model.embed
    model.embed = lambda ids, role: vectors if role == "passage" else embed(ids, role)
    model.tokenize = lambda texts, role: [[ord(letter) for letter in text[:1]] for text in texts]  # one batch, in order
    write_evaluation(tmp_path, evaluate(model, collection, SETTINGS), "name")
    scored = [line.split() for line in (tmp_path / "run.trec").read_text().split("\n")[:2]]
    assert [(line[2], np.float32(line[4])) for line in scored] == [("p2", near), ("p1", np.float32(0.1))]


def test_white_space_in_an_id_would_break_the_run_file(letter_encoder, collection, tmp_path):
    result = evaluate(letter_encoder(), collection, SETTINGS)
    with pytest.raises(WrankError, match="white space"):
        write_evaluation(tmp_path, result, "two words")


def test_what_counts_as_relevant_reaches_facts_slices_and_counts(letter_encoder, collection):
    found = evaluate(letter_encoder(), collection, SETTINGS)
    found = measure(found.rankings, collection, SETTINGS.measures, {}, {}, relevant=2)
    assert {query_id: facts["relevant"] for query_id, facts in found.facts.items()} == {"one": 1, "two": 0}
    assert found.counts["queries_without_relevant"] == 1
    assert {bucket: one["queries"] for bucket, one in found.diagnosis["slices"]["relevant"].items()} == {"0": 1, "1": 1}


def test_a_query_without_credit_is_not_in_the_run_file_so_every_tool_scores_it_0(letter_encoder, collection, tmp_path):
    collection.queries.all_texts[2] = ""  # its vector is 0, and so are all its scores
    result = evaluate(letter_encoder(), collection, SETTINGS)
    assert result.counts["queries_constant"] == 1
    assert result.no_credit == {"two"}
    write_evaluation(tmp_path, result, "name")
    run = list(ir_measures.read_trec_run(str(tmp_path / "run.trec")))
    assert {line.query_id for line in run} == {"one"}
    parsed = [ir_measures.parse_measure(name) for name in result.scores.measures]
    others = ir_measures.calc_aggregate(parsed, collection.qrels, run)
    assert {str(measure): value for measure, value in others.items()} == pytest.approx(result.scores.measures)


def test_equal_scores_of_a_system_that_ranks_what_it_finds_say_what_was_found(letter_encoder, collection):
    rows, scores = np.array([[1, 0], [3, -1]]), np.array([[2, 2], [1, -np.inf]], dtype=np.float32)
    rankings = Rankings(["one", "two"], collection.passages.ids, rows, scores)
    kept = measure(rankings, collection, ["RR@10"], {}, {}, constant_from=4)
    assert kept.scores.per_query["one"] == {"RR@10": 1.0}
    assert measure(rankings, collection, ["RR@10"], {}, {}).scores.per_query["one"] == {"RR@10": 0.0}
