"""What every verb's job has in common: its context, its result file, its failures told."""

import functools
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from wrank.config import option_sets
from wrank.errors import Refused, WrankError
from wrank.files import write_atomic
from wrank.stage.context import Context

log = logging.getLogger(__name__)
RESULT = "result.json"


def choices() -> dict[str, str]:
    """Config group -> option of the running job, wrank's own groups only."""
    runtime = HydraConfig.get().runtime.choices
    return {
        group: str(option)
        for group, option in runtime.items()
        if not group.startswith("hydra") and group != "schema" and option not in (None, "null")
    }


def job(verb: Callable[[Context], dict[str, Any]]) -> Callable[[DictConfig], None]:
    """Makes a Hydra task of a verb: the verb gets a context and returns what goes into the job's ``result.json``."""

    @functools.wraps(verb)
    def task(cfg: DictConfig) -> None:
        folder = Path(HydraConfig.get().runtime.output_dir)
        try:
            _check_mix(choices())
            result = verb(Context(cfg, choices()))
        except WrankError as error:
            log.debug("failed", exc_info=True)
            _write(folder, {"failed": str(error)})
            if HydraConfig.get().mode == RunMode.RUN:
                raise Refused(error) from error
            raise
        except Exception as error:
            log.exception("failed")
            _write(folder, {"failed": f"{type(error).__name__}: {error}"})
            raise
        _write(folder, result)

    return task


def _check_mix(chosen: Mapping[str, str]) -> None:
    """Refuses a mix in the place of an option's own: Hydra would join the parts of both."""
    data, mix = chosen.get("data"), chosen.get("data/mix")
    if data is not None and mix is not None and option_sets("data", data, "mix"):
        raise WrankError(
            f"data/mix={mix} with data={data}, which has a mix of its own: the parts of both would be joined; choose "
            f"one of them, e.g. data=beir with data/mix={mix}"
        )


def _write(folder: Path, result: dict[str, Any]) -> None:
    facts = {"overrides": list(HydraConfig.get().overrides.task), "choices": choices()} | result
    write_atomic(folder / RESULT, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
