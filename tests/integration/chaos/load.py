"""The load under which things break: jobs of every kind, and the instants at which each of them is due."""

import time
from collections.abc import Iterator
from typing import Any

from integration.objects import Object, scheduled
from kronstream.domain import duration
from kronstream.resources.instant import parse, render

MINUTE = 60_000
KEEP = {"history": {"successful": 10_000, "failed": 10_000, "maxAge": "1d"}}
QUICK = {"limit": 3, "backoff": {"initial": "100ms", "factor": 1, "jitter": 0}}


def now() -> int:
    return time.time_ns() // 1_000_000


def job(name: str, function: str = "witness:note", **spec: Any) -> Object:
    return scheduled(name, "default", function, **{"payload": {}, "retry": QUICK, **KEEP, **spec})


def load() -> list[Object]:
    """About twenty runs a second, half of them at the full second."""
    return [*_steady(), *_peculiar()]


def _steady() -> Iterator[Object]:
    for number in range(8):
        yield job(f"tick-{number}", every="1s")
    for number in range(4):
        # not at the full second: whatever breaks, breaks in the middle of something
        yield job(f"off-{number}", every="1s", anchor=f"2026-01-01T00:00:00.{number * 2 + 2}00Z")
    for lane in ("critical", "high", "low"):
        yield job(f"lane-{lane}", every="1s", priority=lane)


def _peculiar() -> Iterator[Object]:
    yield job("sync", "witness:sync", every="1s", payload={"seconds": 0.02})
    yield job("slow-even", every="2s", payload={"seconds": 1.5})
    yield job("slow-odd", every="2s", anchor="2026-01-01T00:00:01Z", payload={"seconds": 1.5})
    yield job("forbid", every="1s", concurrencyPolicy="Forbid", payload={"seconds": 1.3})
    yield job("replace", every="2s", concurrencyPolicy="Replace", payload={"seconds": 2.6})
    yield job("flaky", every="1s", payload={"failures": 1})
    yield job("broken", every="2s", payload={"failures": 99}, retry={**QUICK, "limit": 1})
    yield job("cron", schedule="* * * * *")
    yield job("zone", schedule="* * * * *", timeZone="America/New_York")
    yield job("once", runAt=render((now() // 1000 + 4) * 1000))


def due(found: Object, until: int) -> set[int]:
    """Every nominal instant (ms) of a job, by plain arithmetic, from its creation up to an instant."""
    spec, created = found["spec"], parse(found["metadata"]["creationTimestamp"])
    if "runAt" in spec:
        return {at for at in [parse(spec["runAt"])] if at <= until}
    if "schedule" in spec:
        assert spec["schedule"] == "* * * * *"
        return set(range((created // MINUTE + 1) * MINUTE, until + 1, MINUTE))
    step = duration.parse(spec["every"])
    anchor = parse(spec["anchor"]) if "anchor" in spec else created
    first = anchor if created < anchor else anchor + ((created - anchor) // step + 1) * step
    return set(range(first, until + 1, step))
