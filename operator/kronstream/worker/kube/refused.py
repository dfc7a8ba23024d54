"""What the API server's refusal to make an object means for an attempt."""

from __future__ import annotations

from kronstream.cluster import refusal
from kronstream.cluster.api import ApiError
from kronstream.worker.rulings import Fault


def fault(error: ApiError, what: str, right: str) -> Fault:
    """The failure of an attempt whose object, `what` it is, could not be made; `right` is who needs which right."""
    said = f"the API server refuses {what}: {error}"
    if refusal.beyond_quota(error):
        return Fault("QuotaExceeded", said, codes=("QuotaExceeded",))
    if refusal.lacks_right(error):
        return Fault("Forbidden", f"{said}; {right}", codes=("Forbidden",))
    kind = "Invalid" if refusal.faulty(error) else "Refused"
    return Fault(kind, said, codes=(kind,), permanent=refusal.faulty(error))
