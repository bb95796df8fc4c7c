"""The exceptions a user is meant to read."""


class WrankError(Exception):
    """Bad input, or a world that cannot do what was asked.

    The message says what came, what was wanted, where (file and line) and what to do. The command line prints it alone,
    without a traceback, and exits with 2. Raise it before any work is wasted.
    """


class Refused(SystemExit):
    """A WrankError on its way out of a single job: Hydra, which knows it as an exit, adds no line of its own."""

    def __init__(self, error: WrankError) -> None:
        super().__init__(str(error))


class Stopped(Exception):
    """A training that was asked to stop by a signal: what it had is kept, and the same command goes on from there.

    Nothing has failed, so it is no WrankError. The message says how far the training came.
    """


class Pruned(Stopped):
    """A training that a search ended early: no artifact is made of it, and its checkpoint stands.

    Attributes:
        step: the optimizer step at which it ended.
        score: its last dev score.
    """

    def __init__(self, step: int, score: float) -> None:
        super().__init__(
            f"pruned at step {step}, with a dev score of {score:.4f}; the same command without trial=... goes on"
        )
        self.step, self.score = step, score
