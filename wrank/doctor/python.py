"""Which Python runs wrank."""

import platform
import struct
import sys

from wrank import __version__
from wrank.doctor.base import Finding, Problem, Settings, State, finding

LEAST = (3, 11)
TESTED = (3, 11)


def look(settings: Settings) -> Finding:
    """Version, kind, and whether it is an environment of its own."""
    del settings
    version = sys.version_info[:2]
    facts = [f"{platform.python_implementation()} {platform.python_version()}", f"wrank {__version__}"]
    facts.append("an environment of its own" if sys.prefix != sys.base_prefix else "no virtual environment")
    problems = []
    if version < LEAST:
        problems.append(
            Problem(
                State.FAILURE,
                f"older than {LEAST[0]}.{LEAST[1]}",
                f"Install Python {LEAST[0]}.{LEAST[1]} or newer and make the environment anew with it "
                "(in a checkout: make clean install PYTHON=/path/to/python3.11)",
            )
        )
    elif version > TESTED:
        facts.append(f"newer than the {TESTED[0]}.{TESTED[1]} that wrank is tested with")
    if struct.calcsize("P") < 8:
        problems.append(
            Problem(State.FAILURE, "a 32-bit Python", "Install a 64-bit Python: torch has no builds for 32 bits")
        )
    return finding(facts, problems)
