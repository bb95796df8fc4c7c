"""``wrank VERB --help``: every key with its unit, read from the comments of the configuration files themselves."""

import importlib
import re
from pathlib import Path

from rich.console import Console

from wrank.config import conf_folder, register
from wrank.errors import WrankError
from wrank.loss.guide import GUIDE

_EXAMPLES = {
    **dict.fromkeys(("status", "doctor"), ""),
    "data": " describe data=sample",
    "mine": " data=sample miner=bm25",
    "score": " data=sample",
    "report": " demo loss=infonce,kl reference=minilm",
    "diff": " minilm-infonce-s0 minilm-kl-s0",
    "trace": " 0.4711",
}
_NO_KEY = re.compile(r"#|defaults:|\s*_(target|partial)_:")
_DEFAULT = re.compile(r"  - (_self_|[a-z_0-9/@]+(: [a-z_0-9]+)?)$")
_HEADER = re.compile(r"^# (?!@package)(.+)$", re.MULTILINE)


def print_help(verb: str, overrides: list[str]) -> None:
    """Prints a verb's sentence, its groups with their options, its root keys, and the keys of the chosen options.

    Args:
        verb: train, evaluate, run, ...
        overrides: choices such as ``loss=ws2``, whose keys are then shown.

    Raises:
        WrankError: an option that does not exist.
    """
    console = Console(highlight=False, soft_wrap=True)
    conf = conf_folder()
    primary = (conf / f"{verb}.yaml").read_text(encoding="utf-8")
    console.print(f"usage: wrank {verb} [group=option] [key=value] ...", markup=False)
    console.print((_docstring(verb) or "").strip(), markup=False)
    chosen = _choices(verb, overrides)
    console.print("\nGROUPS (group=option; * = chosen)", style="bold")
    for group, option in chosen.items():
        if "@" in group:  # shared keys, no choice
            continue
        console.print(f"  {group}", style="bold")
        for path in sorted((conf / group).glob("*.yaml")):
            mark = "*" if path.stem == option else " "
            console.print(f"   {mark} {group}={path.stem:<22} {_sentence(path)}", markup=False)
    if "loss" in chosen:
        console.print("\nWHICH LOSS (begin with the one named; compare it with those in brackets)", style="bold")
        for row in GUIDE:
            console.print(f"  {row.labels}: loss={row.first} ({', '.join(row.others)})", markup=False)
            console.print(f"      {row.why}", style="dim", markup=False)
    console.print("\nKEYS OF ITS OWN", style="bold")
    for line in _key_lines(primary.partition("_self_")[2]):
        console.print(f"  {line}", markup=False)
    if launcher := next((word.split("=", 1)[1] for word in overrides if word.startswith("hydra/launcher=")), None):
        chosen["hydra/launcher"] = launcher
    for group, option in chosen.items():
        folder, _, package = group.partition("@")
        path, prefix = conf / folder / f"{option}.yaml", (package or folder).replace("/", ".")
        if not path.is_file() or group in ("experiment", "sweep", "debug"):
            continue
        title = f"{package}: " if package else f"{group}={option}: "
        console.print(f"\n{title}{_sentence(path)}", style="bold", markup=False)
        for line in _option_lines(path):
            console.print(f"  {prefix}.{line}" if not line.startswith(" ") else f"  {line}", markup=False)
    console.print(
        f"\nHydra's own flags: -m (a sweep: comma-separated values run in all combinations), --cfg job (show the whole "
        f"configuration), --config-dir=FOLDER (options of your own in FOLDER/GROUP/NAME.yaml).\n"
        f"Example: wrank {verb}{_EXAMPLES.get(verb, ' data=sample model=minilm')}",
        markup=False,
    )


def _docstring(verb: str) -> str | None:
    import ast

    path = Path(__file__).parent / f"{verb}.py"
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def _choices(verb: str, overrides: list[str]) -> dict[str, str]:
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    register()
    importlib.import_module("hydra")
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        cfg = compose(config_name=verb, overrides=overrides, return_hydra_config=True)
    found = OmegaConf.to_container(cfg.hydra.runtime.choices)
    if not isinstance(found, dict):
        raise WrankError(f"wrank {verb}: no choices")
    return {
        str(group): str(option) for group, option in found.items() if not str(group).startswith(("hydra", "schema"))
    }


def _sentence(path: Path) -> str:
    match = _HEADER.search(path.read_text(encoding="utf-8"))
    return match.group(1) if match else ""


def _key_lines(text: str) -> list[str]:
    return [line for line in text.strip("\n").split("\n") if re.match(r"(  )?[a-z][a-z_]*:", line)]


def _option_lines(path: Path) -> list[str]:
    """The option's keys with their comments; those it inherits come first, replaced where it sets them anew."""
    return list(_lines_by_place(path).values())


def _lines_by_place(path: Path) -> dict[tuple[str, ...], str]:
    """Keys from the outermost in -> line. What is below ``examples`` is left out: it is to be read in the file."""
    text = path.read_text(encoding="utf-8")
    lines: dict[tuple[str, ...], str] = {}
    for name in _inherited(text):
        lines |= _lines_by_place(path.parent / f"{name}.yaml")
    parents: list[tuple[int, str]] = []
    hidden = None
    for number, line in enumerate(text.split("\n")):
        if not line.strip() or _NO_KEY.match(line) or _DEFAULT.match(line):
            continue
        indent = len(line) - len(line.lstrip())
        if hidden is not None and indent > hidden:
            continue
        key = line.strip().partition(":")[0]
        hidden = indent if key == "examples" else None
        while parents and parents[-1][0] >= indent:
            parents.pop()
        parents.append((indent, f"{number} {key}" if key.startswith("-") else key))
        shown = line if hidden is None else f"{line}  # {path.parent.name}/{path.name} holds them"
        lines[tuple(key for _, key in parents)] = shown
    return lines


def _inherited(text: str) -> list[str]:
    """Options of the same group that an option starts from."""
    names = re.findall(r"^  - ([a-z_0-9]+)$", text, re.MULTILINE)
    for inline in re.findall(r"^defaults: \[([a-z_0-9, ]+)\]", text, re.MULTILINE):
        names += [name.strip() for name in inline.split(",")]
    return [name for name in names if name != "_self_"]
