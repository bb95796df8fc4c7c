"""A lineage goes from a figure to the data, each step with its key."""

import pytest

from wrank.errors import WrankError
from wrank.store import Stage
from wrank.tracking.report.choose import Filter
from wrank.tracking.report.gather import gather
from wrank.tracking.report.trace import trace
from wrank.tracking.report.write import write_report


def outline(node):
    return {f"{node.word}: {node.title}": [outline(parent) for parent in node.parents]}


@pytest.fixture
def chain(made):
    """Passages -> scores for them -> training -> evaluation -> comparison."""
    written = made.store.run(
        Stage("generation", "passages", {"engine": {"model": "writer"}, "attempts": 3}, {}),
        lambda folder: (folder / "x").write_text("p") and None,
    )
    scores = made.store.run(
        Stage("scores", "marks", {}, {"collection": "c" * 64}), lambda folder: (folder / "x").write_text("s") and None
    )
    training = made.training(generation=written.path.name, inputs={"teacher": scores.content_key})
    base = made.evaluation([0.1234, 0.1234])
    own = made.evaluation([0.25, 0.35], training=training)
    made.comparison({("base", "news/test"): base, ("m-kl-s0", "news/test"): own})
    return made


MODEL = {
    "model: model m-kl-s0": [
        {"teacher: scores marks": [{"collection: from outside the store": []}]},
        {"generation: generation passages": []},
        {"collection: news": []},
        {"model: m": []},
    ]
}


def test_from_a_comparison_to_the_data(chain):
    (node,) = trace(chain.library, "demo-x")
    assert outline(node) == {
        "comparison: comparison demo-x": [
            {"base/news/test/0: evaluation news-test-base": [{"collection: news": []}, {"model: base": []}]},
            {"m-kl-s0/news/test/0: evaluation news-test-m-kl-s0": [MODEL, {"collection: news": []}]},
        ]
    }
    model = node.parents[1].parents[0]
    assert model.facts["seed"] == "0"
    assert model.facts["loss"] == "kl"
    assert {"commit", "finished", "took"} <= model.facts.keys()
    assert model.key == chain.library.of_kind("model")[0].manifest["key"]


def test_a_figure_is_found_by_its_digits(chain):
    (node,) = trace(chain.library, "0.30")
    assert node.word == "nDCG@10 0.30"
    assert outline(node) == {"nDCG@10 0.30: evaluation news-test-m-kl-s0": [MODEL, {"collection: news": []}]}
    with pytest.raises(WrankError, match=r"0.4711: no evaluation, comparison or report"):
        trace(chain.library, "0.4711")


def test_a_mean_over_seeds_leads_to_the_report_and_its_seeds_alone(study):
    write_report(gather(study.library, Filter()), "it", ("md",))
    found = trace(study.library, "0.5100")
    told = [node for node in found if "mean of 3 seeds" in node.word]
    assert [node.word for node in told] == ["m-kl on news/test 0.5100 (mean of 3 seeds)"]
    assert [parent.title for parent in told[0].parents] == [f"evaluation news-test-m-kl-s{seed}" for seed in range(3)]


def test_a_file_of_a_report_and_its_copy_lead_to_it(study, tmp_path):
    artifact, files = write_report(gather(study.library, Filter()), "it", ("md", "html"), tmp_path / "out")
    assert [path.name for path in files] == ["report.html", "report.md"]
    for path in (files[0], artifact.path / "report.md", artifact.path):
        (node,) = trace(study.library, str(path))
        assert node.key == artifact.manifest["key"]
        assert len(node.parents) == 7  # the evaluations; their trainings stand below them
    files[1].write_text("changed")
    with pytest.raises(WrankError, match="changed since"):
        trace(study.library, str(files[1]))


def test_a_report_is_written_once_and_anew_when_something_came(study):
    first, _ = write_report(gather(study.library, Filter()), "it", ("csv",))
    again, _ = write_report(gather(study.library, Filter()), "it", ("csv",))
    assert (again.path, again.was_finished) == (first.path, True)
    study.evaluation([0.4] * 12, training=study.training("listnet", 0))
    later, _ = write_report(gather(study.library, Filter()), "it", ("csv",))
    assert not later.was_finished


@pytest.mark.parametrize("formats", [("pdf",), ()])
def test_unknown_formats_are_refused(study, formats):
    with pytest.raises(WrankError, match="formats="):
        write_report(gather(study.library, Filter()), "it", formats)
