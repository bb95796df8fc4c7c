"""Weights & Biases: installed, logged in or offline, what waits to be sent, and room for its files."""

import importlib.util
import netrc
import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from wrank.doctor.base import GIB, Finding, Problem, Settings, State, absent, existing, finding, in_gib, told
from wrank.doctor.disk import free_space
from wrank.doctor.packages import installed
from wrank.doctor.probe import answer

_SERVER = "https://api.wandb.ai"
_LOOK = "Look at the WANDB_ variables of the environment (env | grep -o ^WANDB_[A-Z_]*), or install wandb again"
_AGAIN = "`pip install --force-reinstall wandb`; until then logger=none or logger=csv"


def look(settings: Settings) -> Finding:
    """Reads what is installed and set; with ``deep`` an offline run is opened, with ``network`` the server is asked."""
    version = installed("wandb")
    if version is None:
        return absent("W&B is not installed: logger=wandb is not to be had", "`pip install wandb`")
    problems: list[Problem] = []
    facts = [f"wandb {version}", "logger=wandb writes offline (logger.mode=online sends at once)"]
    if not has_core():
        what = "the program wandb-core is missing from the package: no run can start"
        problems.append(Problem(State.FAILURE, what, _AGAIN))
    try:
        login = logged_in()
    except (netrc.NetrcParseError, OSError) as error:
        login = ""
        where = told(error).partition(":")[0]  # never the line: it may hold the key
        problems.append(Problem(State.WARNING, f"the netrc file cannot be read ({where})", "Run `wandb login` again"))
    facts.append(f"logged in ({login})" if login else "not logged in: `wandb login` before anything is sent")
    folder = settings.folders["wandb"]
    if waiting := len(list(folder.glob("wandb/offline-run-*"))):
        facts.append(f"{waiting} offline run{'s' if waiting > 1 else ''} in {folder}")
    free, _ = free_space(folder)
    if free < settings.least_gib * GIB:
        advice = "Free some space, or set paths.wandb to another disk"
        problems.append(Problem(State.WARNING, f"{folder}: only {in_gib(free)} free", advice))
    if not os.access(existing(folder), os.W_OK):
        advice = "Set paths.wandb to a folder that you can write"
        problems.append(Problem(State.WARNING, f"{folder} cannot be written", advice))
    if settings.deep:
        problems += _try_run()
        facts.append("an offline run was written" if not problems else "")
    if settings.network:
        problems += _ask_server()
    return finding(facts, problems)


def server() -> str:
    """The address of W&B's server."""
    return os.environ.get("WANDB_BASE_URL") or _SERVER


def has_core() -> bool:
    """Whether the program that does W&B's work is in the package."""
    spec = importlib.util.find_spec("wandb")
    places = list(spec.submodule_search_locations or []) if spec else []
    return any(Path(place, "bin", name).is_file() for place in places for name in ("wandb-core", "wandb-core.exe"))


def logged_in() -> str:
    """Where a login for W&B is kept, in words; "" when there is none. The key itself goes nowhere.

    Raises:
        netrc.NetrcParseError: a netrc file that cannot be read.
    """
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        if os.environ.get(name):
            return name
    given = os.environ.get("NETRC")
    files = [Path(given)] if given else [Path.home() / name for name in (".netrc", "_netrc")]
    for path in files:
        if path.expanduser().is_file():
            found = netrc.netrc(str(path.expanduser())).authenticators(urlsplit(server()).netloc)
            if found and found[2]:
                return path.name
    return ""


def _try_run() -> list[Problem]:
    with tempfile.TemporaryDirectory(prefix="wrank-doctor-") as folder:
        said = answer("wandb", folder)
    if said.get("well"):
        return []
    why = said.get("died") or said.get("warned") or "no file was written"
    return [Problem(State.FAILURE, f"an offline run could not be written: {why}", _LOOK)]


def _ask_server() -> list[Problem]:
    try:
        with urlopen(Request(server(), method="HEAD"), timeout=5.0):
            return []
    except Exception as error:
        if getattr(error, "code", 500) < 500:  # it answered, whatever it thinks of the question
            return []
        advice = "Look at the network, HTTPS_PROXY and WANDB_BASE_URL; offline runs are sent later"
        return [Problem(State.WARNING, f"W&B's server cannot be reached: {told(error)}", advice)]
