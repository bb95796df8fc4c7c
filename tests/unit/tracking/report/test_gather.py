"""Rows are systems, seeds are merged, and nothing is dropped in silence."""

import pytest

from tests.unit.tracking.report.made import a_study, fingerprint
from wrank.errors import WrankError
from wrank.evaluation.significance import holm, randomisation_test
from wrank.tracking.report.choose import Filter
from wrank.tracking.report.gather import gather

ALL = Filter()


def rows(gathered):
    return {row.name: [run.seed for run in row.runs] for row in gathered.rows}


def test_seeds_of_one_configuration_are_one_row_and_the_base_is_the_reference(study):
    found = gather(study.library, ALL)
    assert rows(found) == {"base": [None], "m-kl": [0, 1, 2], "m-ws2": [0, 1, 2]}
    assert found.comparison.reference == "base"
    assert found.comparison.cells["m-kl"]["news/test"].seeds == 3
    assert found.comparison.cells["m-kl"]["news/test"].mark == "+"
    assert found.comparison.cells["m-ws2"]["news/test"].mark == ""


def test_p_values_are_those_of_significance(study):
    found = gather(study.library, ALL).comparison
    values = {system: list(found.per_query[system]["news/test"].values()) for system in found.systems}
    p = [randomisation_test(values["base"], values[system]) for system in ("m-kl", "m-ws2")]
    assert [found.cells[system]["news/test"].p_holm for system in ("m-kl", "m-ws2")] == pytest.approx(holm(p))


def test_runs_of_one_name_with_another_configuration_are_rows_of_their_own(made):
    base = made.evaluation([0.1, 0.2, 0.3])
    for rate in (0.1, 0.2):
        made.evaluation([rate, 0.2, 0.3], training=made.training(trainer={"learning_rate": rate}))
    assert base
    found = gather(made.library, ALL)
    assert set(rows(found)) == {
        "base",
        "m-kl [trainer.learning_rate=0.1]",
        "m-kl [trainer.learning_rate=0.2]",
    }


def test_a_seed_of_augment_that_follows_the_run_is_no_difference(made):
    made.evaluation([0.1, 0.2])
    for seed in (0, 1):
        made.evaluation([0.1, seed / 2], training=made.training(seed=seed, augment={"seed": seed, "share": 0.1}))
    assert rows(gather(made.library, ALL))["m-kl"] == [0, 1]


def test_what_a_training_needed_may_differ_in_the_seed_too(made):
    """The rounds of one training: each starts from the one before it, of its own seed."""
    made.evaluation([0.1, 0.2])
    for seed in (0, 1):
        first = made.training(seed=seed, name=f"m-r1-s{seed}", round=1)
        second = made.training(seed=seed, name=f"m-r2-s{seed}", inputs={"previous": first.content_key}, round=2)
        made.evaluation([0.1, seed / 2], training=second)
    found = gather(made.library, ALL)
    assert rows(found) == {"base": [None], "m-r2": [0, 1]}  # and the first rounds are steps, no rows


def test_a_training_without_an_evaluation_is_a_row_with_a_note(study):
    study.training("kl", 7)
    study.training("listnet", 0)
    found = gather(study.library, ALL)
    assert rows(found)["m-kl"] == [0, 1, 2, 7]
    assert found.rows[-1].name == "m-listnet"
    assert "m-listnet" not in found.comparison.systems
    assert "m-kl was not evaluated on any set with seed 7" in found.notes
    assert "m-listnet was not evaluated on any set" in found.notes
    assert "not all systems have as many seeds: 4, but m-ws2 3, m-listnet 1" in found.notes


def test_a_system_that_was_evaluated_on_other_sets_alone_is_no_row(study):
    study.evaluation([0.5, 0.6], training=study.training("far", 0), where="web")
    found = gather(study.library, ALL, sets=("news*",))
    assert set(rows(found)) == {"base", "m-kl", "m-ws2"}
    assert not any("was not evaluated" in note for note in found.notes)
    lacking = study.training("kl", 7)
    study.evaluation([0.5, 0.6], training=lacking, where="web")
    assert "m-kl was not evaluated on any set with seed 7" in gather(study.library, ALL, sets=("news*",)).notes


def test_two_bases_are_told_apart_by_how_their_trainings_loaded_them(made):
    for name, similarity in (("one", "cosine"), ("two", "dot")):
        made.evaluation([0.1, 0.2, 0.3], fp=fingerprint(name))
        model = {"similarity": similarity, "temperature": 1.0 if name == "one" else 0.1}
        made.evaluation([0.2, 0.2, 0.3], training=made.training(name, base=name, model=model))
    found = gather(made.library, ALL, reference="m-one")
    assert {"base [model.similarity=cosine]", "base [model.similarity=dot]"} <= set(rows(found))


def test_a_set_that_a_row_lacks_is_noted(study):
    study.evaluation([0.5, 0.6], where="web")
    found = gather(study.library, ALL)
    assert [rule.name for rule in found.comparison.sets] == ["news/test", "web/test"]
    assert "m-kl was not evaluated on web/test" in found.notes
    assert "web/test" not in found.comparison.cells["m-kl"]


def test_one_seed_is_told(tmp_path):
    found = gather(a_study(tmp_path, seeds=1).library, ALL)
    assert any(note.startswith("one seed a system") for note in found.notes)


def test_a_collection_that_changed_is_another_set(study):
    study.evaluation([0.5, 0.6], where="news#2")
    found = gather(study.library, ALL)
    assert len(found.comparison.sets) == 2
    assert all("#" in rule.name for rule in found.comparison.sets)
    assert any("different contents" in note for note in found.notes)


def test_seeds_on_other_queries_are_refused(study):
    study.evaluation([0.5, 0.6], training=study.training("kl", 9))
    with pytest.raises(WrankError, match="not scored on the same queries"):
        gather(study.library, ALL)


def test_two_ways_of_searching_are_two_rows(study):
    study.evaluation([0.3] * 12, index={"index": "ivf"})
    found = gather(study.library, ALL, reference="base [index=null]")
    assert {"base [index=ivf]", "base [index=null]"} <= set(rows(found))
    assert any("not searched alike" in note for note in found.notes)


def test_of_evaluations_that_differ_in_what_was_measured_the_newest_counts(study):
    study.evaluation([0.9] * 12, measures=[f"{'nDCG@10'}", "AP"])
    found = gather(study.library, ALL)
    assert found.comparison.cells["base"]["news/test"].mean == pytest.approx(0.9)
    assert any("the newest counts" in note for note in found.notes)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (Filter(words=["demo"]), {"base", "m-kl", "m-ws2"}),
        (Filter(words=["m-k*"]), {"base", "m-kl"}),
        (Filter(loss=["ws2"]), {"base", "m-ws2"}),
        (Filter(name=["m-kl-s1"]), {"base", "m-kl"}),
        (Filter(study=["demo"], kind="trained"), {"base", "m-kl", "m-ws2"}),
        (Filter(kind="untrained"), {"base"}),
        (Filter(since="2020-01-01", until="2999-12-31", data=["news"]), {"base", "m-kl", "m-ws2"}),
    ],
)
def test_the_filter_chooses_and_the_baseline_comes_along(study, chosen, expected):
    assert set(rows(gather(study.library, chosen))) == expected


def test_tags(study):
    study.evaluation([0.4] * 12, training=study.training("listnet", 0, tags=["good", "new"]))
    assert "m-listnet" in rows(gather(study.library, Filter(tags=["good"])))
    with pytest.raises(WrankError, match="nothing in"):
        gather(study.library, Filter(tags=["good", "old"]))


def test_a_training_found_again_by_another_study_counts_there_too(study):
    library = study.library
    evaluations = library.of_kind("evaluation")
    base = next(one for one in evaluations if one.manifest["details"]["model"] == "base")
    kl = next(one for one in evaluations if one.manifest["details"]["model"] == "m-kl-s0")
    study.comparison({("base", "news/test"): base, ("m-kl-s0", "news/test"): kl}, study="later")
    assert rows(gather(study.library, Filter(study=["later"]))) == {"base": [None], "m-kl": [0]}


@pytest.mark.parametrize(
    ("chosen", "named", "words"),
    [
        (Filter(words=["nope"]), {}, "studies: demo; trainings: m-kl, m-ws2; evaluated: base"),
        (Filter(tags=["x"]), {}, "no training of this store has tags"),
        (Filter(), {"reference": "gone"}, "no such system.*base, m-kl, m-ws2"),
        (Filter(), {"reference": "m-*"}, "2 systems are called so: m-kl, m-ws2"),
        (Filter(), {"sets": ["web*"]}, "no such test set; there are news/test"),
        (Filter(), {"measure": "AP"}, "do not have it"),
        (Filter(), {"alpha": 2.0}, "alpha"),
    ],
)
def test_what_cannot_be_is_told(study, chosen, named, words):
    with pytest.raises(WrankError, match=words):
        gather(study.library, chosen, **named)


def test_an_empty_store_and_trainings_alone_are_told(made):
    with pytest.raises(WrankError, match="no training and no evaluation"):
        gather(made.library, ALL)
    made.training()
    with pytest.raises(WrankError, match="none of them was evaluated"):
        gather(made.library, ALL)


def test_without_the_base_a_reference_must_be_named(made):
    for loss in ("kl", "ws2"):
        made.evaluation([0.1, 0.2], training=made.training(loss))
    with pytest.raises(WrankError, match=r"say reference=... with one of m-kl, m-ws2"):
        gather(made.library, ALL)
    assert gather(made.library, ALL, reference="m-ws2").comparison.reference == "m-ws2"


@pytest.mark.parametrize(("key", "value"), [("since", "yesterday"), ("until", "2026-13-01"), ("kind", "model")])
def test_days_and_kinds_are_checked(key, value):
    with pytest.raises(WrankError, match=f"{key}={value}"):
        Filter(**{key: value})


def test_a_set_is_in_domain_when_all_were_trained_on_its_collection(study):
    for training in study.library.of_kind("model"):
        study.evaluation([0.5, 0.6], training=training, where="web")
    study.evaluation([0.5, 0.6], where="web")
    found = gather(study.library, ALL).comparison
    assert {rule.name: rule.in_domain for rule in found.sets} == {"news/test": True, "web/test": False}


def test_best_weights_of_step_0_are_the_base_and_no_training(study):
    library = study.library
    library.weights.learn(library.of_kind("model"))
    assert fingerprint("base") not in library.weights.found
