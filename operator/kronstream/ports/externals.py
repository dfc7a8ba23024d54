"""Attempts whose work goes on elsewhere: begun by a worker, ended by whoever has the work's token.

The work is a workflow, an agent, an HTTP service that answered 202, a batch/v1 Job. Its token cannot be guessed; it
stays the same as long as the attempt does, whichever worker looks after it.
"""

from dataclasses import dataclass
from typing import Protocol

from kronstream.domain.run import Reason
from kronstream.ports.runqueue import Claim, Failure


@dataclass(frozen=True, slots=True)
class Completion:
    """How work elsewhere ended: with a result (JSON text), or with a reason and a failure.

    ``codes`` are what ``retry.onlyOn`` and ``retry.notOn`` may name; ``permanent`` rules out another attempt, ``wait``
    is when it is worth one, in milliseconds.
    """

    result: str | None = None
    reason: Reason | None = None
    failure: Failure | None = None
    codes: tuple[str, ...] = ()
    permanent: bool = False
    wait: int | None = None
    output: str = ""


class Externals(Protocol):
    """Every call may be repeated after a lost reply."""

    async def attach(self, claim: Claim) -> str | None:
        """The token of this attempt's work elsewhere, made and kept before anything is started there, so that a worker
        who takes the attempt over goes on with it. None when the claim is no longer current."""
        ...

    async def park(self, claim: Claim, timeout: int) -> bool:
        """Leave an attached attempt to its work elsewhere: no worker holds it any more, and it times out after so many
        milliseconds. False when the claim is no longer current, or the work is over already."""
        ...

    async def complete(self, run: str, token: str, completion: Completion) -> bool:
        """End the attempt that this token belongs to; False when it is over, or another's."""
        ...

    async def progress(self, run: str, token: str, progress: str) -> bool:
        """Note how far a run is (JSON text); the token is the attempt's or that of its work elsewhere. False when
        it is not current."""
        ...
