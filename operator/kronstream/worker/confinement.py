"""Whose runs a worker executes: of all namespaces, or of some."""

from __future__ import annotations

from collections.abc import Collection

from kronstream.domain.naming import some
from kronstream.domain.run import Reason
from kronstream.ports import Failure
from kronstream.worker.outcome import Ended

KIND = "NamespaceNotServed"
NAMED = 20


def refusal(serves: Collection[str], namespace: str, queue: str) -> Ended | None:
    """The end of an attempt at a run of a namespace that the worker does not serve; None for one that it serves.

    A worker that names no namespaces serves all. No further attempt is made: another worker of the queue is, as a rule,
    of the same pool, and who wrote the job chose the queue.
    """
    if not serves or namespace in serves:
        return None
    names = some(sorted(serves), NAMED)
    message = (
        f"the workers of the queue {queue!r} execute runs of {names} alone, not of {namespace}; write another "
        f"spec.queue, one whose workers serve {namespace}"
    )
    return Ended(None, Reason.PERMANENT, Failure(KIND, message), codes=(KIND,))
