"""Pausing jobs beside their spec, so that a GitOps tool does not revert it."""

from kronstream.operations.refused import Refused, Why, gone
from kronstream.ports import Change, Requests
from kronstream.resources.instant import render

BY, REASON = 255, 1024


class Pausing:
    """Nothing of a paused time fires later. Safe to repeat."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    async def pause(self, uid: str, by: str, reason: str = "", until: int | None = None) -> bool:
        """Pause a job, until it is resumed or until an instant (milliseconds); False when it was so already.

        Raises Refused.
        """
        (answer,) = await self._requests.pause([uid], by[:BY] or "unknown", reason[:REASON], until)
        if answer is Change.GONE:
            raise gone(f"job {uid}")
        if answer is Change.PAST and until is not None:
            raise Refused(Why.INVALID, f"until: {render(until)} has passed; write an instant that lies ahead")
        return answer is Change.OK

    async def resume(self, uid: str) -> bool:
        """End a job's pause; False when there was none. Raises Refused."""
        (answer,) = await self._requests.resume([uid])
        if answer is Change.GONE:
            raise gone(f"job {uid}")
        return answer is Change.OK
