"""Handler types whose work whoever reads a stream does: an agent, a workflow engine."""

from __future__ import annotations

import time
from typing import NoReturn

from kronstream.domain.work import Work
from kronstream.ports import Claim, Externals, Recall, Wires
from kronstream.worker.context import Run
from kronstream.worker.elsewhere.order import cancellation, order
from kronstream.worker.rulings import Fault, Parked

MOST = 1_000_000  # orders that wait in a stream; more are refused


class StreamType:
    """Writes an order into a stream and parks the attempt: a reply ends it, a callback, a cancel or its timeout."""

    def __init__(self, kind: str, stream: str, reply: str, externals: Externals, wires: Wires) -> None:
        self.name = f"@{kind}"
        self._kind = kind
        self._stream = stream
        self._reply = reply
        self._externals = externals
        self._wires = wires

    async def execute(self, claim: Claim, run: Run) -> NoReturn:
        """See HandlerType; also for an attempt that another worker began: its order may never have been written."""
        del run
        token = await self._externals.attach(claim)
        if token is None:
            raise Parked  # it is over, or another's
        fields = order(self._kind, claim, token, self._reply, int(time.time() * 1000))
        if not await self._wires.publish(self._stream, fields, MOST):
            raise Fault(
                "StreamFull",
                f"the stream {self._stream} has {MOST} entries that nobody has read; is its reader running?",
                codes=("stream_full",),
            )
        await self._externals.park(claim, claim.work.timeout)
        raise Parked

    async def recall(self, recall: Recall, work: Work) -> None:
        """See HandlerType."""
        del work
        await self._wires.publish(self._stream, cancellation(recall), MOST)

    async def close(self) -> None:
        """See HandlerType."""
