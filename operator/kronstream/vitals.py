"""Metrics that more than one kind of process has: of itself, of its Redis, of its watch, of its certificate."""

from __future__ import annotations

import time
from pathlib import Path

from cryptography import x509
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from kronstream import __version__

TRIPS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def introduce(registry: CollectorRegistry) -> None:
    """The metrics of a process itself: its version, memory, processor time and descriptors."""
    Info("kronstream_build", "The version of this process", registry=registry).info({"version": __version__})
    ProcessCollector(registry=registry)


class RedisVitals:
    """How Redis is, as this process' heartbeats find it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = Gauge(
            "kronstream_redis_up", "1 while Redis answers this process and may be used, else 0", registry=registry
        )
        self._trips = Histogram(
            "kronstream_redis_roundtrip_seconds", "From a heartbeat of this process until Redis answered it",
            buckets=TRIPS, registry=registry,
        )  # fmt: skip

    def answered(self, seconds: float) -> None:
        """A heartbeat was answered after so long."""
        self._up.set(1)
        self._trips.observe(seconds)

    def away(self) -> None:
        """It did not answer, or must not be used."""
        self._up.set(0)


class WatchVitals:
    """How the watches of a process are; ``resource`` is the plural of what is watched."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "kronstream_watch_events", "Changes that the watch told", ["resource"], registry=registry
        )
        self._last = Gauge(
            "kronstream_watch_last_event_timestamp_seconds", "When the watch told the last change; 0 before the first",
            ["resource"], registry=registry,
        )  # fmt: skip
        self._restarts = Counter(
            "kronstream_watch_restarts", "Starts of a watch that had ended", ["resource"], registry=registry
        )
        self._listed = Gauge(
            "kronstream_watch_last_list_timestamp_seconds",
            "When the API server last listed everything, to find what a watch cannot tell; 0 before the first list",
            ["resource"], registry=registry,
        )  # fmt: skip

    def of(self, resource: str) -> WatchVital:
        """Those of one watch; from now on its metrics are there."""
        return WatchVital(
            self._events.labels(resource), self._last.labels(resource), self._restarts.labels(resource),
            self._listed.labels(resource),
        )  # fmt: skip


class WatchVital:
    """One watch's; may be told from any thread."""

    def __init__(self, events: Counter, last: Gauge, restarts: Counter, listed: Gauge) -> None:
        self._events = events
        self._last = last
        self._restarts = restarts
        self._listed = listed

    def told(self) -> None:
        """It told a change."""
        self._events.inc()
        self._last.set(time.time())

    def restarted(self) -> None:
        """It had ended, and is started anew."""
        self._restarts.inc()

    def listed(self) -> None:
        """A complete list came."""
        self._listed.set(time.time())


class CertificateVitals:
    """Until when the certificate is good that this process shows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._expiry = Gauge(
            "kronstream_certificate_expiry_timestamp_seconds", "Until when the certificate in use is good",
            registry=registry,
        )  # fmt: skip

    def read(self, path: str | Path) -> None:
        """This file is in use from now on. Raises OSError and ValueError where it cannot be read."""
        certificate = x509.load_pem_x509_certificate(Path(path).read_bytes())
        self._expiry.set(certificate.not_valid_after_utc.timestamp())
