"""``wrank VERB [overrides]``: finds the verb, hands over to Hydra, turns errors into messages and exit codes.

Exit codes: 0 done; 1 a failure of the program or of a job; 2 bad input; 130 interrupted; 143 stopped by a signal
after a checkpoint was written. This module imports neither torch nor Hydra before a verb needs them, so that
``wrank --help`` answers at once.
"""

import ast
import difflib
import errno
import importlib
import io
import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

from wrank import __version__
from wrank.command.words import JOBS, KEYS, as_key
from wrank.errors import Refused, WrankError

VERBS = (
    "generate",
    "audit",
    "mine",
    "score",
    "train",
    "evaluate",
    "run",
    "data",
    "status",
    "resume",
    "cancel",
    "report",
    "diff",
    "trace",
    "sync",
    "dashboard",
    "doctor",
)  # in the order of a first reading
BAD_INPUT, FAILURE, INTERRUPTED = 2, 1, 130
_FLAGS = {"--estimate": "estimate=true", "--dry-run": "hydra.launcher.dry_run=true"}
"""Flags that stand for keys."""
_ELSEWHERE = re.compile(r"hydra/launcher=(?!here$)")
_FLAGS_WITH_VALUE = frozenset(
    word
    for flags in ("--cfg -c", "--package -p", "--config-dir -cd", "--config-name -cn", "--config-path -cp")
    for word in flags.split()
)  # Hydra's


def main(arguments: list[str] | None = None) -> None:
    """The console script; always ends with ``SystemExit``."""
    words = sys.argv[1:] if arguments is None else arguments
    _outlive_reader()
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        sys.exit(0 if words else BAD_INPUT)
    if words[0] == "--version":
        print(f"wrank {__version__}")
        sys.exit(0)
    verb, overrides = words[0], [_FLAGS.get(word, word) for word in words[1:]]
    if verb == "data":
        overrides = spelled_out(overrides)
    elif verb in KEYS:
        overrides = as_key(verb, overrides, _FLAGS_WITH_VALUE)
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, 1)
        hint = f"did you mean `wrank {near[0]}`?" if near else f"the verbs are {', '.join(VERBS)}; see `wrank --help`"
        _say(f"wrank {verb}: no such verb; {hint}")
        sys.exit(BAD_INPUT)
    if verb == "sync":
        overrides = ["dry_run=true" if word == _FLAGS["--dry-run"] else word for word in overrides]
    elif verb not in JOBS and {"--dry-run", "--detach"} & set(words):
        _say(f"wrank {verb}: nothing is started by it, so there is no --dry-run and no --detach")
        sys.exit(BAD_INPUT)
    planned = verb in JOBS and ({"--dry-run", "--detach"} & set(words) or any(map(_ELSEWHERE.match, words)))
    if planned and not {"-m", "--multirun"} & set(words):
        overrides.append("-m")  # one job is planned like many
    if "--detach" in words:
        from wrank.command.detach import run_detached

        sys.exit(run_detached(verb, [word for word in overrides if word != "--detach"]))
    sys.exit(_guarded(verb, overrides))


class _Pipe(io.FileIO):
    """Standard output whose reader may leave (``| head``): what comes after goes nowhere, and the work is finished."""

    def write(self, data: Any) -> int:
        """As of a file; all of `data` counts as written once nobody reads."""
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)


def _outlive_reader() -> None:
    """Lets a command whose output is piped end in quiet when its reader leaves."""
    try:
        place = sys.stdout.fileno()
        if not stat.S_ISFIFO(os.fstat(place).st_mode):
            return
    except (OSError, ValueError, AttributeError):  # no file behind it, or closed
        return
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Pipe(place, "w", closefd=False)),
        encoding=sys.stdout.encoding,
        errors=sys.stdout.errors,
        line_buffering=isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.line_buffering,
    )


def spelled_out(words: list[str]) -> list[str]:
    """``data pull NAME`` and the like, which read better than keys, as the keys that they stand for.

    A word too many ends the program: a key whose ``=`` was forgotten would be lost in silence.
    """
    plain: list[str] = []
    keys: list[str] = []
    flags: list[str] = []  # they go last: argparse takes no keys on both sides of them
    for before, word in zip(["", *words], words, strict=False):
        if before in _FLAGS_WITH_VALUE or word.startswith("-"):  # --cfg job
            flags.append(word)
        else:
            (keys if "=" in word or word.startswith(("~", "+")) else plain).append(word)
    most = 2 if plain[:1] == ["pull"] else 1
    if len(plain) > most:
        _say(
            f"wrank data {' '.join(plain[:most])}: {', '.join(map(repr, plain[most:]))}: a word too many; wanted "
            f"describe, verify, or pull NAME, and then key=value"
        )
        sys.exit(BAD_INPUT)
    return [f"{key}={word}" for key, word in zip(("action", "pull"), plain, strict=False)] + keys + flags


def overview() -> str:
    """The verbs with their one sentence each, read without importing them."""
    lines = ["wrank trains dense retrievers list-wise on graded passages, evaluates them, and compares the runs.", ""]
    lines += ["usage: wrank VERB [key=value ...]", ""]
    for verb in VERBS:
        source = (Path(__file__).parent / "command" / f"{verb}.py").read_text(encoding="utf-8")
        sentence = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
        lines.append(f"  wrank {verb:<10} {sentence}")
    lines += [
        "",
        "  wrank VERB --help            every key with its unit, and the options of every group",
        "  wrank run -m loss=kl,ws2     a sweep: one job for each combination of values",
        "",
        "First steps without a GPU or a network: wrank run data=sample model=minilm loss=infonce trainer=cpu",
    ]
    return "\n".join(lines)


def _guarded(verb: str, overrides: list[str]) -> int:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then lets errors through to us as they are
    try:
        if any(word in ("-h", "--help") for word in overrides):
            from wrank.command.help import print_help

            print_help(verb, [word for word in overrides if not word.startswith("-")])
            return 0
        return _run(verb, overrides)
    except (WrankError, Refused) as error:
        _say(f"wrank {verb}: {error}")
        return BAD_INPUT
    except KeyboardInterrupt:
        _say(f"wrank {verb}: interrupted; the same command goes on from what is kept")
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.ENOSPC):
            hint = "start it in a folder that can be written (outputs/ goes there)"
            _say(f"wrank {verb}: {error.filename}: {error.strerror}: {hint}")
            return BAD_INPUT
        if not _is_config_error(error):
            raise
        from wrank.command.hints import hint as advise

        text = _first_lines(error)
        _say(f"wrank {verb}: {text}")
        if advice := advise(verb, overrides, text):
            _say(f"  {advice}")
        return BAD_INPUT


def _run(verb: str, overrides: list[str]) -> int:
    import hydra

    from wrank.command import sweep
    from wrank.command.launcher import register_launcher
    from wrank.command.sweeper import register_sweeper
    from wrank.config import conf_folder, register

    register()
    register_launcher()
    register_sweeper()
    module = importlib.import_module(f"wrank.command.{verb}")
    sys.argv = [f"wrank {verb}", *overrides]
    ended = False
    try:
        hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=verb)(module.main)()
        ended = True
    finally:
        failed = sweep.finish(ended)
    return FAILURE if failed else 0


def _is_config_error(error: Exception) -> bool:
    module = type(error).__module__
    return module.startswith(("hydra.", "omegaconf."))


def _first_lines(error: Exception) -> str:
    lines = [line for line in str(error).strip().split("\n") if line.strip()]
    kept: list[str] = []
    for line in lines:
        if line.strip() == "Config search path:":  # Hydra's own folders, and no help
            break
        if not line.startswith(("See https://", "To append to your config")):
            kept.append(line)
    named = [line for line in kept if not line.startswith("\t")]
    listed = [line.strip() for line in kept if line.startswith("\t")]
    return "\n  ".join([*named[:12], *([", ".join(listed)] if listed else [])])


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
