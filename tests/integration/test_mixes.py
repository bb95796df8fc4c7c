"""The four published mixes, composed from configuration on small files: their exact lists, and what is refused."""

import csv
import json

import pyarrow as pa
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from pyarrow import parquet

from wrank.config import build, conf_folder, option_sets, register
from wrank.errors import WrankError
from wrank.manifest import MANIFEST
from wrank.stage.context import Context
from wrank.stage.training_data import mixed_collection

KEY = "ab" * 32
REAL = {"q1": {"r1": 2, "r2": 1, "r0": 0}, "q2": {"r3": 1}}
MINED = {"q1": [("m1", 9.0), ("m2", 8.0), ("r1", 7.5), ("m3", 7.0)], "q2": [("m1", 4.0), ("m3", 3.0)]}
LEVELS = {"q1": {"g13": 3, "g12": 2, "g11": 1, "g10": 0}, "q2": {"g23": 3, "g22": 2, "g21": 1, "g20": 0}}


def write_collection(folder, passages, queries, split, qrels):
    (folder / "qrels").mkdir(parents=True)
    lines = [json.dumps({"_id": id, "text": f"text of {id}"}) + "\n" for id in passages]
    (folder / "corpus.jsonl").write_text("".join(lines))
    (folder / "queries.jsonl").write_text("".join(json.dumps({"_id": q, "text": f"query {q}"}) + "\n" for q in queries))
    rows = [f"{q}\t{p}\t{grade}\n" for q, grades in qrels.items() for p, grade in grades.items()]
    (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(rows))


@pytest.fixture
def files(tmp_path):
    """A real collection, mined pairs, a generation in a store."""
    write_collection(tmp_path / "real", ["r0", "r1", "r2", "r3", "m1", "m2", "m3"], ["q1", "q2", "q9"], "train", REAL)
    generation = tmp_path / "store" / "generation" / f"toy-{KEY[:16]}"
    passages = [id for grades in LEVELS.values() for id in grades]
    write_collection(generation, passages, ["q1", "q2"], "train", LEVELS)
    facts = {"key": KEY, "kind": "generation", "name": "toy", "finished": "now", "content_key": "c"}
    (generation / MANIFEST).write_text(json.dumps(facts))
    rows = [(q, p, score) for q, ranked in MINED.items() for p, score in ranked]
    columns = dict(zip(("query_id", "passage_id", "score"), map(list, zip(*rows, strict=True)), strict=True))
    (tmp_path / "mined").mkdir()
    parquet.write_table(pa.table(columns), tmp_path / "mined" / "pairs.parquet")
    return tmp_path


def context(files, *overrides):
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        cfg = compose("train", overrides=[f"data.path={files}/real", f"paths.store={files}/store", *overrides])
    return Context(cfg, {"model": "minilm"})


def drawn(files, *overrides, epochs=40):
    """Of each query the distinct lists of many epochs: sets of (passage, grade, source)."""
    one = context(files, *overrides)
    sampler = build(one.cfg, "data.lists")(mixed_collection(one), seed=0)
    found: dict[str, set] = {query_id: set() for query_id in sampler.query_ids}
    for epoch in range(epochs):
        for index, query_id in enumerate(sampler.query_ids):
            item = sampler.sample(epoch, index)
            assert item.query == f"query {query_id}"
            assert item.passages == [f"text of {id}" for id in item.passage_ids]
            assert item.grades == sorted(item.grades, reverse=True)
            found[query_id].add(frozenset(zip(item.passage_ids, item.grades, item.sources, strict=True)))
    return found


def lists(*parts):
    """All lists that hold one choice of each part: a part is a sequence of alternatives."""
    whole = [frozenset()]
    for alternatives in parts:
        whole = [one | frozenset(choice) for one in whole for choice in alternatives]
    return set(whole)


def test_real_binary_is_a_positive_against_two_mined_ones(files):
    mined = {
        "q1": [[(a, 0.0, "mined"), (b, 0.0, "mined")] for a, b in (("m1", "m2"), ("m1", "m3"), ("m2", "m3"))],
        "q2": [[("m1", 0.0, "mined"), ("m3", 0.0, "mined")]],
    }
    real = {"q1": [[("r1", 1.0, "real")], [("r2", 1.0, "real")]], "q2": [[("r3", 1.0, "real")]]}
    assert drawn(files, "data=real_binary", f"data.mined={files}/mined") == {
        query: lists(real[query], mined[query]) for query in ("q1", "q2")
    }


def test_synthetic_binary_cuts_the_levels_in_two(files):
    assert drawn(files, "data=synthetic_binary", "data.generation=abab") == {
        q: lists(
            [[(f"{g}3", 1.0, "positive")], [(f"{g}2", 1.0, "positive")]],
            [[(f"{g}1", 0.0, "negative"), (f"{g}0", 0.0, "negative")]],
        )
        for q, g in (("q1", "g1"), ("q2", "g2"))
    }


def test_synthetic_graded_holds_all_four_levels(files):
    assert drawn(files, "data=synthetic_graded", "data.generation=toy") == {
        q: {frozenset((id, float(grade), "synthetic") for id, grade in grades.items())} for q, grades in LEVELS.items()
    }


def test_synthetic_plus_real_puts_seven_together(files):
    synthetic = {q: [[(id, float(g), "synthetic") for id, g in grades.items()]] for q, grades in LEVELS.items()}
    wanted = {
        "q1": lists(
            synthetic["q1"],
            [[("r1", 3.0, "real")], [("r2", 3.0, "real")]],
            [[(a, 1.0, "mined"), (b, 1.0, "mined")] for a, b in (("m1", "m2"), ("m1", "m3"), ("m2", "m3"))],
        ),
        "q2": lists(synthetic["q2"], [[("r3", 3.0, "real")]], [[("m1", 1.0, "mined"), ("m3", 1.0, "mined")]]),
    }
    found = drawn(files, "data=synthetic_plus_real", "data.generation=toy", f"data.mined={files}/mined")
    assert found == wanted
    assert all(len(one) == 7 for lists_ in found.values() for one in lists_)


def test_the_last_part_wins_and_what_it_replaced_is_counted(files):
    one = context(files, "data=real_binary", f"data.mined={files}/mined")
    mixed = mixed_collection(one)
    assert mixed.qrels["q1"] == {"m1": 0.0, "m2": 0.0, "m3": 0.0, "r1": 1.0, "r2": 1.0}
    assert mixed.notes["mined_replaced_by_a_later_part"] == 1


def test_what_a_step_left_out_is_no_negative(files):
    """r0 is judged 0 and the step drops it; g passages come from another source: neither may be drawn at random."""
    one = context(files, "data=real_binary", f"data.mined={files}/mined", "data.mix.parts.mined=null")
    make = build(one.cfg, "data.lists")
    sampler = make(mixed_collection(one), seed=0, size=7, negatives="random")
    at = sampler.query_ids.index("q1")
    for epoch in range(20):
        item = sampler.sample(epoch, at)
        assert set(item.passage_ids) <= {"r1", "r2", "r3", "m1", "m2", "m3"}
        assert {"r3", "m1", "m2", "m3"} <= set(item.passage_ids)


def test_a_mix_is_built_once_and_changes_with_its_steps(files):
    words = ("data=synthetic_binary", "data.generation=toy")
    first, again = (mixed_collection(context(files, *words)) for _ in range(2))
    other = mixed_collection(context(files, *words, "data.mix.parts.positive.steps.0.score=3"))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert first.judgements.folder == again.judgements.folder != other.judgements.folder
    assert len(other.judgements.grades) == len(first.judgements.grades) - 2


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data=synthetic_graded"], r"data.generation has no value: give the key"),
        (["data=synthetic_graded", "data.generation=zz"], "no generation fits"),
        (["data=real_binary"], r"data.mined"),
        (["data=real_binary", "data.mined=nowhere"], "nowhere"),
        (["data=real_binary", "data.mined={files}/real"], "real"),
        (["data=real_binary", "data.mined={files}/mined", "data.mix.parts.real=null"], "every part has pairs alone"),
        (
            ["data=real_binary", "data.mined={files}/mined", "data.mix.parts.real=null", "data.mix.parts.mined=null"],
            "data.mix.parts has no part",
        ),
        (["data=synthetic_graded", "data.generation=toy", "data.mix.parts.synthetic.split=dev"], "no split 'dev'"),
        (["data=synthetic_graded", "data.generation=toy", "+data.mix.parts.synthetic.stepz=[]"], "stepz"),
        (
            ["data=synthetic_binary", "data.generation=toy", "data.mix.parts.positive.steps.0.score=9"],
            "no pair is left: 8",
        ),
        (
            ["data=synthetic_binary", "data.generation=toy", "data.mix.parts.positive.steps.0.score=high"],
            r"data.mix.parts.positive.steps.0.score=high: wanted a number",
        ),
        (
            ["data=synthetic_binary", "data.generation=toy", "data.mix.parts.positive.steps.2.k=0"],
            r"positive.steps.2: Take k is 0",
        ),
        (
            ["data=synthetic_binary", "data.generation=toy", "data.mix.parts.positive.steps.2.choice=best"],
            r"data.mix.parts.positive.steps.2.choice=best: wanted top, bottom",
        ),
        (
            ["data=synthetic_binary", "data.generation=toy", "data.mix.parts.positive.steps.1.to=null"],
            "steps.1: Relabel",
        ),
        (
            [
                "data=synthetic_graded",
                "data.generation=toy",
                "data.mix.steps=[{{_target_:wrank.data.step.take.Take,k:1,choice:random}}]",
            ],
            "belongs to a part",
        ),
        (
            [
                "data=synthetic_graded",
                "data.generation=toy",
                "+data.mix.parts.synthetic.steps=[{{_target_:wrank.data.step.take.Take,k:2,choice:random}},"
                "{{_target_:wrank.data.step.take.Take,k:1,choice:top}}]",
            ],
            "cannot follow Take",
        ),
        (
            [
                "data=synthetic_graded",
                "data.generation=toy",
                "+data.mix.parts.synthetic.steps=[{{_target_:wrank.data.step.take.Take,k:2,choice:random}},"
                "{{_target_:wrank.data.step.take.Take,k:1,choice:random}}]",
            ],
            "a second Take with choice=random",
        ),
        (
            [
                "data=synthetic_graded",
                "data.generation=toy",
                "+data.mix.parts.synthetic.pairs={{_target_:wrank.data.source.pairs.PairsFile,path:{files}/mined}}",
            ],
            "has both source and pairs",
        ),
        (
            ["data=real_binary", "data.mined={files}/mined", "+data.mix.parts.mined.split=train"],
            "pairs have no splits",
        ),
        (
            [
                "data=synthetic_graded",
                "data.generation=toy",
                "data.mix.steps=[{{_target_:wrank.data.step.min_score.MinScore,score:2}},"
                "{{_target_:wrank.data.step.max_score.MaxScore,score:2}}]",
            ],
            r"data.mix: no pair is left: 8 at first, 4 after steps.0 \(MinScore\), none after steps.1 \(MaxScore\)",
        ),
        (
            ["data=synthetic_graded", "data.generation=toy", "data.mix.steps=[{{_target_:wrank.data.step.take.Take}}]"],
            "data.mix.steps.0 .*missing 2 required",
        ),
        (
            [
                "data=synthetic_graded",
                "data.generation=toy",
                "data.mix.steps=[{{_target_:wrank.data.step.min_score.MinScore,score:0}},"
                "{{_target_:wrank.data.step.relabel.Relabel,map:{{7:1}}}}]",
            ],
            r"data.mix.steps.1: Relabel map has no 0",
        ),
        (
            [
                "data=synthetic_graded",
                "data.generation=toy",
                "data.mix.steps=[{{_target_:wrank.data.step.false_negative.FalseNegatives,kind:absolute,value:1}}]",
            ],
            "data.mix.teacher",
        ),
        (
            [
                "data=synthetic_graded",
                "data.generation=toy",
                "data.mix.steps=[{{_target_:wrank.data.step.nothing.Nothing}}]",
            ],
            "nothing",
        ),
        (
            [
                "data=synthetic_graded",
                "data.generation=toy",
                "+data.mix.parts.synthetic.steps=[{{_target_:wrank.data.step.min_score.MinScore,score:4}}]",
            ],
            r"data.mix.parts.synthetic: no pair is left: 8 at first, none after steps.0 \(MinScore\): loosen that step",
        ),
    ],
)
def test_a_wrong_or_contradictory_mix_is_told_before_any_work(files, overrides, message):
    words = [word.format(files=files) for word in overrides]
    with pytest.raises(WrankError, match=message):
        drawn(files, *words, epochs=1)


def scheduled(files, *stages, extra=()):
    node = ",".join(stages)
    words = [f"data.mix.schedule={{_target_:wrank.data.schedule.Schedule,stages:[{node}]}}", *extra]
    one = context(files, "data=synthetic_plus_real", "data.generation=toy", f"data.mined={files}/mined", *words)
    return build(one.cfg, "data.lists")(mixed_collection(one), seed=0)


def test_a_schedule_lets_parts_take_part_by_epoch(files):
    sampler = scheduled(files, "{epoch:0,parts:[synthetic]}", "{epoch:2,parts:[real,mined]}", "{epoch:3}")
    seen = {epoch: {source for i in range(2) for source in sampler.sample(epoch, i).sources} for epoch in range(5)}
    everything = {"synthetic", "real", "mined"}
    assert seen == {0: {"synthetic"}, 1: {"synthetic"}, 2: {"real", "mined"}, 3: everything, 4: everything}


def test_a_stage_of_fewer_queries_fills_its_epochs_with_them(files):
    (files / "asked.tsv").write_text("q1\t90\nq2\t3\n")
    stages = ("{epoch:0,frequency:[50,inf]}", "{epoch:1,frequency:[0,10]}", "{epoch:2}")
    sampler = scheduled(files, *stages, extra=[f"+data.mix.schedule.frequencies={files}/asked.tsv"])
    drawn_ids = [[sampler.query_ids[i] for i in sampler.order(epoch).tolist()] for epoch in range(3)]
    assert drawn_ids[:2] == [["q1", "q1"], ["q2", "q2"]]
    assert sorted(drawn_ids[2]) == ["q1", "q2"]


def test_frequencies_of_queries_that_are_not_there_are_counted(files, caplog):
    (files / "asked.tsv").write_text("q1\t90\nx1\t3\nq2\t3\nx2\t3\n")
    stages = ("{epoch:0,frequency:[1,inf]}",)
    scheduled(files, *stages, extra=[f"+data.mix.schedule.frequencies={files}/asked.tsv"])
    assert f"{files}/asked.tsv: 2 of its query ids are no query of the mix, e.g. ['x1', 'x2']" in caplog.text
    caplog.clear()
    (files / "asked.tsv").write_text("q1\t90\nq2\t3\n")
    scheduled(files, *stages, extra=[f"+data.mix.schedule.frequencies={files}/asked.tsv"])
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "the first with epoch: 0"),
        (["{epoch:1}"], "the first with epoch: 0"),
        (["{epoch:0}", "{epoch:0}"], r"stages.1.epoch is 0; wanted more than 0"),
        (["{epoch:0,parts:[clicks]}"], "no part 'clicks'; there are mined, real, synthetic"),
        (["{epoch:0,parts:[]}"], "wanted a list of the mix's parts"),
        (["{epoch:0,part:[real]}"], "stages.0.part: no such key"),
        (["{epoch:0.5}"], "epoch is 0.5"),
        (["{epoch:0,frequency:[3,1]}"], "wanted .lowest, highest."),
        (["{epoch:0,frequency:[1,3]}"], "there are no frequencies"),
        (["{epoch:0,parts:[mined]}"], "stages.0: no query has a relevant passage"),
    ],
)
def test_a_schedule_that_does_not_fit_is_refused(files, stages, message):
    extra = ["data.mix.parts.mined.steps.0.to=0"]
    with pytest.raises(WrankError, match=message):
        scheduled(files, *stages, extra=extra)


def test_lists_are_balanced_over_levels_and_over_sources(files):
    words = ("data=synthetic_plus_real", "data.generation=toy", f"data.mined={files}/mined")
    for choice, field, groups in (("by_level", "grades", 4), ("by_source", "sources", 3)):
        one = context(files, *words, f"data.lists.choice={choice}", "data.lists.size=3")
        sampler = build(one.cfg, "data.lists")(mixed_collection(one), seed=0)
        drawn_lists = [getattr(sampler.sample(epoch, i), field) for epoch in range(30) for i in range(2)]
        assert all(len(set(one)) == min(3, groups) for one in drawn_lists)
        assert len({value for one in drawn_lists for value in one}) == groups


def test_a_teacher_scores_the_lists_and_masks_false_negatives(files):
    """m2 scores above the positive r2: it leaves; the others keep their scores beside the passages."""
    scores = {"q1": {"r1": 5.0, "r2": 4.0, "m1": 1.0, "m2": 4.5, "m3": 0.5}, "q2": {"r3": 3.0, "m1": 2.0, "m3": -1.0}}
    rows = [(q, p, score) for q, scored in scores.items() for p, score in scored.items()]
    columns = dict(zip(("query_id", "passage_id", "score"), map(list, zip(*rows, strict=True)), strict=True))
    (files / "scores").mkdir()
    parquet.write_table(pa.table(columns), files / "scores" / "pairs.parquet")
    one = context(
        files,
        "data=real_binary",
        f"data.mined={files}/mined",
        f"data.mix.teacher={{_target_:wrank.data.source.pairs.PairsFile,path:{files}/scores}}",
        "data.mix.steps=[{_target_:wrank.data.step.false_negative.FalseNegatives,kind:absolute,value:0}]",
    )
    mixed = mixed_collection(one)
    assert set(mixed.qrels["q1"]) == {"r1", "r2", "m1", "m3"}
    assert mixed.notes["mix_FalseNegatives_false_negatives"] == 1
    sampler = build(one.cfg, "data.lists")(mixed, seed=0)
    for index, query_id in enumerate(sampler.query_ids):
        item = sampler.sample(0, index)
        assert item.teacher == [scores[query_id][id] for id in item.passage_ids]


@pytest.mark.parametrize("loss", ["margin_mse", "teacher_kl"])
def test_teacher_scores_of_a_mix_reach_the_loss_and_a_loss_without_them_is_refused(files, here, loss):
    rows = [("q1", "r1", 5.0), ("q1", "r2", 4.0), ("q1", "m1", 1.0), ("q2", "r3", 3.0), ("q2", "m1", 2.0)]
    columns = dict(zip(("query_id", "passage_id", "score"), map(list, zip(*rows, strict=True)), strict=True))
    (files / "scores").mkdir()
    parquet.write_table(pa.table(columns), files / "scores" / "pairs.parquet")
    words = ("data=real_binary", f"data.path={files}/real", f"data.mined={files}/mined", f"loss={loss}", "model=tiny")
    smoke = ("debug=smoke", "trainer=cpu", "trainer.max_steps=2", "logger=none", "data.dev_share=0")
    _, err = here("train", *words, *smoke, code=2)
    assert f"loss={loss} needs teacher" in err
    teacher = f"data.mix.teacher={{_target_:wrank.data.source.pairs.PairsFile,path:{files}/scores}}"
    here("train", *words, *smoke, teacher)
    (model,) = here.artifacts("model")
    figures = list(csv.DictReader((model / "metrics.csv").read_text().split("\n")))
    assert float(figures[-1]["train/queries_used"]) >= 1
    assert float(figures[-1]["train/loss"]) > 0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            [
                "data=real_binary",
                "data.mined={files}/mined",
                "data.mix.parts.mined.steps=[{{_target_:wrank.data.step.false_negative.FalseNegatives,"
                "kind:absolute,value:0}}]",
            ],
            "put it into data.mix.steps",
        ),
        (["data=real_binary", "data.mined={files}/positive.tsv"], "all of its 3 pairs come again"),
        (
            ["data=synthetic_binary", "data.generation=toy", "+data.mix.parts.positive.steps.0.scor=1"],
            r"data\.mix\.parts\.positive\.steps\.0\.scor: no such key; did you mean .*\.score",
        ),
        (["data=synthetic_binary", "data.generation=toy", "+window=[1,2]"], "window: no such key"),
    ],
)
def test_what_would_do_nothing_is_refused(files, overrides, message):
    (files / "positive.tsv").write_text("q1\tr1\t1\nq1\tr2\t1\nq2\tr3\t1\n")
    with pytest.raises(WrankError, match=message):
        drawn(files, *[word.format(files=files) for word in overrides], epochs=1)


def test_a_part_with_other_query_ids_is_warned_of(files, caplog):
    source = files / "store" / "generation" / f"toy-{KEY[:16]}"
    for name in ("queries.jsonl", "qrels/train.tsv"):
        path = source / name
        path.write_text(path.read_text().replace("q1", "x1").replace("q2", "x2"))
    mixed_collection(context(files, "data=synthetic_plus_real", "data.generation=toy", f"data.mined={files}/mined"))
    assert "data.mix.parts.synthetic has no query in common with the other parts" in caplog.text


def append(path, *lines):
    with path.open("a", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def test_a_mined_copy_of_something_relevant_is_never_a_negative(files):
    """r2 (grade 1) leaves by MinScore 2; m1 has the text of r1: mined again, neither may come with grade 0."""
    append(files / "real" / "corpus.jsonl", json.dumps({"_id": "copy", "text": "text of r1"}))
    (files / "any.run").write_text("".join(f"q1 Q0 {id} {n} {9 - n} x\n" for n, id in enumerate(["r2", "copy", "m3"])))
    words = ["data=real_binary", f"data.mined={files}/any.run", "data.mix.parts.real.steps.0.score=2"]
    assert drawn(files, *words) == {"q1": {frozenset({("r1", 1.0, "real"), ("m3", 0.0, "mined")})}}


def test_a_positive_without_text_does_not_end_a_training(files):
    append(files / "real" / "corpus.jsonl", json.dumps({"_id": "empty", "text": ""}))
    append(files / "real" / "qrels" / "train.tsv", "q2\tempty\t2")
    found = drawn(files, "data=real_binary", f"data.mined={files}/mined")
    assert {id for one in found["q2"] for id, grade, _ in one if grade} == {"r3"}


def test_what_a_part_of_pairs_dropped_is_no_negative(files):
    words = ["data=real_binary", f"data.mined={files}/mined"]
    step = "{_target_:wrank.data.step.max_score.MaxScore,score:8}"
    keep = "{_target_:wrank.data.step.relabel.Relabel,to:0}"
    one = context(files, *words, f"data.mix.parts.mined.steps=[{step},{keep}]")
    sampler = build(one.cfg, "data.lists")(mixed_collection(one), seed=0, size=7, negatives="random")
    at = sampler.query_ids.index("q1")
    for epoch in range(20):
        assert not {"m1", "m2", "r0"} & set(sampler.sample(epoch, at).passage_ids)


def test_a_stage_looks_at_its_own_parts_where_passages_are_excluded(files):
    (files / "real" / "excluded.tsv").write_text("q1\tm3\nq2\tm3\n")
    sampler = scheduled(files, "{epoch:0,parts:[synthetic]}", "{epoch:1,parts:[real]}")
    assert sampler.skipped == 0
    assert {sampler.sample(epoch, i).sources[0] for epoch in (1, 2) for i in range(2)} == {"real"}


def test_what_the_collection_excludes_holds_where_it_is_no_part(files):
    """The only part is a copy of the collection without its excluded.tsv; the unknown passage is of the collection."""
    (files / "real" / "excluded.tsv").write_text("q1\tr1\nq1\tgone\nq2\tm1\n")
    append(files / "real" / "corpus.jsonl", json.dumps({"_id": "gone", "text": "in no part"}))
    write_collection(files / "copy", ["r0", "r1", "r2", "r3", "m1"], ["q1", "q2"], "train", REAL)
    node = f"{{_target_:wrank.data.source.beir.BeirSource,path:{files}/copy}}"
    part = f"+data.mix.parts.copy={{_target_:wrank.data.mix.Part,source:{node}}}"
    words = ["data=synthetic_graded", "data.mix.parts.synthetic=null", part]
    mixed = mixed_collection(context(files, *words))
    assert mixed.excluded == {"q1": {"r1"}, "q2": {"m1"}}
    sampler = build(context(files, *words).cfg, "data.lists")(mixed, seed=0, size=5, negatives="random")
    drawn_ids = [set(sampler.sample(epoch, i).passage_ids) for i in range(2) for epoch in range(10)]
    assert all("r1" not in ids for ids in drawn_ids[:10])
    assert all("m1" not in ids for ids in drawn_ids[10:])
    (files / "real" / "excluded.tsv").unlink()
    without = mixed_collection(context(files, *words))
    assert without.excluded == {}
    assert without.fingerprint != mixed.fingerprint


def test_another_evaluated_split_is_another_key(files):
    """What is left out for the sake of one evaluated split must not be found again for another."""
    source = files / "store" / "generation" / f"toy-{KEY[:16]}"
    for name in ("queries.jsonl", "qrels/train.tsv"):
        text = (source / name).read_text()
        for number in "12":
            text = text.replace(f'"q{number}"', f'"x{number}"').replace(f"q{number}\t", f"x{number}\t")
        (source / name).write_text(text)
    for split, text in (("test", "query q1"), ("other", "query q2")):
        append(files / "real" / "queries.jsonl", json.dumps({"_id": f"t-{split}", "text": text}))
        (files / "real" / "qrels" / f"{split}.tsv").write_text(f"t-{split}\tr1\t1\n")
    words = ("data=synthetic_graded", "data.generation=toy")
    found = [mixed_collection(context(files, *words, f"data.split={split}")) for split in ("test", "other")]
    assert [list(one.qrels) for one in found] == [["x2"], ["x1"]]
    assert found[0].fingerprint != found[1].fingerprint


def test_the_weight_of_a_part_that_sets_one_counts(files):
    node = "{_target_:wrank.data.step.weight.Weight,value:3}"
    words = ["data=synthetic_plus_real", "data.generation=toy", f"data.mined={files}/mined"]
    take = "{_target_:wrank.data.step.take.Take,k:1,choice:random}"
    one = context(files, *words, f"data.mix.parts.real.steps=[{node},{take}]")
    sampler = build(one.cfg, "data.lists")(mixed_collection(one), seed=0)
    assert [sampler.sample(0, i).weight for i in range(2)] == [3.0, 3.0]


@pytest.mark.parametrize(
    "override",
    [
        "data.mix.steps=[5]",
        "data.mix.steps=hello",
        "data.mix.steps=[{k:1}]",
        "data.mix.teacher={_target_:wrank.data.step.take.Take,k:1,choice:top}",
        "data.mix.parts.real=hello",
        "data.mix.parts.real.steps=null",
        "data.mix.parts.mined.pairs=mined.tsv",
        "data.lists.size=null",
        "data.lists.size=three",
        "data.lists.judged=x",
        "data.lists.window=5",
        "data.lists.window=[a,b]",
    ],
)
def test_values_of_another_kind_are_told(files, override):
    with pytest.raises(WrankError, match=r"wanted"):
        drawn(files, "data=real_binary", f"data.mined={files}/mined", override, epochs=1)


@pytest.mark.parametrize("option", ["real_binary", "synthetic_plus_real"])
def test_a_mix_beside_one_that_the_collection_brings_is_refused(here, option):
    """Before anything is read: the folders that are named are not there."""
    words = ("data.path=none", "data.mined=none", "logger=none")
    _, err = here("train", f"data={option}", *words, "data/mix=utility", code=2)
    assert f"data/mix=utility with data={option}, which has a mix of its own" in err
    assert "data=beir with data/mix=utility" in err


def test_what_an_option_sets_is_its_own_and_what_it_inherits():
    assert [option_sets("data", name, "mix") for name in ("real_binary", "beir", "instructed", "sample")] == [
        True,
        False,
        False,
        False,
    ]
    assert option_sets("data", "beir", "dev_share")  # of data/common
    assert option_sets("data", "real_binary", "dev_share")  # of data/common, by data/beir
    assert not option_sets("data", "real_binary", "of")
