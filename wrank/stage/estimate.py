"""What a job would take, and what would make it fail, before it is queued; nothing is trained, encoded or written for.

It loads no weights but those of random models: sizes are read from files' headers (`wrank.model.size`), memory and disk
follow from shapes (`wrank.stage.footprint`), time and tokens from what earlier jobs of the store took
(`wrank.stage.pace`). All of these are estimates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from wrank.config import plain
from wrank.errors import WrankError
from wrank.model.size import ModelSize
from wrank.stage.context import Context
from wrank.stage.footprint import Batch, Kind, disk_bytes, memory_bytes
from wrank.stage.kind import trains_reranker
from wrank.stage.pace import Wanted, encoding_pace, step_pace, writing_pace
from wrank.stage.preflight import Preflight
from wrank.store import Artifact
from wrank.training.settings import TrainerSettings

UNKNOWN = "unknown"
_LENGTH = 512  # tokens, where neither the configuration nor the folder says
_BYTES_A_TOKEN = 10  # of what a language model writes: in the log, and again in the collection
_GB = 1e9


@dataclass(frozen=True)
class JobEstimate:
    """A job before it is queued.

    Attributes:
        problems: what would make it fail, in the words of the error; empty = nothing was found.
        rows: ``steps`` (optimizer), ``hours``, ``gpu_hours`` (0 on a processor), ``tokens`` (to be written by a
            language model), ``disk_gb``, ``memory_gb`` (of one device), ``basis`` (what the time is taken from). A
            figure that cannot be told is the word ``unknown``.
    """

    problems: tuple[str, ...] = ()
    rows: Mapping[str, str | float] = field(default_factory=dict)


def estimate_job(context: Context, *, elsewhere: bool = False) -> JobEstimate:
    """Checks a job as it would check itself, and says what it would take; in seconds.

    Args:
        context: the job, of any verb.
        elsewhere: it will run on another machine (a cluster's): what this one lacks is no fault, and that one is taken
            to have GPUs unless ``trainer.accelerator=cpu``.
    """
    found = Preflight(context, elsewhere)
    known = context.store.artifacts()
    tokens, writing = _writing(found, known)
    training = _training(found, known)
    encoding = _encoding(found, known)
    parts = [part for part in (writing, training, encoding) if part is not None]
    alone = bool(found.tests) and not found.trains
    unknown = (training is None and found.trains) or writing is None or (encoding is None and alone)
    hours: str | float = UNKNOWN if unknown else sum(part[0] for part in parts) / 3600
    devices = _gpus(found)
    rows: dict[str, str | float] = {
        "steps": (UNKNOWN if found.steps is None else found.steps) if found.trains else 0,
        "hours": hours,
        "gpu_hours": 0.0 if devices == 0 else UNKNOWN if isinstance(hours, str) else hours * devices,
        "tokens": tokens,
        "disk_gb": _disk(found, tokens),
        "memory_gb": _memory(found),
        "basis": "; ".join(dict.fromkeys(part[1] for part in parts if part[1])) or UNKNOWN,
    }
    return JobEstimate(tuple(found.problems), rows)


def _training(found: Preflight, known: Sequence[Artifact]) -> tuple[float, str] | None:
    """Seconds of the training, and what they are taken from; None = not known."""
    if not found.trains or found.settings is None or found.steps is None:
        return None
    context, model = found.context, found.cfg.model
    wanted = Wanted(
        model=str(context.choices.get("model", "")),
        lengths={key: model[key] for key in ("query_length", "passage_length") if model.get(key) is not None},
        trainer=replace(found.settings, precision=_precision(found, found.settings)).identity(),
        size=int(plain(found.cfg, "data.lists.size")),
        anywhere=found.elsewhere,
    )
    pace = step_pace(known, wanted)
    return None if pace is None else (pace.seconds * found.steps, pace.basis)


def _encoding(found: Preflight, known: Sequence[Artifact]) -> tuple[float, str] | None:
    """Seconds of encoding the test sets' passages with the trained model, and with the base where that is not done."""
    if not found.tests or trains_reranker(found.context):
        return None
    context, name = found.context, found.context.model_name
    pace = encoding_pace(known, name, context.settings.precision, found.elsewhere)
    if pace is None:
        return None
    facts = [one.manifest for one in known if one.manifest["kind"] == "vectors"]
    done = {one["inputs"].get("passages") for one in facts if one["details"].get("model") == name}
    passages = _passages(found)
    count = sum((key not in done) * size + found.trains * size for key, size in passages.items())
    return pace.seconds * count, pace.basis if count else ""


def _passages(found: Preflight) -> dict[str, int]:
    """Key of a table of passages -> how many; two test sets may have one table."""
    return {str(test.collection.passages.key): len(test.collection.passages) for test in found.tests}


def _writing(found: Preflight, known: Sequence[Artifact]) -> tuple[str | float, tuple[float, str] | None]:
    """Tokens to be written, and seconds for them; tokens from an earlier generation by the same recipe and model."""
    if found.context.generates is None or found.written is not None:
        return 0, (0.0, "")
    if found.writing is None:
        return UNKNOWN, None
    pace = writing_pace(known, found.writing.recipe.identity(), found.writing.engine.model)
    if pace is None:
        return UNKNOWN, None
    tokens = pace[0] * len(found.writing.items)
    return round(tokens), (tokens * pace[1].seconds, pace[1].basis)


def _gpus(found: Preflight) -> int:
    """GPUs that the job keeps busy; 0 = it runs on processors."""
    settings, device = found.settings, str(found.cfg.get("device", "auto"))
    try:
        if settings is None:
            return int(device == "cuda" or (device == "auto" and (found.elsewhere or found.context.device == "cuda")))
        uses = settings.accelerator != "cpu" if found.elsewhere else settings.uses_gpu()
    except WrankError:  # none here: told among the problems
        uses = True
    return (1 if settings is None else settings.world_size) if uses else 0


def _precision(found: Preflight, settings: TrainerSettings) -> str:
    """What ``auto`` stands for where the job runs."""
    if found.elsewhere and settings.precision == "auto" and settings.accelerator != "cpu":
        return "bf16-mixed"
    try:
        return settings.resolved_precision()
    except WrankError:
        return "bf16-mixed"


def _kind(found: Preflight, size: ModelSize, settings: TrainerSettings) -> Kind:
    model = found.cfg.model
    return Kind(
        trained=size.trained(plain(found.cfg, "model").get("lora")),
        precision=_precision(found, settings),
        quantized=model.get("quantize") is not None,
        checkpointed=bool(model.get("gradient_checkpointing", False)),
    )


def _memory(found: Preflight) -> str | float:
    """GB of one device."""
    size, settings = found.size, found.settings
    if not found.trains:
        return UNKNOWN if size is None else size.parameters * 4 / _GB
    if size is None or settings is None:
        return UNKNOWN

    def length(key: str) -> int:
        return int(found.cfg.model.get(key) or size.said.get(key) or _LENGTH)

    pairs = trains_reranker(found.context)
    batch = Batch(
        queries=settings.batch_size,
        passages=int(plain(found.cfg, "data.lists.size")),
        query_length=0 if pairs else length("query_length"),
        passage_length=length("max_length" if pairs else "passage_length"),
    )
    return memory_bytes(size, settings, batch, _kind(found, size, settings)) / _GB


def _disk(found: Preflight, tokens: str | float) -> str | float:
    """GB at the job's peak: weights, checkpoint, vectors, and what is written."""
    size, settings = found.size, found.settings
    passages = sum(_passages(found).values())
    if size is None or (found.trains and settings is None):
        return UNKNOWN
    number = 4 if not found.tests or found.context.settings.storage == "float32" else 2
    written = 0.0 if isinstance(tokens, str) else float(tokens) * _BYTES_A_TOKEN
    if settings is None:
        return (passages * size.hidden * number + written) / _GB
    kind = _kind(found, size, settings)
    return (disk_bytes(size, kind, passages=passages, vectors=2, vector_bytes=number) + written) / _GB
