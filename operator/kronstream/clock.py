"""The store's clock, as measured: every instant that decides something is the store's, never this machine's."""

import time

WEIGHT = 8
SKEW = 1_000  # milliseconds by which a clock may be off before it is told


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

    def skew(self) -> int:
        """How far this machine's clock is ahead of the store's, in milliseconds; negative when it is behind."""
        return int(time.time() * 1000 - time.monotonic() * 1000 - self._offset)

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


class DateClock:
    """How far this machine's clock is from that of a server whose answers carry a date, which tells whole seconds."""

    def __init__(self) -> None:
        self._low, self._high = float("-inf"), float("inf")

    def observe(self, sent: float, received: float, date: float) -> None:
        """An answer: when it was asked for and came, by this machine's clock, and its date; seconds since the epoch.

        Each tells bounds, and many narrow ones; those that contradict what was known tell that a clock was set.
        """
        low, high = (sent - date - 1) * 1000, (received - date) * 1000
        if low > self._high or high < self._low:
            self._low, self._high = low, high
        else:
            self._low, self._high = max(low, self._low), min(high, self._high)

    def skew(self) -> int:
        """How far this machine's clock is ahead at least, in milliseconds; negative when it is behind; 0: unknown."""
        return int(self._low if self._low > 0 else min(self._high, 0)) if self._low > float("-inf") else 0


def told(store: int, server: int) -> str:
    """What is said of clocks that are off: how far ours is ahead of Redis's, of the API server's. '' of good ones."""
    off = [
        f"{abs(skew) / 1000:.1f} s {'ahead of' if skew > 0 else 'behind'} {whose}"
        for skew, whose in ((store, "Redis's"), (server, "the API server's"))
        if abs(skew) > SKEW
    ]
    return f"this machine's clock is {' and '.join(off)}: set it by NTP" if off else ""
