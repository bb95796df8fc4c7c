"""What the workspace and the report would show, without a network or the package."""

import json

import pytest

from wrank.errors import WrankError
from wrank.store import Artifact
from wrank.tracking.wandb_dashboard import Figures, describe, figures_of
from wrank.tracking.wandb_workspace import send

FIGURES = Figures(("val/s/nDCG@10", "val/s/RR@10"), ("test/s/nDCG@10", "test/s/AP", "test/t/RR@10"))


def artifact(kind, details, result, config=None, key="k"):
    manifest = {"kind": kind, "details": details, "result": result, "config": config or {}, "content_key": key}
    return Artifact(None, manifest)


def panels(description):
    return [panel for section in description["workspace"]["sections"] for panel in section["panels"]]


def test_names_of_figures_are_those_that_runs_log():
    made = [
        artifact("model", {"collection": "s"}, {"dev": {"step": 3.0, "nDCG@10": 0.1, "RR@10": 0.2}}),
        artifact("evaluation", {"collection": "s", "split": "test"}, {"measures": {"nDCG@10": 0.1}}, key="one"),
        artifact("evaluation", {"collection": "inner", "split": "dev"}, {"measures": {"AP": 0.1}}, key="two"),
        artifact("comparison", {"evaluations": {"a/suite/inner/dev/0": "two"}}, {},
                 {"sets": [{"name": "suite/inner/dev"}]}, key="three"),
        artifact("vectors", {}, {}),
    ]  # fmt: skip
    found = figures_of(made)
    assert found.dev == ("val/s/nDCG@10", "val/s/RR@10")
    assert found.test == ("test/s/nDCG@10", "test/suite/inner/AP")
    assert figures_of(made, ["suite/*"]).test == ("test/suite/inner/AP",)


def test_main_measures_of_the_sets_come_first_and_are_columns():
    description = describe("p", None, FIGURES)
    bars = [panel["y"][0] for panel in panels(description) if panel["kind"] == "bar"]
    assert bars == ["test/s/nDCG@10", "test/t/RR@10", "test/s/AP"]
    columns = description["workspace"]["columns"]
    assert columns[-3:] == ["config:choice_loss.value", "summary:test/s/nDCG@10", "summary:test/t/RR@10"]


def test_curves_go_by_optimizer_steps_and_are_grouped_by_the_first_choice():
    lines = [panel for panel in panels(describe("p", None, FIGURES, by=("loss", "data"))) if panel["kind"] == "line"]
    assert {panel["x"] for panel in lines} == {"trainer/global_step"}
    assert {panel["groupby"] for panel in lines} == {"choice_loss"}
    assert ["train/loss"] in [panel["y"] for panel in lines]


def test_runs_of_the_asked_studies_grouped_by_all_choices():
    description = describe("p", "team", FIGURES, studies=("one", "two"), by=("loss", "data"))
    assert description["entity"] == "team"
    assert description["workspace"]["runs"] == {"studies": ["one", "two"], "groupby": ["choice_loss", "choice_data"]}
    sets = [block["runs"] for block in description["report"]["blocks"] if block["kind"] == "panels"]
    assert {tuple(one["studies"]) for one in sets} == {("one", "two")}
    assert description["report"]["title"] == "wrank: one, two"


def test_without_a_store_panels_take_all_names_of_a_kind():
    patterns = {panel["regex"] for panel in panels(describe("p", None, Figures(), by=())) if panel.get("regex")}
    assert patterns == {"test/.+", "val/.+"}


def test_a_description_is_plain_values():
    description = describe("p", None, FIGURES, title="mine")
    assert json.loads(json.dumps(description)) == description


def test_a_missing_package_is_told_with_what_to_do(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "wandb_workspaces.workspaces", None)
    monkeypatch.setitem(__import__("sys").modules, "wandb_workspaces", None)
    with pytest.raises(WrankError, match=r"pip install wandb-workspaces.*out=FILE"):
        send(describe("p", None, FIGURES))
