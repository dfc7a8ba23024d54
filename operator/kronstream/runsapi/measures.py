"""The extension API server's metrics; labels are bounded by the verbs and by the codes that are answered."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class Measures:
    """Counters and gauges of one replica."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "kronstream_runs_apiserver_requests", "Requests answered", ["verb", "code"], registry=registry
        )
        self._durations = Histogram(
            "kronstream_runs_apiserver_request_seconds", "From a request until its answer; watches are left out",
            ["verb"], buckets=DURATIONS, registry=registry,
        )  # fmt: skip
        self.watches = Gauge("kronstream_runs_apiserver_watches", "Watches that are open", registry=registry)

    def answered(self, verb: str, code: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(verb, str(code)).inc()
        if verb != "watch":
            self._durations.labels(verb).observe(seconds)
