"""Which training step belongs to which kind of model."""

from wrank.errors import WrankError
from wrank.loss.base import Loss
from wrank.model.base import Trainable
from wrank.model.bi_encoder import BiEncoder
from wrank.model.cross_encoder import CrossEncoder
from wrank.training.base import TrainingModule
from wrank.training.cross_module import CrossEncoderModule
from wrank.training.module import ListwiseModule
from wrank.training.settings import TrainerSettings


def check_trainable(quantize: str | None, lora: object | None) -> None:
    """Refuses quantised weights without LoRA.

    Args:
        quantize: ``model.quantize``.
        lora: ``model.lora``.

    Raises:
        WrankError: there is nothing to train.
    """
    if quantize is not None and lora is None:
        raise WrankError(
            f"model.quantize={quantize} without model.lora: weights in 4 bits cannot be trained, only what LoRA puts "
            "beside them; add model/lora=standard, or leave the quantisation out"
        )


def module_for(
    model: Trainable, loss: Loss, settings: TrainerSettings, *, total_steps: int, seed: int
) -> TrainingModule:
    """The model under the loss.

    Args:
        model: a bi-encoder or a cross-encoder.
        loss: the loss.
        settings: the trainer's keys.
        total_steps: optimizer steps of the whole training.
        seed: of dropout.

    Raises:
        WrankError: settings, or a loss, that this kind of model cannot be trained with; weights that cannot be trained.
    """
    if isinstance(model, CrossEncoder):
        return CrossEncoderModule(model, loss, settings, total_steps=total_steps, seed=seed)
    assert isinstance(model, BiEncoder)
    check_trainable(model.quantize, model.lora)
    return ListwiseModule(model, loss, settings, total_steps=total_steps, seed=seed)
