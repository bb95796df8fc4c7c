"""Whether text leaves and enters this process as UTF-8."""

import codecs
import locale
import sys

from wrank.doctor.base import Finding, Problem, Settings, State, finding

_ADVICE = "Set `export LC_ALL=C.UTF-8` (or PYTHONUTF8=1) in the shell's profile and in the cluster's job scripts"


def look(settings: Settings) -> Finding:
    """Encodings of file names, of files that are opened without one, and of standard output."""
    del settings
    names, files = sys.getfilesystemencoding(), locale.getpreferredencoding(False)
    out = getattr(sys.stdout, "encoding", None) or files
    problems = []
    if not is_utf8(names):
        problems.append(Problem(State.FAILURE, f"file names are read as {names}", _ADVICE))
    if not is_utf8(files):
        what = f"other programs' files are read as {files}, not UTF-8 (wrank's own always are UTF-8)"
        problems.append(Problem(State.WARNING, what, _ADVICE))
    if not is_utf8(out):
        problems.append(Problem(State.WARNING, f"standard output takes {out}, not UTF-8", _ADVICE))
    return finding([] if problems else ["UTF-8 throughout"], problems)


def is_utf8(name: str) -> bool:
    """Whether an encoding's name means UTF-8."""
    try:
        return codecs.lookup(name).name == "utf-8"
    except LookupError:
        return False
