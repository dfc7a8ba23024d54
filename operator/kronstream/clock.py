"""The store's clock, as measured: every instant that decides something is the store's, never this machine's."""

import time

WEIGHT = 8


class StoreClock:
    """Follows the store's clock from heartbeats; runs on the monotonic clock between them and while it is away.

    A replica whose own clock is wrong, or jumps, ticks right all the same.
    """

    def __init__(self) -> None:
        self._offset: float = time.time() * 1000 - time.monotonic() * 1000
        self._best = float("inf")

    def now(self) -> int:
        """Milliseconds since the epoch, by the store's clock."""
        return int(time.monotonic() * 1000 + self._offset)

    def observe(self, sent: float, received: float, micros: int) -> None:
        """A heartbeat: monotonic seconds when it was sent and answered, and the store's clock (microseconds) between.

        A quick answer tells more than a slow one; what was known of the offset loses weight as it ages.
        """
        trip = max((received - sent) * 1000, 0.001)
        offset = micros / 1000 - (sent + received) / 2 * 1000
        if trip <= self._best or abs(offset - self._offset) > trip + self._best:
            self._offset, self._best = offset, trip
        else:
            self._offset += (offset - self._offset) / WEIGHT
        self._best *= 1.02
