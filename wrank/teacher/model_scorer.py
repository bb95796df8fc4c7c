"""A cross-encoder that is in memory already, as a teacher: it scores as what comes from a folder does."""

from wrank.evaluation.settings import Precision
from wrank.model.cross_encoder import CrossEncoder
from wrank.teacher.cross_encoder import CrossEncoderTeacher
from wrank.teacher.loading import Parts


class ModelScorer(CrossEncoderTeacher):
    """Scores by a model that somebody else holds; closing does not free it.

    Args:
        model: what scores.
        title: what it is called.
        batch_tokens: tokens a batch, padding included.
        precision: ``float32``, or ``bfloat16``: products inside the model in bfloat16.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.
    """

    def __init__(
        self, model: CrossEncoder, title: str, *, batch_tokens: int, precision: Precision, device: str
    ) -> None:
        super().__init__(
            model.source,
            max_length=model.max_length,
            batch_tokens=batch_tokens,
            precision=precision,
            device=device.partition(":")[0],
        )
        self._title, self._parts = title, Parts(model.transformer, model.tokenizer)

    def title(self) -> str:
        """What it is called in tables."""
        return self._title

    def close(self) -> None:
        """Leaves the model where it is."""
