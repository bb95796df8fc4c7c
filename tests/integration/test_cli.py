"""The command line itself, whatever the verb."""

import pytest


@pytest.mark.parametrize("words", [("data", "describe", "data=sample"), ("--help",), ("data", "--help"), ("status",)])
def test_a_reader_that_leaves_ends_nothing_loudly(wrank, words):
    """As ``| head`` does; what is left to write goes nowhere."""
    with wrank.start(*words) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, "")
