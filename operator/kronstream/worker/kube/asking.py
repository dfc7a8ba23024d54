"""Asking the API server for as long as it takes: it is away, it is being started, or it refuses for good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from kronstream.cluster import refusal
from kronstream.cluster.api import ApiError
from kronstream.worker.backoff import Backoff
from kronstream.worker.rulings import Fault

DOUBT = 10.0  # seconds: an API server that starts refuses everybody until it has read its RBAC
CONFLICT = 409

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Asking:
    """Requests about one object: `what` it is; `right` tells who needs which right where one is lacking."""

    what: str
    right: str

    async def ask(self, question: Callable[[], Awaitable[Answer]], *, conflicts: bool = False) -> Answer:
        """The answer, however long it takes. Raises Fault for a refusal; with `conflicts` ApiError for a 409."""
        backoff = Backoff(f"reach the API server about {self.what}")
        began = time.monotonic()
        while True:
            try:
                return await question()
            except ApiError as error:
                if conflicts and error.status == CONFLICT:
                    raise
                doubtful = refusal.lacks_right(error) and time.monotonic() - began < DOUBT
                if not doubtful and not refusal.away(error):
                    raise self._fault(error) from None
                await asyncio.sleep(backoff.failed(error))
            except (OSError, TimeoutError) as error:
                await asyncio.sleep(backoff.failed(error))

    def _fault(self, error: ApiError) -> Fault:
        said = f"the API server refuses {self.what}: {error}"
        if refusal.beyond_quota(error):
            return Fault("QuotaExceeded", said, codes=("QuotaExceeded",))
        if refusal.lacks_right(error):
            return Fault("Forbidden", f"{said}; {self.right}" if self.right else said, codes=("Forbidden",))
        faulty = refusal.faulty(error)
        kind = "Invalid" if faulty else "Refused"
        return Fault(kind, said, codes=(kind,), permanent=faulty)
