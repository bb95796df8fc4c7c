"""Stage ``report``: the files of a report, kept in the store as every artifact, where `wrank trace` finds them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wrank import __version__
from wrank.errors import WrankError
from wrank.files import sha256_of_json, write_atomic
from wrank.manifest import git_state
from wrank.store import Artifact, Stage, io_errors
from wrank.tracking.report.configuration import NONE
from wrank.tracking.report.gather import Gathered
from wrank.tracking.report.headline import headline
from wrank.tracking.report.latex import to_latex
from wrank.tracking.report.page import looks, to_page
from wrank.tracking.report.table import to_csv, to_markdown

FORMATS = ("html", "md", "tex", "csv")
DATA = "report.json"


def write_report(
    gathered: Gathered, title: str, formats: Sequence[str], out: Path | None = None
) -> tuple[Artifact, list[Path]]:
    """Writes a report, or finds that it was written.

    Args:
        gathered: what it tells of.
        title: heading and caption.
        formats: of `FORMATS`.
        out: a folder that gets copies; None = the store alone.

    Returns:
        The artifact, and the files, in the order of the formats.

    Raises:
        WrankError: an unknown format, a place that cannot be written.
    """
    if unknown := [one for one in formats if one not in FORMATS] or ([] if formats else ["none"]):
        raise WrankError(f"formats={unknown[0]}: wanted some of {', '.join(FORMATS)}")
    comparison = gathered.comparison
    names = {
        f"{row.name}/{name}/{NONE if run.seed is None else run.seed}": one.content_key
        for row in gathered.rows
        for run in row.runs
        for name, one in run.evaluations.items()
    }
    trainings = {
        f"{row.name}/{run.seed}": run.training.content_key for row in gathered.rows for run in row.runs if run.training
    }
    stage = Stage(
        kind="report",
        name=title,
        config={
            "title": title,
            "reference": comparison.reference,
            "alpha": comparison.alpha,
            "sets": [vars(rule) for rule in comparison.sets],
            "formats": sorted(formats),
            "notes": list(gathered.notes),
            "looks": looks(),
            "facts": _facts(gathered),
        },
        inputs={"evaluations": sha256_of_json(names), "trainings": sha256_of_json(trainings)},
        details={"evaluations": names, "trainings": trainings, "filter": gathered.told},
    )

    def work(folder: Path) -> dict[str, Any]:
        for name, make in _contents(gathered, title, formats).items():
            write_atomic(folder / name, make())
        return {"headline": headline(comparison), "systems": len(gathered.rows), "sets": len(comparison.sets)}

    artifact = gathered.library.store.run(stage, work)
    files = [artifact.path / f"report.{one}" for one in FORMATS if one in formats]
    if out is not None:
        with io_errors(out):
            out.mkdir(parents=True, exist_ok=True)
        for path in [*files, artifact.path / DATA]:
            write_atomic(out / path.name, path.read_bytes())
        files = [out / path.name for path in files]
    return artifact, files


def _contents(gathered: Gathered, title: str, formats: Sequence[str]) -> dict[str, Callable[[], str]]:
    """File's name -> what makes its content."""
    comparison = gathered.comparison
    said = headline(comparison)
    makers: dict[str, Callable[[], str]] = {
        "html": lambda: to_page(gathered, title, _facts(gathered)),
        "md": lambda: to_markdown(gathered, said, title),
        "tex": lambda: to_latex(gathered, f"{title}."),
        "csv": lambda: to_csv(gathered),
    }
    data = {"title": title, "headline": said, "notes": list(gathered.notes)} | comparison.to_json()
    found = {f"report.{one}": makers[one] for one in formats}
    return found | {DATA: lambda: json.dumps(data, indent=1, ensure_ascii=False) + "\n"}


def _facts(gathered: Gathered) -> dict[str, str]:
    git = git_state()
    commit = f"{git['commit'][:10]}{'*' if git.get('dirty') else ''}" if git else "unknown"
    unfinished = [path for path in gathered.library.store.unfinished() if path.parent.name in ("model", "evaluation")]
    facts = {"filter": gathered.told, "store": gathered.library.store.root.name, "wrank": f"{__version__}, {commit}"}
    if unfinished:
        facts["unfinished"] = f"{len(unfinished)} trainings or evaluations of the store, at work or killed: not in here"
    return facts
