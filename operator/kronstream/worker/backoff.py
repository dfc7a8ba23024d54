"""Waiting longer and longer while the store does not answer, and saying so once in a while."""

from __future__ import annotations

import logging
import random
import time

from kronstream.logs import masked

FIRST = 0.1
LONGEST = 5.0
SAID_EVERY = 30.0

log = logging.getLogger(__name__)


class Backoff:
    """Seconds to wait after each failure of one thing; `what` completes "cannot …"."""

    def __init__(self, what: str, first: float = FIRST, longest: float = LONGEST) -> None:
        self._what = what
        self._first = first
        self._longest = longest
        self._failures = 0
        self._since = 0.0
        self._said = 0.0

    @property
    def failing(self) -> bool:
        """Whether the last try failed."""
        return self._failures > 0

    def failed(self, error: BaseException) -> float:
        """Note a failure; answers the seconds to wait, with jitter. Logs the first, then one every 30 s."""
        now = time.monotonic()
        if not self._failures:
            self._since = now
        if not self._failures or now - self._said >= SAID_EVERY:
            self._said = now
            log.warning(
                "cannot %s (%s: %s); trying again until it works",
                self._what, type(error).__name__, masked(str(error))[:500],
            )  # fmt: skip
        delay = min(self._first * 2.0 ** min(self._failures, 16), self._longest)
        self._failures += 1
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads, does not hide

    def worked(self) -> None:
        """Note a success; logs the end of a time of failures."""
        if self._failures:
            log.info("can %s again, after %.1f s", self._what, time.monotonic() - self._since)
            self._failures = 0
