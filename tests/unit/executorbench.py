"""An executor with its children, without a worker around it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from kronstream.ports import Claim, Outcome
from kronstream.worker.children import Children
from kronstream.worker.executor import Executor
from kronstream.worker.registry import Registry
from kronstream.worker.slate import Slate
from unit.fakequeue import claim

HOSTILE = str(Path(__file__).parent.parent / "hostile_handlers.py")


class Bench:
    """An executor with its children, and what it reported."""

    def __init__(self, registry: Registry, handlers: str = HOSTILE, **options: Any) -> None:
        self.registry = registry
        self.slate = Slate(100)
        self.children = Children({"handlers": [handlers], "log_format": "text", "log_level": "info"})
        self.executor = Executor(registry, self.children, self.slate, self._done, cancel_grace=0.1, **options)
        self.reports: dict[str, asyncio.Future[Outcome | None]] = {}
        self._slots = iter(range(100))

    def _done(self, claim: Claim, outcome: Outcome | None) -> None:
        self.reports[claim.token].set_result(outcome)

    def start(self, claim: Claim) -> asyncio.Future[Outcome | None]:
        function = self.registry.get(claim.work.function)
        assert function is not None
        slot = next(self._slots)
        self.slate.put(slot, claim)
        self.reports[claim.token] = asyncio.get_running_loop().create_future()
        self.executor.start(claim, slot, function)
        return self.reports[claim.token]

    async def outcome(self, name: str, payload: Any = None, **fields: Any) -> Outcome:
        async with asyncio.timeout(30):
            result = await self.start(claim(name, payload, **fields))
        assert result is not None
        return result
