"""What the condition Ready says of a job in the states that a page about schedules tells of."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kronstream.controller.hold import hold_of
from kronstream.controller.job import Job, read
from kronstream.controller.pauses import Scope
from kronstream.controller.readiness import readiness
from kronstream.domain.plan import upcoming
from kronstream.domain.run import Skip
from kronstream.ports import JobState, Pause
from kronstream.resources import instant
from kronstream.testing import FixedClock, MemoryLedger, MemoryStore
from unit import docruns

EPOCH = "epoch-1"
NOW = docruns.CREATED
UNTIL = instant.parse("2026-12-24T18:00:00Z")
DAILY = {"schedule": "@daily"}
ONCE = {"runAt": "2026-11-23T12:00:00Z"}
Scoped = tuple[Scope, Pause] | None
Told = tuple[str, str, str]


def _told(spec: dict[str, Any], scoped: Scoped = None, unmet: str = "", **state: Any) -> Told:
    """Status, reason and message."""
    meta = {"namespace": "team-a", "name": "report", "uid": "u", "generation": 1, "creationTimestamp": _stamp()}
    job, adoption = read({**docruns.around(spec), "metadata": meta}, docruns.GRACE)
    job.unmet = unmet
    known = replace(asyncio.run(_stored(adoption)), **state)
    hold = hold_of(job, known, scoped, NOW)
    _, value, reason, message = readiness(job, known, hold, _ahead(job))
    return value, reason, message


def _stamp() -> str:
    return instant.render(NOW)


def _ahead(job: Job) -> tuple[int, ...]:
    return upcoming(job.schedule, NOW, 5) if job.schedule is not None else ()


async def _stored(adoption: Any) -> JobState:
    ledger = MemoryLedger(MemoryStore(FixedClock(NOW), EPOCH))
    await ledger.adopt([adoption])
    (state,) = await ledger.describe(["u"])
    assert state is not None
    return state


STATES: dict[str, Callable[[], Told]] = {
    "all is well": lambda: _told(DAILY),
    "no form is written": lambda: _told({}),
    "`runIf` was not true the last time": lambda: _told(
        {**DAILY, "runIf": 'last.status != "failed"'},
        unmet='is false: last.status != "failed" (last.status is "failed")',
    ),
    "`suspend: true`": lambda: _told({**DAILY, "suspend": True}),
    "paused beside the spec": lambda: _told(DAILY, pause=Pause(NOW, UNTIL, "alice", "the disk is full")),
    "`suspendAfterFailures: 5`": lambda: _told(
        {**DAILY, "suspendAfterFailures": 5},
        pause=Pause(NOW, None, "suspendAfterFailures", "5 runs in a row failed", failures=True),
    ),
    "the namespace is paused": lambda: _told(
        DAILY,
        ("Namespace", Pause(NOW, None, "ConfigMap kronstream-system/kronstream-pauses", "maintenance of the database")),
    ),
    "the installation is paused": lambda: _told(DAILY, ("Installation", Pause(NOW, None, "setting KRONSTREAM_PAUSED"))),
    "`endAfter` was reached": lambda: _told(
        {**DAILY, "endAfter": {"runs": 1}}, ended=True, last_success=NOW, last_schedule=NOW
    ),
    "`runAt` is over": lambda: _told(ONCE, done=NOW, once="run"),
    "`runAt` had passed when the job was created": lambda: _told(ONCE, done=NOW, once=Skip.EXPIRED.value),
    "the spec cannot be used": lambda: _told({"schedule": "61 * * * *"}),
}
