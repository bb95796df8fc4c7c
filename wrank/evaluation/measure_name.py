"""Names of measures, such as ``nDCG@10`` or ``RR(rel=2)@10``: reading them, and which one systems are compared in."""

import difflib
import re
import string
import warnings
from collections.abc import Iterable

import ir_measures
from ir_measures.measures.base import MeanAgg

from wrank.errors import WrankError

_LETTERS = f"{string.ascii_letters}{string.digits}_"
EXAMPLES = "nDCG@10, RR@10, R@100, AP, P@5, RR(rel=2)@10, Unjudged@10"


class Unjudged(ir_measures.Measure):
    """The share of the first passages that nobody judged; `measure.py` computes it."""

    __name__ = "Unjudged"
    NAME = "Unjudged"
    SUPPORTED_PARAMS = {"cutoff": ir_measures.ParamInfo(dtype=int, required=True)}  # noqa: RUF012 - ir_measures' form


def parse_measures(names: Iterable[str]) -> list[ir_measures.Measure]:
    """Measures from their names, in the order given; a measure named twice is kept once.

    Args:
        names: names in the notation of ir_measures, e.g. ``nDCG@10``, ``RR(rel=2)@10``.

    Raises:
        WrankError: no name, a name that cannot be read, or a measure that no installed provider computes.
    """
    if isinstance(names, str):
        raise WrankError(f"measures: a list of names is wanted, got the text {names!r}; write [{names}]")
    parsed = list(dict.fromkeys(_parse(name) for name in names))
    if not parsed:
        raise WrankError(f"measures: at least one is wanted, e.g. {EXAMPLES}")
    return parsed


def _parse(name: str) -> ir_measures.Measure:
    try:
        with warnings.catch_warnings():  # ir_measures 0.4.3 uses names of `ast` that Python 3.12 deprecates
            warnings.simplefilter("ignore", DeprecationWarning)
            measure = _unjudged(name) or ir_measures.parse_measure(str(name).strip())
        known = isinstance(measure, Unjudged) or ir_measures.DefaultPipeline.supports(measure)
    except (ValueError, TypeError, AttributeError, NameError, AssertionError, KeyError) as error:
        near = _near(str(name).strip())
        hint = f"did you mean {near}?" if near else f"examples: {EXAMPLES}"
        raise WrankError(f"measure {name!r} cannot be read ({error}); {hint}") from error
    cutoff = measure.params.get("cutoff")
    if cutoff is not None and cutoff < 1:
        raise WrankError(f"measure {name!r}: the cut-off after @ must be at least 1")
    if not known:
        raise WrankError(
            f"measure {name!r}: no installed package computes it with these settings; examples: {EXAMPLES}"
        )
    return measure


def _near(name: str) -> str | None:
    """The measure that was meant: the same word in other letters, or a like one; None where there is none."""
    rest = name.lstrip(_LETTERS)
    word = name.removesuffix(rest)
    known = {one.lower(): one for one in ("Unjudged", *ir_measures.measures.registry)}
    for near in difflib.get_close_matches(word.lower(), known, 3):
        try:
            return str(_parse(known[near] + rest)) if known[near] != word else None
        except WrankError:  # that measure has no such cut-off, say
            continue
    return None


def _unjudged(name: str) -> ir_measures.Measure | None:
    match = re.fullmatch(r"unjudged@(\d+)", str(name).strip(), re.ASCII | re.IGNORECASE)
    return Unjudged(cutoff=int(match[1])) if match else None


def check_main(name: str) -> None:
    """Refuses a measure that systems cannot be compared in.

    Args:
        name: the main measure of a test set, see `parse_measures`.

    Raises:
        WrankError: a measure that is no mean over queries (``NumRet`` is a sum), or ``Unjudged@k``, of which less is
            better.
    """
    (measure,) = parse_measures([name])
    if isinstance(measure, Unjudged):
        problem = "less of it is better"
    elif not isinstance(measure.aggregator(), MeanAgg):
        problem = "it is no mean over queries"
    else:
        return
    raise WrankError(
        f"the first of evaluation.measures is the one that systems are compared in, and {measure} cannot be: "
        f"{problem}; put another one before it, e.g. nDCG@10"
    )
