"""Students that learn from the scores of the round before, on noised texts."""

import dataclasses
import difflib
from pathlib import Path
from typing import Any, ClassVar, cast

from omegaconf import OmegaConf

from wrank.config import build, option_node, options, plain
from wrank.data.cache import remembered_sha256
from wrank.errors import WrankError
from wrank.loss.base import Loss
from wrank.stage.context import Context
from wrank.stage.identity import run_name
from wrank.stage.model import Plan, checked_settings, plan_training, train
from wrank.stage.rounds import OneRun, Rounds, Trained, as_whole, check_choice, check_count, check_kind, with_choices
from wrank.store import Artifact
from wrank.tracking.base import Tracker
from wrank.tracking.progress import note
from wrank.training.base import check_in_batch
from wrank.training.callback.average import AVERAGE

_OF_TEACHER = {"_target_", "temperature", "batch_tokens", "precision", "device"}
"""Keys of a teacher that are not its model's."""

_FROM_FOLDER = (
    *("pooling", "normalize", "similarity", "temperature", "learn_temperature", "query_prompt", "passage_prompt"),
    *("query_length", "passage_length", "shared", "dimensions"),
)


class SelfTraining(Rounds):
    """Noisy self-training: each round's student learns the scores that the last one gives to the texts without noise.

    Before the first round a teacher is trained on the labels, with ``first_loss`` and without noise: the same training
    as ``rounds=none`` with that loss, and found when it was done already. In each round the teacher scores the passages
    of the training lists as they are (the stages of ``teacher=bi_encoder``); the student learns from these scores with
    ``loss``, which needs them, on lists whose texts ``data/augment`` noises, for as long as the trainer says, with a
    learning-rate schedule of its own; then it is the next round's teacher.

    Source: Jiang, Drummond and Cohn, "Noisy Self-Training with Synthetic Queries for Dense Retrieval" (arXiv
    2311.15563, 2023): a retriever as teacher gives soft labels to written queries, noise (shuffled words, say) is put
    on the student's input, and so on, over rounds. Its queries are written ones (``generator=queries``), and its
    student is trained on the labels once more at the end of a round: here ``loss=sum`` can learn from both at a time.
    Averaged weights as teacher: Tarvainen and Valpola (arXiv 1703.01780, 2017).

    Args:
        count: rounds with a student.
        warm: who teaches first: a model trained on the ``labels``, or the ``base`` itself.
        first_loss: option of ``loss`` with which the first teacher is trained, at that option's own values.
        teacher: the weights at the end of the ``previous`` round, or their moving ``average`` over its steps.
        decay: of that average, 0 to below 1.
        start: each student starts from the ``base``, or from the weights at the end of the ``previous`` round.

    Raises:
        WrankError: a value out of its range.
    """

    name: ClassVar[str] = "self_training"

    def __init__(
        self,
        count: int,
        warm: str = "labels",
        first_loss: str = "infonce",
        teacher: str = "previous",
        decay: float = 0.99,
        start: str = "base",
    ) -> None:
        self.count = check_count(count)
        self.warm = check_choice("warm", warm, ("labels", "base"))
        self.teacher = check_choice("teacher", teacher, ("previous", "average"))
        self.start = check_choice("start", start, ("base", "previous"))
        if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 <= decay < 1:
            raise WrankError(f"rounds.decay={decay!r}: wanted a number from 0 to below 1")
        self.first_loss = first_loss
        self.decay = float(decay) if teacher == "average" else None

    def check(self, context: Context) -> None:
        """Refuses a loss that learns nothing from a teacher, and a first loss that would need one.

        Args:
            context: the job.

        Raises:
            WrankError: what does not fit.
        """
        check_kind(context, self.name)
        loss: Loss = build(context.cfg, "loss")
        if "teacher" not in loss.needs:
            raise WrankError(
                f"rounds=self_training with loss={context.choices.get('loss', 'loss')}: that loss learns nothing from "
                "a teacher's scores; wanted one that needs them, e.g. loss=teacher_kl or margin_mse, or a loss=sum "
                "with such a part"
            )
        if (chosen := context.choices.get("teacher")) not in (None, "bi_encoder"):
            raise WrankError(
                f"rounds=self_training with teacher={chosen}: the teacher of a round is the round before; leave "
                "teacher out, or choose teacher=bi_encoder to set its temperature"
            )
        if OmegaConf.select(context.cfg, "data.scores") is not None:
            raise WrankError(
                "rounds=self_training with data.scores: the scores of a round are those of the round before; leave "
                "data.scores out, or use rounds=none"
            )
        known = options("loss")
        if self.first_loss not in known:
            near = difflib.get_close_matches(str(self.first_loss), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"wanted one of {', '.join(known)}"
            raise WrankError(f"rounds.first_loss={self.first_loss}: no such loss; {hint}")
        if self.warm == "labels":
            first: Loss = build(self.first(context).cfg, "loss")
            if needs := sorted(first.needs - {"grades"}):
                raise WrankError(
                    f"rounds.first_loss={self.first_loss} needs {needs[0]}, which there is none of before the first "
                    "round: wanted a loss that learns from labels alone, e.g. infonce or kl"
                )
            check_in_batch(first, plain(context.cfg, "trainer.in_batch"))
        checked_settings(self._student(context, None))

    def first(self, context: Context) -> Context:
        """The training of the first teacher: on labels, without noise; or of the base's student."""
        if self.warm == "base":
            return self._student(context, None)
        changes = {"loss": option_node("loss", self.first_loss), "data.augment": None, "rounds": _none()}
        choices = {"loss": self.first_loss, "data/augment": None, "rounds": None, "teacher": None}
        return with_choices(context, changes, choices)

    def train(self, context: Context, plan: Plan, tracker: Tracker, generated: Artifact | None = None) -> Trained:
        """Trains teacher and students, one after another.

        Args:
            context: the job.
            plan: of the first teacher.
            tracker: gets one run over all rounds.
            generated: passages written for the training queries, or None.

        Raises:
            WrankError: bad input of a round.
        """
        if OmegaConf.select(context.cfg, "data.augment") is None:
            note(
                "rounds=self_training without data/augment: the students see what their teacher saw; noise: token_noise"
            )
        whole = self.whole(context, plan, generated)
        run, last = OneRun(tracker, context, whole.stage), None
        if self.warm == "labels":
            note(f"first teacher: trained on labels with loss={self.first_loss}")
            last = train(self.first(context), self._titled(context, plan, "first teacher", 0), run)
        for number in range(1, self.count + 1):
            title = f"round {number} of {self.count}"
            folder = None if last is None else last.path
            note(f"{title}: the teacher is " + (context.model_name if folder is None else folder.name))
            student = self._student(context, None if folder is None else str(folder))
            one = plan if last is None else plan_training(student, generated)
            run.first_step += 0 if last is None else int(last.manifest["result"]["steps"])
            last = train(student, self._titled(context, one, title, number), run)
        assert last is not None
        return Trained(last, whole)

    def whole(self, context: Context, plan: Plan, generated: Artifact | None) -> Plan:
        """The plan of the first teacher with all that decides the students: a training on labels knows nothing of it.

        Args:
            context: the job.
            plan: of the first teacher.
            generated: passages written for the training queries, or None.
        """
        cfg = self._student(context, "-").cfg
        teacher = plain(cfg, "teacher")
        keys = ("loss", "data.lists", "data.augment", "preferences", "teacher_negatives")
        facts = {
            **{key: plain(cfg, key) for key in keys if OmegaConf.select(cfg, key) is not None},
            **{key: _content(context, key) for key in ("data.preferences", "data.paraphrases")},
            "teacher_keys": {
                key: teacher[key] for key in teacher.keys() - {"source", "path", "device", "batch_tokens"}
            },
            "generation": None if generated is None else generated.content_key,
        }
        return as_whole(plan, {"name": self.name, **vars(self), **facts})

    def _student(self, context: Context, folder: str | None) -> Context:
        """The job of a student whose teacher stands in a folder; None = the base teaches."""
        preset: dict[str, Any] = cast(dict, OmegaConf.to_container(option_node("teacher", "bi_encoder")))
        chosen = context.choices.get("teacher") is not None
        teacher = dict(cast(dict, OmegaConf.to_container(context.cfg.teacher)) if chosen else preset)
        model: dict[str, Any] = plain(context.cfg, "model")
        if folder is None:
            teacher |= {key: model.get(key, preset[key]) for key in preset.keys() - _OF_TEACHER}
            teacher |= {key: model.get(key) for key in ("source", "path")}
        else:
            teacher["path"] = f"{folder}/{AVERAGE if self.teacher == 'average' else 'last'}"
            teacher["trust_remote_code"] = model.get("trust_remote_code", False)
        # a dry run's model is tiny by now; the teacher, which is one of these, stays what it is
        changes: dict[str, Any] = {"rounds": _none(), "teacher": teacher, "tiny": False}
        from_folder = self.start == "previous" and folder is not None
        if from_folder:
            kept = {key: None if key in _FROM_FOLDER else value for key, value in model.items()}
            changes["model"] = kept | {"source": None, "path": f"{folder}/last"}
        choices = {"teacher": "bi_encoder", "rounds": None, "model": context.model_name}
        return with_choices(context, changes, choices, new_base=from_folder)

    def _titled(self, context: Context, plan: Plan, title: str, number: int) -> Plan:
        """The plan with its round's name; the key is that of any training with this teacher."""
        stage, part = plan.stage, dataclasses.replace(plan.part, title=f"training, {title}", decay=self.decay)
        config = dict(stage.config) | ({} if self.decay is None else {"average": self.decay})
        details = {**stage.details, "rounds": {"name": self.name, "round": number, "count": self.count}}
        name = f"{run_name(context)}-r{number}" if number else stage.name
        return dataclasses.replace(
            plan, stage=dataclasses.replace(stage, name=name, config=config, details=details), part=part
        )


def _none() -> Any:
    return option_node("rounds", "none")


def _content(context: Context, key: str) -> str | None:
    """What names the content of a file or artifact that a key gives: its hash, or the artifact's name."""
    given = OmegaConf.select(context.cfg, key)
    path = Path(str(given)).expanduser()
    return given if given is None or not path.is_file() else remembered_sha256(path, context.tables)
