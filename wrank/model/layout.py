"""Reads what a folder in sentence-transformers' layout says about pooling, normalisation, prompts and lengths.

modules.json lists the modules. One tower: Transformer, Pooling and perhaps Normalize. Two towers: a Router, whose
router_config.json lists such modules for the routes ``query`` and ``document``. ``wrank.json`` is our own addition:
what sentence-transformers has no place for (temperature).
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wrank.errors import WrankError

MODULES_FILE = "modules.json"
CONFIG_FILE = "config_sentence_transformers.json"
TRANSFORMER_FILE = "sentence_bert_config.json"
ROUTER_FILE = "router_config.json"
WRANK_FILE = "wrank.json"
# sentence-transformers' name of a pooling -> ours; the older form has one key a pooling
POOLING_NAMES = {"mean": "mean", "cls": "cls", "lasttoken": "last", "max": "max"}
LEGACY_POOLING_KEYS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_max_tokens": "max",
}


@dataclass(frozen=True)
class Layout:
    """What a folder says.

    Attributes:
        root: the model's folder.
        query: folder of the query tower's transformer.
        passage: folder of the passage tower's transformer; the same as ``query`` when the towers are shared.
        said: settings by the name of BiEncoder's argument; only those that the folder speaks about.
    """

    root: Path
    query: Path
    passage: Path
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def shared(self) -> bool:
        """Whether one tower reads queries and passages."""
        return self.query == self.passage


def read_layout(folder: Path) -> Layout:
    """Read a model folder; one without modules.json is a plain transformer that says nothing.

    Raises:
        WrankError: a module, pooling or option that wrank does not have, so that its vectors would differ in silence.
    """
    if not (folder / MODULES_FILE).is_file():
        return Layout(folder, folder, folder)
    modules = [(_kind(module["type"]), folder / module["path"]) for module in _read(folder / MODULES_FILE)]
    if modules and modules[0][0] == "Router":
        routes = _routes(modules[0][1])
        query, query_said = _tower(routes["query"] + modules[1:], folder)
        passage, passage_said = _tower(routes["document"] + modules[1:], folder)
        if query_said["pooling"] != passage_said["pooling"] or query_said["normalize"] != passage_said["normalize"]:
            raise WrankError(f"{folder}: its two towers pool or normalise differently, which wrank cannot do.")
        said = {**passage_said, "query_length": query_said.get("query_length")}
    else:
        query, said = _tower(modules, folder)
        passage = query
    said |= _model_settings(folder) | _wrank_settings(folder)
    return Layout(folder, query, passage, {name: value for name, value in said.items() if value is not None})


def holds_cross_encoder(folder: Path) -> bool:
    """Whether a folder is a transformer with a classifier's head, and no bi-encoder."""
    if (folder / MODULES_FILE).is_file() or not (folder / "config.json").is_file():
        return False
    return any(str(kind).endswith("ForSequenceClassification") for kind in _architectures(folder))


def _architectures(folder: Path) -> list[str]:
    return list(_read(folder / "config.json").get("architectures") or [])


def _kind(type_name: str) -> str:
    return type_name.rsplit(".", maxsplit=1)[-1]


def _routes(folder: Path) -> dict[str, list[tuple[str, Path]]]:
    config = _read(folder / ROUTER_FILE)
    structure = config.get("structure", {})
    if set(structure) != {"query", "document"}:
        raise WrankError(
            f"{folder / ROUTER_FILE}: routes {sorted(structure)}; wrank reads the routes query and document."
        )
    return {
        route: [(_kind(config["types"][name]), folder / name) for name in names] for route, names in structure.items()
    }


def _tower(modules: list[tuple[str, Path]], folder: Path) -> tuple[Path, dict[str, Any]]:
    kinds = [kind for kind, _ in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise WrankError(f"{folder}: its modules are {', '.join(kinds)}; wrank has Transformer, Pooling and Normalize.")
    transformer = modules[0][1]
    said = _length_settings(transformer)
    said |= {"pooling": _pooling(modules[1][1] / "config.json"), "normalize": len(kinds) == 3}
    return transformer, said


def _length_settings(transformer: Path) -> dict[str, Any]:
    path = transformer / TRANSFORMER_FILE
    config = _read(path) if path.is_file() else {}
    if config.get("do_lower_case"):
        raise WrankError(f"{path}: do_lower_case is set, which wrank does not do; put it into the tokenizer.")
    length = config.get("max_seq_length")
    if length is None:
        length = _read(transformer / "tokenizer_config.json").get("model_max_length")
    if not isinstance(length, int) or length > 1_000_000:  # transformers writes 10^30 for "not known"
        length = None
    return {
        "query_length": config.get("query_length") or length,
        "passage_length": config.get("document_length") or length,
    }


def _pooling(path: Path) -> str:
    config = _read(path)
    if config.get("include_prompt") is False:
        raise WrankError(
            f"{path}: include_prompt is false (the prompt's tokens are not pooled), which wrank does not do."
        )
    name = config.get("pooling_mode")
    if name is None:
        on = [key for key, value in config.items() if key.startswith("pooling_mode_") and value]
        ours = LEGACY_POOLING_KEYS.get(on[0]) if len(on) == 1 else None
        name = on
    else:
        ours = POOLING_NAMES.get(name) if isinstance(name, str) else None
    if ours is None:
        raise WrankError(f"{path}: pooling {name}; wrank has {', '.join(POOLING_NAMES)} (one of them).")
    return ours


def _model_settings(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_FILE
    config = _read(path) if path.is_file() else {}
    prompts = config.get("prompts") or {}
    default = prompts.get(config.get("default_prompt_name"))
    passage = next(
        (prompts[name] for name in ("document", "passage", "corpus") if prompts.get(name) is not None), default
    )
    return {
        "similarity": config.get("similarity_fn_name"),
        "dimensions": config.get("truncate_dim"),
        "query_prompt": default if prompts.get("query") is None else prompts["query"],
        "passage_prompt": passage,
    }


def _wrank_settings(folder: Path) -> dict[str, Any]:
    path = folder / WRANK_FILE
    config = _read(path) if path.is_file() else {}
    known = ("temperature", "learn_temperature", "query_length", "passage_length", "dimensions")
    return {name: config[name] for name in known if name in config}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrankError(f"{path} cannot be read ({error.strerror}): the model folder is incomplete.") from error
    except ValueError as error:
        raise WrankError(f"{path} is not JSON: {error}") from error
