"""What log lines about an attempt carry as fields of their own."""

from __future__ import annotations

from kronstream.domain.trace import trace_id
from kronstream.ports import Claim


def marks(claim: Claim) -> dict[str, str | int]:
    """Run, job, attempt and trace of a claim."""
    work = claim.work
    return {
        "run": claim.run,
        "job": f"{work.namespace}/{work.name}",
        "attempt": claim.attempt,
        "trace_id": trace_id(claim.run, claim.trace),
    }
