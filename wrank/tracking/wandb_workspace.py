"""Sends a description of workspace and report through W&B's API: the only module that knows the package for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from wrank.errors import WrankError
from wrank.tracking.identity import scrub_text
from wrank.tracking.wandb_guard import within

INSTALL = "`pip install wandb-workspaces`"
_LATER = "`out=FILE.json` writes what it would send, for where the network is"


def send(description: Mapping[str, Any], timeout: float = 60.0) -> list[str]:
    """Makes the workspace and the report.

    Args:
        description: see `wrank.tracking.wandb_dashboard.describe`.
        timeout: seconds that the server may take for both.

    Returns:
        Their addresses.

    Raises:
        WrankError: the package is not there, nobody is logged in, no network, or the server refuses.
    """
    try:
        import wandb_workspaces.reports.v2
        import wandb_workspaces.workspaces  # noqa: F401
    except ImportError as error:
        raise WrankError(f"the package for it is not installed ({error}): {INSTALL}; {_LATER}") from None
    found: list[str] = []
    try:
        within(timeout, "dashboard", lambda: found.extend(_send(description)))
    except WrankError:
        raise
    except Exception as error:
        told = scrub_text(f"{type(error).__name__}: {error}")
        raise WrankError(
            f"W&B did not take it: {told}; is the network there, and `wandb login` done? {_LATER}"
        ) from error
    return found


def _send(description: Mapping[str, Any]) -> list[str]:
    import wandb
    from wandb_workspaces import workspaces as ws
    from wandb_workspaces.reports import v2 as wr

    entity = description["entity"] or wandb.Api().default_entity
    if not entity:
        raise WrankError(f"no W&B account: `wandb login`, or entity=NAME; {_LATER}")
    place = {"entity": entity, "project": description["project"]}
    workspace = workspace_of(ws, wr, description["workspace"], place)
    report = report_of(wr, description["report"], place)
    workspace.save()
    report.save()
    return [str(workspace.url), str(report.url)]


def workspace_of(ws: Any, wr: Any, given: Mapping[str, Any], place: Mapping[str, str]) -> Any:
    """The workspace as an object of the package.

    Args:
        ws: module of workspaces.
        wr: module of reports, whose panels both have.
        given: its description.
        place: entity and project.
    """
    from wandb_workspaces import expr

    return ws.Workspace(
        **place,
        name=given["name"],
        sections=[
            ws.Section(name=one["name"], is_open=one["open"], panels=[_panel(wr, panel) for panel in one["panels"]])
            for one in given["sections"]
        ],
        runset_settings=ws.RunsetSettings(
            filters=_filters(given["runs"]["studies"]),
            groupby=[expr.Config(key) for key in given["runs"]["groupby"]],
            pinned_columns=[name if ":" in name else f"run:{name}" for name in given["columns"]],
        ),
    )


def report_of(wr: Any, given: Mapping[str, Any], place: Mapping[str, str]) -> Any:
    """The report as an object of the package.

    Args:
        wr: module of reports.
        given: its description.
        place: entity and project.
    """
    blocks = [_block(wr, one, place) for one in given["blocks"]]
    return wr.Report(**place, title=given["title"], description=given["description"], blocks=blocks)


def _block(wr: Any, given: Mapping[str, Any], place: Mapping[str, str]) -> Any:
    if given["kind"] == "heading":
        return wr.H2(given["text"])
    if given["kind"] == "text":
        return wr.MarkdownBlock(given["text"])
    runs = given["runs"]
    runset = wr.Runset(
        **place,
        name=runs["name"],
        filters=_filters(runs["studies"]),
        groupby=[f"config.{key}" for key in runs["groupby"]],
    )
    return wr.PanelGrid(runsets=[runset], panels=[_panel(wr, panel) for panel in given["panels"]])


def _panel(wr: Any, given: Mapping[str, Any]) -> Any:
    kind = given["kind"]
    if kind == "comparer":
        return wr.RunComparer(diff_only=True)
    if kind == "media":
        return wr.MediaBrowser(title=given["title"], media_keys=given["keys"])
    group = None if given["groupby"] is None else wr.Config(given["groupby"])
    named = {"title": given["title"], "groupby": group}
    if group is not None:
        named |= {"groupby_aggfunc": "mean", "groupby_rangefunc": "stderr"}
    if kind == "bar":
        return wr.BarPlot(metrics=given["y"], orientation="v", **named)
    return wr.LinePlot(x=given["x"], y=given["y"], metric_regex=given["regex"], **named)


def _filters(studies: Sequence[str]) -> Any:
    from wandb_workspaces import expr

    return expr.And(expr.Metric("Group").isin(list(studies))) if studies else ""
