"""Loads a cross-encoder: transformers' own classes only, safetensors only, no weight left at random."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from wrank.errors import WrankError
from wrank.model.encoder import Encoder
from wrank.model.explained import explained
from wrank.model.fingerprint import encoder_fingerprint
from wrank.model.hub import OFFLINE_PRESETS, check_weight_files, hub_folder
from wrank.quiet import quiet
from wrank.teacher.tiny import tiny_cross_encoder

_WITHOUT_HUB = (
    "Without a hub: give a folder that holds one, or teacher.model=random:tiny (random weights, for dry runs)."
)


@dataclass(frozen=True)
class Parts:
    """A cross-encoder.

    Attributes:
        transformer: with its head, float32, in evaluation mode.
        tokenizer: has a padding token.
    """

    transformer: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @property
    def labels(self) -> int:
        """Size of the output."""
        return self.transformer.config.num_labels or 1

    def move(self, device: str) -> None:
        """Moves the weights to a device."""
        torch.nn.Module.to(self.transformer, device)

    def fingerprint(self) -> str:
        """SHA-256 over weights, architecture and tokenizer, as `wrank.model.fingerprint` makes it for an encoder."""
        return encoder_fingerprint(cast(Encoder, self))  # it reads these two attributes alone


def load_cross_encoder(model: str, revision: str | None) -> Parts:
    """Finds and loads a cross-encoder.

    Args:
        model: a folder, an id of the Hugging Face hub, or ``random:tiny``.
        revision: branch, tag or commit on the hub; None: the default branch.

    Raises:
        WrankError: no such model, weights only as pickle, or weights (a head, mostly) that the files do not hold.
    """
    if model == "random:tiny":
        return Parts(*tiny_cross_encoder())
    try:
        folder = _folder(model, revision)
    except WrankError as error:  # the text of `wrank.model` names options of the group `model`
        text = str(error).replace("model=path model.path=FOLDER", "teacher.model=FOLDER")
        raise WrankError(f"teacher.model={model}: {text.replace(OFFLINE_PRESETS, _WITHOUT_HUB)}") from error
    with quiet(), explained(f"teacher.model={model}"):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        transformer, report = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    if missing := sorted(report["missing_keys"]):
        raise WrankError(
            f"teacher.model={model}: {len(missing)} weights are not in its safetensors file and would be random, the "
            f"first is {missing[0]}. Is it a cross-encoder? An encoder without a trained head gives no scores"
        )
    _set_padding(transformer, tokenizer, model)
    return Parts(transformer.eval(), tokenizer)


def _folder(model: str, revision: str | None) -> Path:
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if model.startswith((".", "/", "~", "random:", "bundled:")) or model.count("/") > 1 or not model:
            raise WrankError(f"there is no such folder or built-in model. {OFFLINE_PRESETS}")
        return hub_folder(model, revision=revision, code=False)
    if not (folder / "config.json").is_file():
        raise WrankError(f"the folder is not a model: it has no config.json. {OFFLINE_PRESETS}")
    check_weight_files([path.name for path in folder.iterdir()], str(folder), None)
    return folder


def _set_padding(transformer: Any, tokenizer: Any, model: str) -> None:
    if tokenizer.pad_token_id is None:
        token = tokenizer.eos_token or tokenizer.unk_token
        if token is None:
            raise WrankError(
                f"teacher.model={model}: the tokenizer names no padding or end token. Set pad_token in it."
            )
        tokenizer.pad_token = token
    if transformer.config.pad_token_id is None:  # decoders find a row's last token by it
        transformer.config.pad_token_id = tokenizer.pad_token_id
