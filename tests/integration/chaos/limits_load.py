"""A load of jobs that hold back: queues, replacements, groups, jitters, ends, conditions, runs that are asked for."""

from collections.abc import Iterator

from integration.chaos.load import due as due_every
from integration.chaos.load import job
from integration.objects import Object
from kronstream.resources.instant import parse

GROUP = "trio"
IN_GROUP = 2  # its max
RUNS, SUCCESSES = 15, 8  # of the jobs that end
STEP = 2_000  # ms, of the six fields below
EVEN = "run.nominal.getSeconds() % 2 == 0"
PATIENT = {"concurrencyPolicy": "Queue", "maxQueued": 1000}


def limited() -> list[Object]:
    """About twenty jobs, most of them due every second, each with something that limits it."""
    return [*_limits(), *_grouped(), *_timed(), *_asked()]


def _limits() -> Iterator[Object]:
    yield job("queue", every="1s", payload={"seconds": 0.4}, **PATIENT)
    yield job("queue-sync", "witness:sync", every="1s", payload={"seconds": 0.1}, **PATIENT)
    yield job("queue-flaky", every="2s", payload={"failures": 1}, **PATIENT)
    yield job("queue-two", every="1s", maxConcurrent=2, payload={"seconds": 1.1}, **PATIENT)
    yield job("queue-long", every="6s", payload={"seconds": 4}, **PATIENT)
    yield job("queue-full", every="1s", concurrencyPolicy="Queue", maxQueued=2, payload={"seconds": 1.3})
    yield job("replace", every="1s", concurrencyPolicy="Replace", payload={"seconds": 1.5})
    yield job("replace-two", every="1s", concurrencyPolicy="Replace", maxConcurrent=2, payload={"seconds": 2.6})
    yield job("forbid", every="1s", concurrencyPolicy="Forbid", payload={"seconds": 1.3})
    yield job("forbid-two", every="1s", concurrencyPolicy="Forbid", maxConcurrent=2, payload={"seconds": 2.3})


def _grouped() -> Iterator[Object]:
    group = {"concurrencyGroup": {"name": GROUP, "max": IN_GROUP}, "payload": {"seconds": 0.25}}
    yield job("group-a", every="1s", **group)
    yield job("group-b", every="1s", **group)
    yield job("group-queue", every="1s", **group, **PATIENT)


def _timed() -> Iterator[Object]:
    yield job("jitter", every="1s", jitter="900ms")
    yield job("jitter-queue", every="2s", jitter="1500ms", payload={"seconds": 0.2}, **PATIENT)
    yield job("jitter-cron", schedule=f"*/{STEP // 1000} * * * * *", jitter="1500ms")
    yield job("ends", every="1s", endAfter={"runs": RUNS})
    yield job("ends-well", every="1s", endAfter={"successes": SUCCESSES}, payload={"failures": 1})
    yield job("even", every="1s", runIf=EVEN)


def _asked() -> Iterator[Object]:
    yield job("asked", payload={"seconds": 0.1})
    yield job("asked-queue", every="2s", payload={"seconds": 0.3}, **PATIENT)
    yield job("backfilled", every="5s", anchor="2026-01-01T00:00:00Z", maxConcurrent=2, **PATIENT)


def due(found: Object, until: int) -> set[int]:
    """Every nominal instant (ms) of a job of this load, from its creation up to an instant."""
    spec = found["spec"]
    if "every" in spec:
        return due_every(found, until)
    if "schedule" not in spec:
        return set()
    created = parse(found["metadata"]["creationTimestamp"])
    return set(range((created // STEP + 1) * STEP, until + 1, STEP))


def most(found: Object) -> int | None:
    """How many runs of a job may be active at a time; None: any number."""
    spec = found["spec"]
    return None if spec.get("concurrencyPolicy", "Allow") == "Allow" else int(spec.get("maxConcurrent", 1))
