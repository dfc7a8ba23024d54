"""How many writes the API server is asked to take."""


class Budget:
    """Tokens: ``sustained`` a second, saved up to ``burst``, spent at no more than ``peak`` a second.

    Sustained writes fill etcd's quota with old revisions; a burst is what a first start or a mass edit needs.
    """

    def __init__(self, sustained: float, peak: float, burst: float, now: float) -> None:
        self._sustained = sustained
        self._peak = peak
        self._burst = burst
        self._saved = burst
        self._flow = peak / 10
        self._at = now

    def take(self, wanted: int, now: float) -> int:
        """Up to ``wanted`` tokens at monotonic second ``now``; how many there were."""
        elapsed = max(now - self._at, 0.0)
        self._at = now
        self._saved = min(self._saved + elapsed * self._sustained, self._burst)
        self._flow = min(self._flow + elapsed * self._peak, self._peak / 10)
        granted = int(min(wanted, self._saved, self._flow))
        self._saved -= granted
        self._flow -= granted
        return granted
