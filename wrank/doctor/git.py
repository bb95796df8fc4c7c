"""Which commit runs."""

import shutil

from wrank.doctor.base import Finding, Problem, Settings, State, absent, finding
from wrank.manifest import git_state


def look(settings: Settings) -> Finding:
    """Commit and uncommitted changes of the checkout that wrank runs from."""
    del settings
    state = git_state()
    if not state:
        why = "git is not installed" if shutil.which("git") is None else "wrank does not run from a git checkout"
        return absent(f"{why}: manifests record wrank's version alone")
    commit = f"commit {state['commit'][:12]}"
    if not state["dirty"]:
        return finding([commit, "no uncommitted changes"])
    advice = "Commit before a sweep: a queued job imports the code as it is when it starts, not as it was when queued"
    return finding([commit], [Problem(State.WARNING, "uncommitted changes", advice)])
