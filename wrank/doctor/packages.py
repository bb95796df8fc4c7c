"""Installed packages against what wrank declares, and against the versions it is tested with."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from wrank.doctor.base import Finding, Problem, Settings, State, finding

_ROOT = Path(__file__).resolve().parents[2]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;#]+)")
_SHOWN = 6


def look(settings: Settings) -> Finding:
    """Requirements that are not met are failures; versions other than the tested ones are a warning."""
    del settings
    wanted, pins = requirements(), constraints(_ROOT / "constraints.txt")
    unmet = unmet_requirements(wanted)
    problems = []
    if unmet:
        advice = "Run `make install` in a checkout; elsewhere `pip install --upgrade wrank`, or install what is named"
        problems.append(Problem(State.FAILURE, f"not as required: {_some(unmet)}", advice))
    differ = {name: (have, pin) for name, pin in pins.items() if (have := installed(name)) and _public(have) != pin}
    facts = [f"{len(wanted) - len(unmet)} of {len(wanted)} requirements met"]
    if not pins:
        facts.append("constraints.txt did not come with this installation: tested versions not compared")
    elif differ:
        shown = [f"{name} {have} (tested: {pin})" for name, (have, pin) in differ.items()]
        advice = (
            "It may well run. To have the tested versions: `make install`, or "
            "`pip install --constraint constraints.txt wrank`"
        )
        problems.append(Problem(State.WARNING, f"other versions than tested: {_some(shown)}", advice))
    else:
        facts.append("all in the tested versions (constraints.txt)")
    return finding(facts, problems)


def installed(name: str) -> str | None:
    """A package's installed version, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def requirements() -> list[str]:
    """What wrank needs to run, without its extras.

    Of the checkout's pyproject.toml, which may have changed since it was installed; else of the installed package.
    """
    project = _ROOT / "pyproject.toml"
    if project.is_file():
        declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    else:
        declared = requires("wrank") or []
    return [line for line in declared if "extra ==" not in line]


def unmet_requirements(lines: Sequence[str]) -> list[str]:
    """Requirements that are not met, each with what is there instead.

    Args:
        lines: as pip writes them.
    """
    from packaging.requirements import Requirement

    unmet = []
    for requirement in map(Requirement, lines):
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        have = installed(requirement.name)
        if have is None:
            unmet.append(f"{requirement.name} is missing")
        elif not requirement.specifier.contains(have, prereleases=True):
            unmet.append(f"{requirement.name} {have} (wanted {requirement.specifier})")
    return unmet


def constraints(path: Path) -> Mapping[str, str]:
    """Package -> the version wrank is tested with; empty where there is no such file."""
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").split("\n")
    return {found[1]: found[2] for line in lines if (found := _PIN.match(line))}


def _public(installed_version: str) -> str:
    """A version without its build: 2.13.0+cu130 is 2.13.0."""
    return installed_version.partition("+")[0]


def _some(words: Sequence[str]) -> str:
    more = f", and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more
