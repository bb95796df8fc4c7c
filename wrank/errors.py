"""The one exception a user is meant to read."""


class WrankError(Exception):
    """Bad input, or a world that cannot do what was asked.

    The message says what came, what was wanted, where (file and line) and what to do. The command line prints it alone,
    without a traceback, and exits with 2. Raise it before any work is wasted.
    """


class Refused(SystemExit):
    """A WrankError on its way out of a single job: Hydra, which knows it as an exit, adds no line of its own."""

    def __init__(self, error: WrankError) -> None:
        super().__init__(str(error))
