"""What a W&B project's workspace and report show, as plain values: `wrank.tracking.wandb_workspace` sends them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from wrank.store import Artifact

LOSS = "train/loss"
STEP = "trainer/global_step"
_COLUMNS = ("group", "jobType", "state")
_SPEED = ("train/queries_per_second", "train/tokens_per_second")
_MOST = 12  # panels of a section


@dataclass(frozen=True)
class Figures:
    """Names of figures that runs log.

    Attributes:
        dev: ``val/<set>/<measure>``, the measure that steers first.
        test: ``test/<set>/<measure>``, the main measure of each set first.
    """

    dev: tuple[str, ...] = ()
    test: tuple[str, ...] = ()


def figures_of(artifacts: Iterable[Artifact], sets: Sequence[str] = ()) -> Figures:
    """The names under which trainings and evaluations of a store are logged, oldest first.

    Args:
        artifacts: of any kind.
        sets: test sets to show (globs); none: all.
    """
    dev: dict[str, None] = {}
    test: dict[str, None] = {}
    known = list(artifacts)
    named = _set_names(known)
    for one in known:
        manifest, details = one.manifest, one.manifest.get("details") or {}
        where, result = str(details.get("collection", "")), manifest.get("result") or {}
        if manifest["kind"] == "model":
            dev |= {f"val/{where}/{measure}": None for measure in result.get("dev") or {} if measure != "step"}
        elif manifest["kind"] == "evaluation":
            where = named.get(one.content_key, where).removesuffix(f"/{details.get('split')}")
            if not sets or any(fnmatchcase(where, word) for word in sets):
                test |= {f"test/{where}/{measure}": None for measure in result.get("measures") or {}}
    return Figures(tuple(dev), tuple(test))


def _set_names(artifacts: Sequence[Artifact]) -> dict[str, str]:
    """Content key of an evaluation -> what the comparisons of the store call its test set."""
    found: dict[str, str] = {}
    for one in artifacts:
        if one.manifest["kind"] == "comparison":
            names = [str(rule["name"]) for rule in one.manifest["config"].get("sets", [])]
            keys = one.manifest["details"].get("evaluations") or {}  # system/set/number -> content key
            found |= {key: name for word, key in keys.items() for name in names if f"/{name}/" in word}
    return found


def describe(
    project: str,
    entity: str | None,
    figures: Figures,
    *,
    studies: Sequence[str] = (),
    by: Sequence[str] = ("loss",),
    title: str | None = None,
) -> dict[str, Any]:
    """The workspace and the report.

    Args:
        project: W&B project.
        entity: user or team; None: the account's default.
        figures: what runs log; where a part is empty, panels take all names of its kind.
        studies: only their runs; none: all.
        by: config groups by whose options runs are grouped, the first one in the panels, too.
        title: of both; None: made from the studies.
    """
    name = title or (f"wrank: {', '.join(studies)}" if studies else "wrank")
    keys = [f"choice_{group}" for group in by]
    group = keys[0] if keys else None
    runs = {"studies": list(studies), "groupby": keys}
    main = _main(figures.test)
    sections = [
        {"name": "Test sets", "open": True, "panels": _bars(figures.test, "test/.+", group)},
        {"name": "Dev queries", "open": True, "panels": _lines(figures.dev, "val/.+", group)},
        {"name": "Training", "open": True, "panels": [_line([LOSS], group), *(_line([one], group) for one in _SPEED)]},
        {"name": "Passages, pages, queries", "open": False, "panels": _media()},
    ]
    columns = [*_COLUMNS, *(f"config:{key}.value" for key in keys), *(f"summary:{one}" for one in main)]
    return {
        "project": project,
        "entity": entity,
        "workspace": {"name": name, "runs": runs, "columns": columns, "sections": sections},
        "report": {"title": name, "description": "Made by `wrank dashboard`.", "blocks": _blocks(figures, runs, by)},
    }


def _blocks(figures: Figures, runs: Mapping[str, Any], by: Sequence[str]) -> list[dict[str, Any]]:
    group = f"choice_{by[0]}" if by else None
    alone = {**runs, "name": "Run set", "groupby": []}
    grouped = {**runs, "name": f"by {', '.join(by)}" if by else "Run set"}
    said = "Means over runs of one group, e.g. seeds; bars are the standard error over runs. "
    said += "Whether a difference is more than luck is told by `wrank report`, which tests query by query."
    return [
        {"kind": "heading", "text": "Which runs won"},
        {"kind": "text", "text": said},
        {"kind": "panels", "runs": grouped, "panels": _bars(figures.test, "test/.+", group)},
        {"kind": "heading", "text": "How they got there"},
        {
            "kind": "panels",
            "runs": grouped,
            "panels": [_line([LOSS], group), *_lines(figures.dev, "val/.+", group)],
        },
        {"kind": "heading", "text": "What they have not in common"},
        {"kind": "panels", "runs": alone, "panels": [{"kind": "comparer"}]},
        {"kind": "heading", "text": "What was written, and query by query"},
        {"kind": "panels", "runs": alone, "panels": _media()},
    ]


def _main(names: Sequence[str]) -> list[str]:
    """The first name of each set."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.rpartition("/")[0], name)
    return list(first.values())


def _bars(names: Sequence[str], pattern: str, group: str | None) -> list[dict[str, Any]]:
    if not names:
        return [{"kind": "line", "title": pattern, "x": "Step", "y": [], "regex": pattern, "groupby": group}]
    ordered = dict.fromkeys([*_main(names), *names])
    return [{"kind": "bar", "title": name, "y": [name], "groupby": group} for name in list(ordered)[:_MOST]]


def _lines(names: Sequence[str], pattern: str, group: str | None) -> list[dict[str, Any]]:
    if not names:
        return [{"kind": "line", "title": pattern, "x": STEP, "y": [], "regex": pattern, "groupby": group}]
    return [_line([name], group) for name in names[:_MOST]]


def _line(names: Sequence[str], group: str | None) -> dict[str, Any]:
    return {"kind": "line", "title": ", ".join(names), "x": STEP, "y": list(names), "regex": None, "groupby": group}


def _media() -> list[dict[str, Any]]:
    return [{"kind": "media", "title": name, "keys": [name]} for name in ("comparison", "generation/audit")]
