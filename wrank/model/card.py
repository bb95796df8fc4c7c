"""The model card (README.md) of an exported model."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wrank.model.bi_encoder import BiEncoder
    from wrank.model.cross_encoder import CrossEncoder

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
# what a bundled model is called on the hub
_BUNDLED_IDS = {
    "bundled:minilm": "sentence-transformers/all-MiniLM-L6-v2",
    "bundled:smollm2": "HuggingFaceTB/SmolLM2-135M-Instruct",
}
_CROSS_USAGE = """## Use

```python
from sentence_transformers import CrossEncoder

model = CrossEncoder("path/of/this/folder")
print(model.predict([("how do rerankers work", "A reranker reads query and passage together.")]))
```

```bash
wrank evaluate evaluation/reranker=cross_encoder evaluation.reranker.scorer.model=path/of/this/folder
```"""


def model_card(
    model: "BiEncoder",
    *,
    name: str,
    scores: Mapping[str, float] | None = None,
    base: str | None = None,
    facts: Mapping[str, str] | None = None,
    license_id: str | None = None,
) -> str:
    """Write the card: what the model is, how it was trained, what it scored, how to load it.

    Args:
        model: the model.
        name: title of the card.
        scores: measure -> value.
        base: what the model was trained from; None: the model's source. Of a folder only its name is written: no path
            of this machine is published.
        facts: training facts, one table row each.
        license_id: licence of the weights; None: that of the source, where it is known.

    Returns:
        Markdown with a YAML head, as the hub reads it.
    """
    base = _public_name(base or model.source)
    license_id = license_id or model.license_id
    sections = [
        _head(base, license_id),
        *_title(name, "dense retriever", base, license_id),
        _table("How it embeds", ("setting", "value"), _settings(model)),
        *_results(scores, facts),
        _usage(model),
    ]
    return "\n\n".join(sections) + "\n"


def cross_card(
    model: "CrossEncoder",
    *,
    name: str,
    scores: Mapping[str, float] | None = None,
    base: str | None = None,
    facts: Mapping[str, str] | None = None,
    license_id: str | None = None,
) -> str:
    """Write the card of a cross-encoder; arguments as for `model_card`."""
    base = _public_name(base or model.source)
    license_id = license_id or model.license_id
    settings = {
        "score": "the logit of the one label, no activation",
        "length": f"{model.max_length} tokens of query and passage together, the longer text cut first",
    }
    sections = [
        _head(base, license_id, ("cross-encoder", "reranker"), "text-ranking"),
        *_title(name, "cross-encoder", base, license_id),
        _table("How it scores", ("setting", "value"), settings),
        *_results(scores, facts),
        _CROSS_USAGE,
    ]
    return "\n\n".join(sections) + "\n"


def _title(name: str, kind: str, base: str, license_id: str | None) -> list[str]:
    licence = (
        f" Licence of the weights: {license_id}." if license_id else " Its licence is that of the model it comes from."
    )
    return [f"# {name}", f"A {kind} made with wrank from `{base}`.{licence}"]


def _results(scores: Mapping[str, float] | None, facts: Mapping[str, str] | None) -> list[str]:
    sections = []
    if facts:
        sections.append(_table("Training", ("fact", "value"), facts))
    if scores:
        sections.append(_table("Scores", ("measure", "value"), {key: f"{value:.4f}" for key, value in scores.items()}))
    return sections


def license_of(folder: Path) -> str | None:
    """Licence that a model folder's README.md names in its YAML head, or None."""
    path = folder / "README.md"
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    head = text.split("\n---", maxsplit=1)[0] if text.startswith("---") else ""
    found = re.search(r"^license:[ \t]*([\w.-]+)[ \t]*$", head, flags=re.MULTILINE)
    return found.group(1) if found else None


def _public_name(base: str) -> str:
    if base in _BUNDLED_IDS:
        return _BUNDLED_IDS[base]
    if base.startswith("random:") or (_HUB_ID.fullmatch(base) and not Path(base).exists()):
        return base
    return Path(base).name


def _head(
    base: str,
    license_id: str | None,
    tags: tuple[str, ...] = ("dense-retrieval",),
    pipeline: str = "sentence-similarity",
) -> str:
    lines = ["---", "library_name: sentence-transformers", f"pipeline_tag: {pipeline}"]
    if license_id:
        lines.append(f"license: {license_id}")
    if _HUB_ID.fullmatch(base):
        lines.append(f"base_model: {base}")
    named = [f"- {tag}" for tag in ("sentence-transformers", *tags, "wrank")]
    return "\n".join([*lines, "tags:", *named, "---"])


def _settings(model: "BiEncoder") -> dict[str, str]:
    settings = model.settings
    return {
        "embedding size": str(model.dimension),
        "pooling": settings.pooling,
        "similarity": settings.similarity + (" (vectors of length 1)" if settings.normalize else ""),
        "query prompt": f"`{settings.query_prompt}`" if settings.query_prompt else "none",
        "passage prompt": f"`{settings.passage_prompt}`" if settings.passage_prompt else "none",
        "query length": f"{settings.query_length} tokens",
        "passage length": f"{settings.passage_length} tokens",
        "towers": "one" if model.shared else "two: a Router with the routes query and document",
        "temperature": f"{model.temperature:.6g}" + (" (learned)" if settings.learn_temperature else ""),
    }


def _table(title: str, head: tuple[str, str], rows: Mapping[str, str]) -> str:
    lines = [f"## {title}", "", f"| {head[0]} | {head[1]} |", "| --- | --- |"]
    return "\n".join(lines + [f"| {_cell(key)} | {_cell(value)} |" for key, value in rows.items()])


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _usage(model: "BiEncoder") -> str:
    cut = "" if model.settings.dimensions is None else f", truncate_dim={model.settings.dimensions}"
    note = "\n".join(
        [
            "",
            "`encode_query` and `encode_document` put the prompts before the texts"
            + ("." if model.shared else " and choose the tower; plain `encode` takes the document tower."),
        ]
    )
    return "\n".join(
        [
            "## Use",
            "",
            "```python",
            "from sentence_transformers import SentenceTransformer",
            "",
            f'model = SentenceTransformer("path/of/this/folder"{cut})',
            'queries = model.encode_query(["how do dense retrievers work"])',
            'passages = model.encode_document(["A dense retriever compares vectors."])',
            "print(model.similarity(queries, passages))",
            "```",
            note,
            "",
            "```bash",
            "wrank evaluate model=path model.path=path/of/this/folder",
            "```",
        ]
    )
