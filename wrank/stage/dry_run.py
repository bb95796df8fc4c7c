"""``tiny=true``: a model of the chosen kind with random weights, so small that a whole chain runs in seconds."""

from omegaconf import DictConfig, OmegaConf

_TINY = {
    "revision": None,
    "query_prompt": "",
    "passage_prompt": "",
    "query_length": 64,
    "passage_length": 128,
    "max_length": 128,
    "dropout": None,
    "learning_rate": 1e-3,
    "dimensions": None,
    "quantize": None,
    "gradient_checkpointing": False,
    "first_stage": "bm25",
    "seed": 0,  # one base for all seeds of a sweep: it stands for one published model
}
"""Keys that a model may have -> what fits a byte tokenizer and random weights."""


def shrink(cfg: DictConfig) -> None:
    """Sets the model's keys, those that it has, to a tiny model's.

    Args:
        cfg: a verb's whole configuration; ``model`` is changed, and ``teacher`` where it is an encoder.
    """
    model = cfg.model
    decoder = model.get("pooling") == "last"
    values = {"source": "random:tiny_decoder" if decoder else "random:tiny", **_TINY}
    for key, value in values.items():
        if key in model:
            OmegaConf.update(model, key, value)
    if str(model.get("_target_", "")).endswith((".BiEncoder", ".CrossEncoder")):  # model=path names no source
        OmegaConf.update(model, "source", values["source"], force_add=True)
        OmegaConf.update(model, "path", None, force_add=True)
    if model.get("matryoshka"):  # another model's sizes
        OmegaConf.update(model, "matryoshka", "halves")
        OmegaConf.update(model, "matryoshka_weights", None)
    if model.get("lora") and "targets" in model.lora:  # another model's layers
        model.lora.targets = None
    teacher = cfg.get("teacher")
    if teacher is None or "engine" in teacher:  # a language model has no tiny form
        return
    for key, value in {"source": "random:tiny", "model": "random:tiny", "path": None, **_TINY}.items():
        if key in teacher:
            OmegaConf.update(teacher, key, value)
