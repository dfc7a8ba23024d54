"""An attempt whose work is an object of the cluster: noted before it is made, and telling how far it is."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kronstream.ports import Claim, Externals, bounds
from kronstream.worker.backoff import Backoff
from kronstream.worker.rulings import Fault

Client = TypeVar("Client")

log = logging.getLogger(__name__)


class Elsewhere:
    """The attempt's place in the store."""

    def __init__(self, externals: Externals, claim: Claim, token: str) -> None:
        self._externals = externals
        self._claim = claim
        self._token = token
        self._told = ""

    @classmethod
    async def attach(cls, externals: Externals, claim: Claim) -> Elsewhere:
        """From now on another worker goes on with this attempt when this one dies. Raises Fault when it is over."""
        backoff = Backoff("note that a run's work goes on elsewhere")
        while True:
            try:
                token = await externals.attach(claim)
                break
            except Exception as error:  # noqa: BLE001 - whatever the store says, it is asked again
                await asyncio.sleep(backoff.failed(error))
        if token is None:
            # nobody takes this outcome: the claim's token is not current
            raise Fault("Lost", "the run is no longer this worker's")
        return cls(externals, claim, token)

    async def progress(self, text: str) -> None:
        """Tell how far the work is, once for each text; a store that is away is not told."""
        if text == self._told:
            return
        try:
            told = json.dumps({"message": bounds.head(text, bounds.MESSAGE)}, ensure_ascii=False)
            await self._externals.progress(self._claim.run, self._token, told)
            self._told = text
        except Exception as error:  # noqa: BLE001 - it is for those who look
            log.debug("no progress told: %s", error)


async def connected(connect: Callable[[], Awaitable[Client]]) -> Client:
    """A client of the cluster. Raises Fault where there is none to be found."""
    try:
        return await connect()
    except Exception as error:  # noqa: BLE001 - the configuration may be wrong in every way
        message = (
            f"this worker finds no cluster to make objects in ({type(error).__name__}: {error}); "
            "in the chart, `rights` of its pool give it a token"
        )
        raise Fault("NoCluster", message, codes=("NoCluster",)) from None
