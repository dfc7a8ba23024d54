"""The operator's metrics."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kronstream.domain.plan import Skipped

DELAYS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Measures:
    """Counters and gauges of one operator replica; labels are bounded by their enumerations."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._dispatched = Counter("kronstream_runs_dispatched", "Runs written to the stream", registry=registry)
        self._skipped = Counter(
            "kronstream_instants_skipped", "Due instants that made no run", ["reason"], registry=registry
        )
        self._delay = Histogram(
            "kronstream_dispatch_delay_seconds",
            "From the due instant until the run was in the stream",
            buckets=DELAYS,
            registry=registry,
        )
        self.jobs = Gauge("kronstream_jobs", "Jobs that this replica knows", registry=registry)
        self.status_writes = Counter(
            "kronstream_status_writes", "Statuses written, by outcome", ["outcome"], registry=registry
        )
        self.status_backlog = Gauge(
            "kronstream_status_backlog", "Jobs whose status waits to be written", registry=registry
        )
        self.kopf_restarts = Counter("kronstream_watch_restarts", "Restarts of the watch", registry=registry)
        self.forgotten = Counter("kronstream_jobs_forgotten", "Deleted jobs that were forgotten", registry=registry)

    def dispatched(self, due: Sequence[int], skipped: Sequence[Skipped], now: int) -> None:
        """A job's dispatch was accepted at ``now`` (milliseconds)."""
        self._dispatched.inc(len(due))
        for nominal in due:
            self._delay.observe(max(now - nominal, 0) / 1000)
        for entry in skipped:
            self._skipped.labels(entry.reason.value).inc(entry.count)
