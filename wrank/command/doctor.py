"""Checks this machine: Python, torch and GPUs, vLLM, W&B, Slurm, disk, locks, bundled parts; and says what to do.

``wrank doctor`` looks and starts nothing; ``deep=true`` also starts vLLM on the bundled model and an offline run of
W&B; ``network=true`` also asks the model hub and W&B's server. It ends with 1 when a check fails. On a node of the
cluster: ``wrank doctor -m hydra/launcher=slurm``; its table is in the job's log.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from rich.console import Console

from wrank.config import plain
from wrank.doctor.base import Settings
from wrank.doctor.checkup import check_all, chosen
from wrank.doctor.view import as_json, failures, print_table
from wrank.errors import Refused, WrankError
from wrank.files import write_atomic

FORMATS = ("table", "json")


def main(cfg: DictConfig) -> None:
    """One job of ``wrank doctor``."""
    try:
        settings, names = settings_of(cfg), chosen(plain(cfg, "only"))
    except WrankError as error:
        raise Refused(error) from error
    console = Console(stderr=True)
    with console.status("looking") as status:
        checked = check_all(settings, names, lambda name: status.update(f"looking at {name}"))
    with suppress(AttributeError, ValueError):  # a path that the terminal's encoding cannot show is shown escaped
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    print(as_json(checked)) if cfg.format == "json" else print_table(checked)
    sys.stdout.flush()
    failed = failures(checked)
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        _tell_sweep(failed)
    elif failed:
        raise SystemExit(1)


def settings_of(cfg: DictConfig) -> Settings:
    """The keys, checked before any check is made.

    Raises:
        WrankError: a format that there is not, or a size below 0.
    """
    if cfg.format not in FORMATS:
        raise WrankError(f"format={cfg.format}: wanted {' or '.join(FORMATS)}")
    for key in ("warn_gib", "least_gib"):
        if not cfg[key] >= 0:
            raise WrankError(f"{key}={cfg[key]}: wanted a size in GiB from 0 up")
    paths = plain(cfg, "paths")
    return Settings(
        folders={name: Path(paths[name]).expanduser().absolute() for name in paths if name != "models"},
        models=Path(paths["models"]).expanduser().absolute(),
        deep=cfg.deep,
        network=cfg.network,
        warn_gib=cfg.warn_gib,
        least_gib=cfg.least_gib,
        interpreter=cfg.interpreter,
    )


def _tell_sweep(failed: list[str]) -> None:
    """Leaves what failed in the job's folder, where the end of a multirun looks for it."""
    hydra = HydraConfig.get()
    facts = {"overrides": list(hydra.overrides.task), "choices": {}}
    facts |= {"failed": f"checks failed: {', '.join(failed)}"} if failed else {}
    write_atomic(Path(hydra.runtime.output_dir) / "result.json", json.dumps(facts, indent=1) + "\n")
