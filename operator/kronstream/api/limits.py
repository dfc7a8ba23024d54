"""How many requests a caller may make, over all replicas."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from limits import RateLimitItemPerMinute
from limits.aio.strategies import RateLimiter

from kronstream.api.problem import Problem
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Requests for which the store is asked at a time, of a caller who makes so many: it need not be asked for each."""
PAUSE = 1.0
PATIENCE = 0.25
"""Seconds that a request waits for the store's word."""
MOST = 10_000
USED_WITHIN = 2.0


class CallerLimit:
    """So many requests a minute for each caller. While the store is away nobody is held back."""

    def __init__(self, limiter: RateLimiter, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limiter = limiter
        self._item = RateLimitItemPerMinute(rate)
        self._most = max(1, min(AT_ONCE, rate // 100))
        self._clock = clock
        self._left: OrderedDict[str, tuple[int, int, float]] = OrderedDict()
        self._asking: dict[str, asyncio.Event] = {}
        self._away_until = 0.0
        self._trouble = Trouble(log, "callers are not held back: their requests cannot be counted")

    async def count(self, caller: str) -> None:
        """One request. Raises Problem 429."""
        while not self._covered(caller):
            asking = self._asking.get(caller)
            if asking is None:
                self._asking[caller] = asked = asyncio.Event()
                try:
                    await self._ask(caller, self._clock())
                    return
                finally:
                    del self._asking[caller]
                    asked.set()
            # another request of the same caller asks, for this one, too
            await asking.wait()

    def _covered(self, caller: str) -> bool:
        """Whether the store was asked for this request with an earlier one, or need not be asked."""
        now = self._clock()
        left, chunk, until = self._left.get(caller, (0, 0, 0.0))
        if left > 0 and now < until:
            self._left[caller] = left - 1, chunk, until
            return True
        return now < self._away_until

    async def _ask(self, caller: str, now: float) -> None:
        _, chunk, until = self._left.pop(caller, (0, 0, 0.0))
        # who used up what was asked for is asked for with more, so that who comes seldom is charged for nothing else
        chunk = max(1, min(4 * chunk, self._most)) if now < until else 1
        try:
            async with asyncio.timeout(PATIENCE):
                allowed = await self._limiter.hit(self._item, caller, cost=chunk)
                window = None if allowed else await self._limiter.get_window_stats(self._item, caller)
        except Exception as error:  # noqa: BLE001 - whatever the counter's library raises, requests go on
            self._away_until = now + PAUSE
            self._trouble.tell(error)
            return
        if window is None:
            self._left[caller] = chunk - 1, chunk, now + USED_WITHIN
            while len(self._left) > MOST:
                self._left.popitem(last=False)
            return
        wait = max(1, min(60, round(window.reset_time - time.time())))
        raise Problem(
            429, f"{self._item.amount} requests a minute are allowed; wait {wait} s", headers={"Retry-After": str(wait)}
        )
