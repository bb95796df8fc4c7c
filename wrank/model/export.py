"""Writes a bi-encoder as a folder that sentence-transformers loads, and that ``BiEncoder(path=...)`` restores exactly.

One tower: transformer and tokenizer in the folder itself, ``1_Pooling/``, ``2_Normalize/`` if vectors are normalised.
Two towers: a sentence-transformers Router with the routes ``query`` and ``document``, each with such folders of its own
(``query_0_Transformer/`` and so on). ``wrank.json`` holds the temperature and the lengths once more. A release of
sentence-transformers that knows one length for both roles (6.2 knows two) refuses a folder in which they differ.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers

from wrank.errors import WrankError
from wrank.model.card import model_card
from wrank.model.encoder import Encoder
from wrank.model.layout import CONFIG_FILE, LEGACY_POOLING_KEYS, MODULES_FILE, ROUTER_FILE, TRANSFORMER_FILE, WRANK_FILE
from wrank.model.loading import without_pooling_layer
from wrank.model.lora import plain_model
from wrank.quiet import quiet

if TYPE_CHECKING:
    from wrank.model.bi_encoder import BiEncoder

# the long-standing names: every release of sentence-transformers since 2 finds its classes under them
_TYPE = "sentence_transformers.models."


def save(
    model: "BiEncoder",
    folder: Path,
    *,
    scores: Mapping[str, float] | None = None,
    base: str | None = None,
    facts: Mapping[str, str] | None = None,
    license_id: str | None = None,
) -> None:
    """Write the model.

    The folder appears whole or not at all: it is written beside its place and then renamed. A model that was there is
    replaced; a folder with anything else in it is refused. Two processes must not write the same folder at once.

    Args:
        model: what to write.
        folder: where; its parents are made.
        scores: measure -> value, for the model card's table.
        base: what the model was trained from, for the card; None: the model's source.
        facts: training facts for the card, e.g. ``{"loss": "infonce"}``.
        license_id: licence of the weights, e.g. ``apache-2.0``; None: that of the source, where it is known.

    Raises:
        WrankError: the folder holds something that is not a model.
    """
    folder = Path(os.path.normpath(folder.absolute()))
    _check_place(folder)
    card = model_card(model, name=folder.name, scores=scores, base=base, facts=facts, license_id=license_id)
    with whole(folder) as partial:
        _write(model, partial)
        write_text(partial / "README.md", card)


def _check_place(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MODULES_FILE).is_file():
        raise WrankError(f"{folder} holds files that are not a model: nothing was written. Give a new folder.")
    if folder.exists() and not folder.is_dir():
        raise WrankError(f"{folder} is a file: give a folder for the model.")


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """Yield a folder beside `folder`, and put it in its place when the block has filled it; what was there goes."""
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        _move(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _move(partial: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old-{os.getpid()}")
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _write(model: "BiEncoder", folder: Path) -> None:
    settings = model.settings
    lengths = (settings.query_length, settings.passage_length)
    if model.query_encoder is None:
        modules = _write_tower(model.encoder, folder, folder, "", lengths, settings.normalize)
        _write_json(
            folder / MODULES_FILE,
            [{"idx": at, "name": str(at), "path": path, "type": kind} for at, (path, kind) in enumerate(modules)],
        )
    else:
        _write_json(folder / MODULES_FILE, [{"idx": 0, "name": "0", "path": "", "type": f"{_TYPE}Router"}])
        towers = {"query": model.query_encoder, "document": model.encoder}
        routes = {
            route: _write_tower(
                tower, folder / f"{route}_0_Transformer", folder, f"{route}_", lengths, settings.normalize
            )
            for route, tower in towers.items()
        }
        _write_router(routes, folder / ROUTER_FILE)
    _write_json(
        folder / CONFIG_FILE,
        {
            "model_type": "SentenceTransformer",
            "__version__": {"transformers": transformers.__version__, "pytorch": torch.__version__},
            "prompts": {"query": settings.query_prompt, "document": settings.passage_prompt},
            "default_prompt_name": None,
            "similarity_fn_name": settings.similarity,
            **({} if settings.dimensions is None else {"truncate_dim": settings.dimensions}),
        },
    )
    _write_json(
        folder / WRANK_FILE,
        {
            "query_length": settings.query_length,
            "passage_length": settings.passage_length,
            "temperature": model.temperature,
            "learn_temperature": settings.learn_temperature,
            **({} if settings.dimensions is None else {"dimensions": settings.dimensions}),
        },
    )


def _write_tower(
    tower: Encoder, transformer: Path, folder: Path, prefix: str, lengths: tuple[int, int], normalize: bool
) -> list[tuple[str, str]]:
    """Write one tower; return its modules as (path within the folder, type)."""
    transformer.mkdir(exist_ok=True)
    if tower.tokenizer.is_fast:  # leave out the limits of the last call
        tower.tokenizer.backend_tokenizer.no_truncation()
        tower.tokenizer.backend_tokenizer.no_padding()
    plain, merged = plain_model(tower.transformer)
    with quiet():
        plain.save_pretrained(transformer, **merged)
        tower.tokenizer.save_pretrained(transformer)
    query_length, passage_length = lengths
    by_role = (
        {} if query_length == passage_length else {"query_length": query_length, "document_length": passage_length}
    )
    _write_json(
        transformer / TRANSFORMER_FILE,
        {
            "max_seq_length": max(lengths),
            "do_lower_case": False,
            **by_role,
            # so that BERT's own pooling layer, which is not saved, is not made up with a warning
            "model_args": without_pooling_layer(tower.transformer.config),
        },
    )
    pooling = f"{prefix}1_Pooling"
    (folder / pooling).mkdir()
    _write_json(
        folder / pooling / "config.json",
        # the older form of these keys: every release reads it
        {
            "word_embedding_dimension": tower.dimension,
            **{key: name == tower.pooling for key, name in LEGACY_POOLING_KEYS.items()},
            "include_prompt": True,
        },
    )
    modules = [("" if transformer == folder else transformer.name, f"{_TYPE}Transformer"), (pooling, f"{_TYPE}Pooling")]
    if normalize:
        (folder / f"{prefix}2_Normalize").mkdir()
        _write_json(folder / f"{prefix}2_Normalize" / "config.json", {})
        modules.append((f"{prefix}2_Normalize", f"{_TYPE}Normalize"))
    return modules


def _write_router(routes: Mapping[str, list[tuple[str, str]]], path: Path) -> None:
    _write_json(
        path,
        {
            "types": {name: kind for modules in routes.values() for name, kind in modules},
            "structure": {route: [name for name, _ in modules] for route, modules in routes.items()},
            "parameters": {"default_route": "document", "allow_empty_key": True},
        },
    )


def _write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file as it is on any machine."""
    path.write_text(text, encoding="utf-8", newline="\n")
