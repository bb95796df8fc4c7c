"""What a stage's run is called in tables and trackers."""

from omegaconf import OmegaConf

from wrank.manifest import git_state
from wrank.stage.context import Context
from wrank.store import Stage
from wrank.tracking.identity import RunIdentity


def run_name(context: Context) -> str:
    """The run's name for people: as given, or model, loss, rounds where there are any, and seed."""
    given = context.cfg.name
    rounds = context.choices.get("rounds", "none")
    words = [context.model_name, context.choices.get("loss", "loss"), *([] if rounds == "none" else [rounds])]
    return str(given) if given else "-".join([*words, f"s{context.cfg.seed}"])


def commit_tags() -> tuple[str, ...]:
    """``git:abc1234``, and ``git:dirty`` where the checkout held other changes; nothing when run from a wheel."""
    state = git_state()
    if not state.get("commit"):
        return ()
    return (f"git:{state['commit'][:7]}", *(["git:dirty"] if state.get("dirty") else []))


def identity(context: Context, stage: Stage, job_type: str) -> RunIdentity:
    """The run's names in a tracker."""
    config = OmegaConf.to_container(context.cfg, resolve=True, throw_on_missing=False)
    return RunIdentity(
        id=f"{stage.kind}-{stage.key[:16]}",
        name=run_name(context) if job_type == "train" else stage.name,
        group=str(context.cfg.study),
        job_type=job_type,
        tags=(*map(str, context.cfg.tags), *commit_tags()),
        choices=context.choices,
        config=config if isinstance(config, dict) else {},  # type: ignore[arg-type]
    )
