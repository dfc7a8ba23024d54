"""The API's metrics; labels are the templates of paths, never the paths themselves."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class Measures:
    """Counters and gauges of one API process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "kronstream_api_requests", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self.durations = Histogram(
            "kronstream_api_request_seconds", "From a request until its answer", ["method", "route"],
            buckets=DURATIONS, registry=registry,
        )  # fmt: skip
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.under_way = Gauge("kronstream_api_requests_under_way", "Requests not yet answered", registry=registry)

    def count(self, method: str, route: str, status: int, seconds: float, trace: str | None = None) -> None:
        """A request was answered; the trace that it belongs to is told beside its duration."""
        key = method, route, status
        known = self._known.get(key)
        if known is None:
            counter = self.requests.labels(method, route, str(status))
            known = self._known[key] = counter, self.durations.labels(method, route)
        known[0].inc()
        known[1].observe(seconds, {"trace_id": trace} if trace else None)
