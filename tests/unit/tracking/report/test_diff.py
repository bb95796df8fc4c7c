"""Two runs side by side: only what differs, and figures on the same queries alone."""

import pytest

from wrank.errors import WrankError
from wrank.tracking.report.diff import diff


def test_what_differs_is_told_by_section(study):
    found = diff(study.library, "m-kl-s0", "m-ws2-s1")
    assert found.sections["choices"] == [("loss", "kl", "ws2")]
    assert found.sections["configuration"] == [("loss._target_", "kl", "ws2"), ("seed", "0", "1")]
    assert found.sections["inputs"] == []
    assert found.equal == 2  # both inputs
    cell = found.comparison.cells["B"]["news/test"]
    assert cell.difference.mean == pytest.approx(-0.19)
    assert cell.mark == "-"


def test_a_key_and_a_folder_do_as_well_as_a_name(study):
    one, other = study.library.of_kind("model")[:2]
    found = diff(study.library, one.manifest["key"][:8], str(other.path))
    assert (found.a.path, found.b.path) == (one.path, other.path)


def test_an_evaluation_stands_for_its_training(study):
    found = diff(study.library, "news-test-m-kl-s0", "m-kl-s1")
    assert [one.manifest["kind"] for one in (found.a, found.b)] == ["model", "model"]
    assert found.sections["configuration"] == [("seed", "0", "1")]


def test_what_was_not_evaluated_has_no_figures_and_says_so(study):
    study.training("listnet", 0)
    found = diff(study.library, "m-kl-s0", "m-listnet-s0")
    assert found.comparison is None
    assert found.notes == ("B was not evaluated: there are no figures to compare",)


def test_other_sets_and_other_queries_are_told(study):
    training = study.training("listnet", 0)
    study.evaluation([0.1, 0.2], training=training, where="web")
    assert diff(study.library, "m-kl-s0", "m-listnet-s0").notes[0].startswith("they were evaluated on different sets")
    study.evaluation([0.1, 0.2], training=training)
    assert "not scored on the same queries" in diff(study.library, "m-kl-s0", "m-listnet-s0").notes[0]


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("m-kl-s0", "gone", "gone: no artifact of .* has this folder, name or key"),
        ("news-test-base", "m-kl-s0", "not trained in this store"),
    ],
)
def test_what_cannot_be_is_told(study, a, b, words):
    with pytest.raises(WrankError, match=words):
        diff(study.library, a, b)


def test_several_of_one_name_are_listed(study):
    study.training("kl", 0, rate=2)
    with pytest.raises(WrankError, match="2 artifacts are called so: model/m-kl-s0-"):
        diff(study.library, "m-kl-s0", "m-ws2-s0")
