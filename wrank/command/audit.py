"""Says whether graded data is any good: balance, duplicates, leaks, contamination, an independent judge.

Audits a generation (``generation=KEY_OR_PATH``) or the training split of a collection (``data=...``). The artifact's
folder holds ``audit.html`` (a page to look at), ``audit.json`` and the manifest. Thresholds (``audit=strict``, or keys
of ``audit``) that are crossed end the command with exit code 2.
"""

from typing import Any

from wrank.command.job import job
from wrank.stage.audit import audit_artifact, find_generation, refuse_failures
from wrank.stage.context import Context
from wrank.tracking.generation import print_audit


@job
def main(context: Context) -> dict[str, Any]:
    """One job of ``wrank audit``."""
    wanted = context.cfg.generation
    artifact = audit_artifact(context, None if wanted is None else find_generation(context, str(wanted)))
    print_audit(artifact.path)
    refuse_failures(context, artifact)
    return {"audit": str(artifact.path)}
