"""The webhook's metrics; labels are bounded by the kinds that are ours and three verdicts."""

from prometheus_client import CollectorRegistry, Counter, Histogram

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Measures:
    """Counters of one replica."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reviews = Counter(
            "kronstream_admission_reviews", "Objects judged, by kind and verdict", ["kind", "verdict"],
            registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "kronstream_admission_seconds", "From a review's coming to its answer", buckets=BUCKETS, registry=registry
        )

    def judged(self, kind: str, verdict: str, seconds: float) -> None:
        """An object was judged."""
        self._reviews.labels(kind, verdict).inc()
        self._seconds.observe(seconds)
