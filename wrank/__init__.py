"""wrank: list-wise training of dense retrievers on documents at several levels of relevance."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("wrank")
except PackageNotFoundError:  # running from a folder that was never installed
    __version__ = "0.0.0"
