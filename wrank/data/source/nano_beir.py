"""NanoBEIR: 13 collections of 50 queries and some thousand passages, cut from BEIR (Zeta Alpha, 2024).

Each is a data set of the Hugging Face hub with the parts ``corpus`` (_id, text), ``queries`` (_id, text) and ``qrels``
(query-id, corpus-id), all Parquet files. A pair in the qrels is relevant; there are no grades, and no titles.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path

from wrank.data.source.hf import HfSource
from wrank.data.source.pull_hub import MAIN, check_commit, fetched_folder, pull_dataset
from wrank.errors import WrankError
from wrank.files import parse_id
from wrank.records import Judgement

SUITE = "nano_beir"
OWNER = "zeta-alpha-ai"
NAMES = (
    *("NanoArguAna", "NanoClimateFEVER", "NanoDBPedia", "NanoFEVER", "NanoFiQA2018", "NanoHotpotQA", "NanoMSMARCO"),
    *("NanoNFCorpus", "NanoNQ", "NanoQuoraRetrieval", "NanoSCIDOCS", "NanoSciFact", "NanoTouche2020"),
)
PATTERNS = ("corpus/*.parquet", "queries/*.parquet", "qrels/*.parquet")


class NanoBeirSource(HfSource):
    """Reads a collection of NanoBEIR that ``wrank data pull nano_beir`` has fetched. Its one split is ``test``.

    The splits of the hub are all called ``train``, which says nothing: they are meant for evaluation.

    Args:
        name: one of `NAMES`.
        folder: where collections are kept (``paths.collections``); this one is in its ``nano_beir/NAME``.
        revision: commit (40 hexadecimal digits) it must have been fetched at; None takes whichever was fetched.

    Attributes:
        fetched: its folder.

    Raises:
        WrankError: an unknown name, not fetched yet, or fetched at another commit.
    """

    def __init__(self, name: str, folder: str, revision: str | None = None) -> None:
        self.fetched = fetched_folder(_place(name, folder), f"{SUITE}/{name}", f"{OWNER}/{name}", PATTERNS)
        check_commit(self.fetched, revision, "the revision")
        corpus, queries, qrels = PATTERNS
        super().__init__(str(self.fetched), corpus, queries, {"test": qrels}, name=name)

    def content(self, part: str, cache: Path | None) -> str:
        """SHA-256 of a part's files; see `Source.content`."""
        return f"nano_beir {super().content(part, cache)}"

    def judgement_rows(self, split: str) -> Iterator[tuple[int, Judgement]]:
        """The pairs of the qrels, each with grade 1."""
        folder, spec = self._find(f"qrels/{split}")
        words = self.columns["qrels"]
        for place, number, record in folder.records(spec):
            query_id = parse_id(record, str(words["query"]), place, number)
            yield number, Judgement(query_id, parse_id(record, str(words["passage"]), place, number), 1.0)


def check_name(name: str) -> str:
    """The name, when it is one of NanoBEIR's.

    Raises:
        WrankError: otherwise; a near one is offered, or all are listed.
    """
    if name not in NAMES:
        lower = {one.lower(): one for one in NAMES}
        near = difflib.get_close_matches(str(name).lower(), lower, 1) or [
            one for one in lower if one.removeprefix("nano") == str(name).lower()
        ]
        hint = f"did you mean {lower[near[0]]!r}?" if near else f"wanted one of {', '.join(NAMES)}"
        raise WrankError(f"{name!r}: no collection of NanoBEIR; {hint}")
    return name


def pull(name: str, folder: Path, revision: str = MAIN, endpoint: str | None = None) -> Path:
    """Fetches a collection of NanoBEIR into ``folder/nano_beir/NAME``; see `pull_dataset`.

    Raises:
        WrankError: an unknown name, or it cannot be fetched.
    """
    return pull_dataset(f"{OWNER}/{check_name(name)}", _place(name, str(folder)), PATTERNS, revision, endpoint)


def _place(name: str, folder: str) -> Path:
    return Path(folder).expanduser() / SUITE / check_name(name)
