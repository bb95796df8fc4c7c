"""Tables for people about what a language model wrote: counts, findings, estimates."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from wrank.generator.estimate import Estimate
from wrank.store import Artifact
from wrank.tracking.table import out

AUDIT = "audit.json"
PAGE = "audit.html"
_COUNTS = {
    "given_up": "requests given up after all attempts",
    "incomplete_texts": "texts of incomplete items (in rejects.jsonl)",
    "passages_written": "passages written",
    "passages_real": "real passages beside them",
    "queries": "queries",
    "judgements": "judgements",
}


def print_generation(artifact: Artifact) -> None:
    """What was written, what was refused and why, what the audit found, and the folder."""
    console, result = out(), artifact.manifest["result"]
    outcome: Mapping[str, Any] = result["outcome"]
    table = Table(title=f"generation {artifact.manifest['name']}")
    table.add_column("")
    table.add_column("", justify="right")
    complete, items = outcome["items_complete"], outcome["items"]
    table.add_row("complete", f"{complete:,} of {items:,} ({complete / max(items, 1):.0%})")
    table.add_row("replies", f"{outcome['replies']:,}")
    for reason, count in outcome["rejected"].items():
        table.add_row(f"  refused: {reason}", f"{count:,}")
    for word, words in _COUNTS.items():
        if count := result["collection"].get(word, 0):
            table.add_row(words, f"{count:,}")
    table.add_row("tokens read / written", f"{outcome['prompt_tokens']:,} / {outcome['output_tokens']:,}")
    if outcome["tokens_per_second"]:
        table.add_row("tokens written a second", f"{outcome['tokens_per_second']:,.0f}")
    table.add_row("seconds", f"{artifact.manifest['seconds']:,.0f}")
    console.print(table)
    print_audit(artifact.path)


def print_audit(folder: Path) -> None:
    """The findings of an audit, and where its page is."""
    console = out()
    audit = json.loads((folder / AUDIT).read_text(encoding="utf-8"))
    for finding in audit["findings"]:
        advice = f" {finding['advice']}" if finding["advice"] and finding["severity"] != "good" else ""
        text = f"{finding['text']}{advice}".replace(" below", " on the page")
        console.print(f"{finding['severity']:>8}  {text}", markup=False, soft_wrap=True)
    console.print(str(folder / PAGE), soft_wrap=True, markup=False)


def print_estimate(estimate: Estimate, name: str) -> None:
    """What a generation would take, from a probe."""
    table = Table(title=f"estimate: {name}")
    table.add_column("")
    table.add_column("", justify="right")
    table.add_row("for so many items (probed)", f"{estimate.items:,} ({estimate.probed})")
    for words, span, unit, digits in (
        ("requests, with those asked again", estimate.requests, 1, 0),
        ("tokens read", estimate.prompt_tokens, 1, 0),
        ("tokens written", estimate.output_tokens, 1, 0),
        ("hours", estimate.hours, 1, 2),
        ("disk, GB", estimate.disk_bytes, 1e9, 3),
    ):
        mean, low, high = (f"{value / unit:,.{digits}f}" for value in (span.mean, span.low, span.high))
        table.add_row(words, f"{mean} ({low} .. {high})")
    table.add_row("tokens written a second in the probe", f"{estimate.tokens_per_second:,.0f}")
    table.add_row("complete in the probe", f"{estimate.complete:.0%}")
    memory = estimate.gpu_memory_bytes
    on_cpu = estimate.engine.get("device") == "cpu"
    unknown = "none (it runs on the processor)" if on_cpu else "not told by the engine"
    table.add_row("GPU memory, GB", f"{memory / 1e9:,.1f}" if memory else unknown)
    out().print(table)
