"""A stage that all ranks of a launcher do together: the training."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wrank.errors import WrankError
from wrank.stage.context import Context
from wrank.store import Artifact, Stage
from wrank.training.launch import Meeting, connected
from wrank.training.settings import TrainerSettings

Work = Callable[[Path], Mapping[str, Any] | None]


def do_together(context: Context, stage: Stage, work: Work, settings: TrainerSettings) -> Artifact:
    """Runs a stage in the store with all ranks at it.

    Rank 0 alone holds the stage's lock and finishes its folder. Once it is at work it tells the others the folder, in
    which they do the same work; they return when the folder is finished. Without a launcher's ranks this is
    `Context.do`.

    Args:
        context: the job.
        stage: what is wanted.
        work: done by every rank; only rank 0 may write what is to stay.
        settings: the trainer's keys.

    Raises:
        WrankError: what the work raises; a rank whose rank 0 has ended.
    """
    with connected(settings) as meeting:
        if meeting is None:
            return context.do(stage, work)
        if not meeting.is_first:
            return _follow(context, stage, work, meeting)
        begun = False

        def lead(folder: Path) -> Mapping[str, Any] | None:
            nonlocal begun
            begun = True
            meeting.tell("begun", str(folder))
            return work(folder)

        try:
            artifact = context.do(stage, lead)
            if not begun:
                meeting.tell("begun", "")
            meeting.tell("ended", "finished")
        except BaseException as error:
            if not begun:
                meeting.tell("begun", "")
            meeting.tell("ended", f"{type(error).__name__}: {error}")
            raise
        meeting.part()
        return artifact


def _follow(context: Context, stage: Stage, work: Work, meeting: Meeting) -> Artifact:
    folder = meeting.hear("begun")
    if folder:
        work(Path(folder))
    word = meeting.hear("ended")
    meeting.part()
    found = context.store.find(stage)
    if found is None:
        raise WrankError(
            f"rank {meeting.place.rank}: rank 0 has not finished {context.store.folder(stage)} ({word}). Its message "
            "says why; if all is well there, the ranks do not see the same store or read different configurations"
        )
    return found
