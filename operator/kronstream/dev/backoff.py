"""How long a part that ended stays down: as a Deployment does it, in shorter steps."""

FIRST = 1.0  # seconds
LONGEST = 30.0
HEALTHY = 60.0


class Backoff:
    """Doubles from 1 s to 30 s while a part keeps ending, and starts over when it ran for a minute."""

    def __init__(self) -> None:
        self._next = FIRST

    def after(self, ran_for: float) -> float:
        """Seconds to wait before the next start, given for how many it ran this time."""
        if ran_for >= HEALTHY:
            self._next = FIRST
        delay, self._next = self._next, min(self._next * 2, LONGEST)
        return delay
