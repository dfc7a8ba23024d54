"""The operator's metrics."""

from itertools import repeat

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kronstream.domain.run import Trigger, run_id
from kronstream.domain.trace import trace_id
from kronstream.ports import Dispatch
from kronstream.vitals import RedisVitals, WatchVitals

DELAYS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
WRITES = ("ok", "failed", "overruled")


class Measures:
    """Counters and gauges of one operator replica; labels are bounded by their enumerations."""

    def __init__(self, registry: CollectorRegistry, *, traced: bool = False) -> None:
        """``traced``: spans are told, so that a delay can name the trace of its run."""
        self._traced = traced
        self._dispatched = Counter(
            "kronstream_runs_dispatched", "Runs that this replica wrote to the stream", registry=registry
        )
        self._delay = Histogram(
            "kronstream_dispatch_delay_seconds", "From the due instant until the run was in the stream",
            buckets=DELAYS, registry=registry,
        )  # fmt: skip
        self.jobs = Gauge("kronstream_jobs", "Jobs that this replica knows", registry=registry)
        self.overdue = Gauge(
            "kronstream_oldest_due_age_seconds",
            "For how long the instant is due that this replica should have looked at first; 0 while none is overdue",
            registry=registry,
        )  # fmt: skip
        self.dispatching = Gauge(
            "kronstream_operator_dispatching", "1 while this replica dispatches what is due, else 0", registry=registry
        )
        self.serving = Gauge(
            "kronstream_operator_serving", "1 once this replica knows every job and has its share, else 0",
            registry=registry,
        )  # fmt: skip
        self.replicas = Gauge(
            "kronstream_operator_replicas", "Live replicas of the same namespaces, as this one sees them",
            registry=registry,
        )  # fmt: skip
        self.status_writes = Counter(
            "kronstream_status_writes", "Statuses of jobs written, by outcome", ["outcome"], registry=registry
        )
        self.status_backlog = Gauge(
            "kronstream_status_backlog", "Jobs whose status this replica is about to write", registry=registry
        )
        self.forgotten = Counter(
            "kronstream_jobs_forgotten", "Jobs deleted while nobody watched, that a list found missing",
            registry=registry,
        )  # fmt: skip
        self.swept = Counter(
            "kronstream_runs_swept",
            "Runs that a sweep of this replica brought on: due retries, ended leases, lost entries",
            registry=registry,
        )  # fmt: skip
        self.redis = RedisVitals(registry)
        self.watches = WatchVitals(registry)
        for outcome in WRITES:  # the first increase of a line that was not there before is seen by no rate
            self.status_writes.labels(outcome)

    def dispatched(self, item: Dispatch, now: int) -> None:
        """A dispatch was accepted at ``now`` (milliseconds); a jitter is no delay."""
        self._dispatched.inc(len(item.due))
        for nominal, jitter in zip(item.due, item.delays or repeat(0), strict=False):
            self._delay.observe(max(now - nominal - jitter, 0) / 1000, self._exemplar(item.uid, nominal))

    def _exemplar(self, uid: str, nominal: int) -> dict[str, str] | None:
        return {"trace_id": trace_id(run_id(uid, Trigger.SCHEDULE, str(nominal)))} if self._traced else None
