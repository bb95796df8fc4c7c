"""The description becomes objects of W&B's package, where it is installed."""

import json
import subprocess
import sys

import pytest

from wrank.errors import WrankError
from wrank.tracking import wandb_workspace
from wrank.tracking.wandb_dashboard import Figures, describe

FIGURES = Figures(("val/s/nDCG@10",), ("test/s/nDCG@10", "test/s/AP"))


@pytest.fixture
def package():
    workspaces = pytest.importorskip("wandb_workspaces.workspaces", reason="pip install wandb-workspaces")
    return workspaces, pytest.importorskip("wandb_workspaces.reports.v2")


@pytest.mark.parametrize("figures", [FIGURES, Figures()])
def test_the_workspace_holds_every_section_and_panel(package, figures):
    description = describe("p", "e", figures, studies=("one", "two"), by=("loss",))["workspace"]
    workspace = wandb_workspace.workspace_of(*package, description, {"entity": "e", "project": "p"})
    sent = json.loads(workspace._to_model().model_dump_json(by_alias=True, exclude_none=True))
    sections = sent["spec"]["section"]["panelBankConfig"]["sections"]
    wanted = [(one["name"], len(one["panels"])) for one in description["sections"]]
    assert [(one["name"], len(one["panels"])) for one in sections[: len(wanted)]] == wanted
    text = json.dumps(sent)
    assert "choice_loss.value" in text
    assert '"IN"' in text


def test_the_report_holds_every_block(package):
    description = describe("p", "e", FIGURES)["report"]
    report = wandb_workspace.report_of(package[1], description, {"entity": "e", "project": "p"})
    kinds = {"heading": "H2", "text": "MarkdownBlock", "panels": "PanelGrid"}
    assert [type(one).__name__ for one in report.blocks] == [kinds[one["kind"]] for one in description["blocks"]]


def test_without_a_server_it_is_told_and_nothing_hangs(package, monkeypatch):
    monkeypatch.setattr(wandb_workspace, "_send", lambda description: 1 / 0)
    with pytest.raises(WrankError, match=r"W&B did not take it: ZeroDivisionError.*out=FILE"):
        wandb_workspace.send(describe("p", "e", FIGURES))


def test_the_package_is_not_needed_to_import_the_verb():
    code = "import sys, wrank.command.dashboard as d; sys.exit('wandb_workspaces' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
