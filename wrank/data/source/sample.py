"""The small graded collection that ships with wrank."""

from pathlib import Path

from wrank.data.source.beir import BeirSource


class SampleSource(BeirSource):
    """Reads ``wrank/data/sample``, a BEIR folder inside the package."""

    def __init__(self) -> None:
        super().__init__(str(Path(__file__).resolve().parent.parent / "sample"), name="sample")
