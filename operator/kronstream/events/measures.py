"""The router's metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kronstream.ports import Ending, FateWord
from kronstream.vitals import RedisVitals, WatchVitals

BURIED = ("ChainTooDeep", "FilterError", "Invalid", "TooManyDeliveries")
PASSED = ("filter", "error")
WRITES = ("ok", "failed", "overruled")
DELAYS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Measures:
    """Counters and gauges of one router; labels are bounded by their enumerations, and by the streams that are read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter("kronstream_events_read", "Events taken from streams", registry=registry)
        self.buried = Counter(
            "kronstream_events_buried", "Events that were set aside as dead letters", ["reason"], registry=registry
        )
        self.effects = Counter(
            "kronstream_event_effects", "What events caused by handlers, by the store's answer", ["fate"],
            registry=registry,
        )  # fmt: skip
        self.passed = Counter(
            "kronstream_events_passed_by", "Events that a handler let pass by: filtered, or not to be judged", ["why"],
            registry=registry,
        )  # fmt: skip
        self.actions = Counter(
            "kronstream_event_actions", "Attempts at actions that had waited, by ending", ["ending"], registry=registry
        )
        self.delay = Histogram(
            "kronstream_event_delay_seconds", "From an event's entry in its stream until its effects were stored",
            buckets=DELAYS, registry=registry,
        )  # fmt: skip
        self.handlers = Gauge("kronstream_event_handlers", "EventHandlers that this router knows", registry=registry)
        self.lag = Gauge(
            "kronstream_event_stream_lag", "Entries of a stream that no router was given yet", ["stream"],
            registry=registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "kronstream_event_effects_waiting", "Effects that wait, of all handlers", registry=registry
        )
        self.status_writes = Counter(
            "kronstream_handler_status_writes", "Statuses of EventHandlers written, by outcome", ["outcome"],
            registry=registry,
        )  # fmt: skip
        self.redis = RedisVitals(registry)
        self.watches = WatchVitals(registry)
        for counter, values in (
            (self.buried, BURIED), (self.effects, FateWord), (self.passed, PASSED), (self.actions, Ending),
            (self.status_writes, WRITES),
        ):  # fmt: skip
            for value in values:  # the first increase of a line that was not there before is seen by no rate
                counter.labels(str(value))
