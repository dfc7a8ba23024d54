"""Says of EventHandlers that nobody listens, while no router lives: they would go on to say that they are ready."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from kronstream.clock import StoreClock
from kronstream.cluster.api import ApiError
from kronstream.cluster.eventhandlers import EventHandlers
from kronstream.controller.looking import look_every
from kronstream.controller.replicas import Replicas
from kronstream.ports import Effects
from kronstream.resources.condition import conditions
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

LOOK = 2.0
PATIENCE = 10.0  # seconds: a rollout is no news
REASON = "NoRouter"
MESSAGE = "no router runs, so events wait in their streams: look at the container `router` of the operator's Pods"


class Deafness:
    """Writes the conditions of this replica's share of handlers; the first router that lives writes them anew.

    ``scope`` are the namespaces of this operator, joined by commas ('' for all).
    """

    def __init__(
        self, effects: Effects, handlers: EventHandlers, replicas: Replicas, clock: StoreClock, scope: str
    ) -> None:
        self._effects = effects
        self._handlers = handlers
        self._replicas = replicas
        self._clock = clock
        self._scopes = {"", scope}
        self._heard = time.monotonic()

    async def run(self) -> None:
        """Look until cancelled; an API server that is away is asked again."""
        trouble = Trouble(log, "looking for routers failed, tried again")
        await look_every(LOOK, self._replicas.open, self.look, trouble)

    async def look(self) -> None:
        """One look. Raises what redis-py raises, ApiError and OSError."""
        live = await self._effects.routers()
        if any(name.partition("|")[0] in self._scopes for name in live):
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard >= PATIENCE:
            await self._tell()

    async def _tell(self) -> None:
        for handler in await self._handlers.list_whole():
            meta = handler["metadata"]
            status = deaf(handler, self._clock.now())
            if status is None or not self._replicas.owns(meta["uid"]):
                continue
            try:
                await self._handlers.write_status(meta["namespace"], meta["name"], meta["uid"], status)
            except ApiError as error:
                # 404: deleted meanwhile; 422: a router has come back and was faster
                if error.status not in (404, 422):
                    raise
            await asyncio.sleep(0)  # what is due goes first


def deaf(handler: Mapping[str, Any], now: int) -> dict[str, Any] | None:
    """The status of a handler that nobody listens for; None where it says so, or says that its spec cannot be used.

    ``now`` is in milliseconds. Its sequence number stays: what a router writes next is newer.
    """
    status = dict(handler.get("status") or {})
    known = {condition.get("type"): condition for condition in status.get("conditions") or ()}
    if known.get("Stalled", {}).get("status") == "True" or known.get("Ready", {}).get("reason") == REASON:
        return None
    ours = [(kind, "False", REASON, MESSAGE) for kind in ("Ready", "Listening")]
    generation = handler["metadata"].get("generation", 1)
    return {**status, "conditions": conditions(ours, known.values(), generation, now)}
