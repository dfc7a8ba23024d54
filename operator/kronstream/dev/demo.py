"""What the demo shows: the runs of every ScheduledJob, as its status tells them."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from kronstream.dev.console import Console
from kronstream.dev.https import Https

JOBS = "/apis/kronstream.dev/v1/scheduledjobs"
INTERVAL = 0.25  # seconds between two looks
TERMINAL = {"success": "green", "failed": "red", "cancelled": "yellow", "skipped": "yellow", "dead": "red"}

Job = dict[str, Any]


class Demo:
    """Looks at the resources as anybody may, and says which runs ended since the last look."""

    def __init__(self, api: Https, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """What has run before now does not count: call it before the workers start."""
        self._api = api
        self._console = console
        self._clock = clock
        self._next_look = 0.0
        self._shown: dict[str, tuple[str, str]] = {}
        self._ended: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._succeeded: dict[str, int] = {}
        for job in self._jobs():
            uid = job["metadata"]["uid"]
            self._before[uid] = _runs(job, "succeeded")
            self._ended[uid] = _all_ended(job)
            self._shown[uid] = _last_run(job)

    @property
    def succeeded(self) -> int:
        """Runs that succeeded since the demo began."""
        return sum(count - self._before.get(uid, 0) for uid, count in self._succeeded.items())

    def tick(self) -> None:
        """Looks when it is time to."""
        if self._clock() >= self._next_look:
            self.look()
            self._next_look = self._clock() + INTERVAL

    def look(self) -> None:
        """Says what is new; says nothing while the API server is away."""
        for job in self._jobs():
            uid, last = job["metadata"]["uid"], _last_run(job)
            self._succeeded[uid] = _runs(job, "succeeded")
            if last == self._shown.get(uid) or last[1] not in TERMINAL:
                continue
            self._shown[uid] = last
            ended = _all_ended(job)
            more = ended - self._ended.get(uid, 0) - 1
            self._ended[uid] = ended
            self._console.say(self._line(job, more))

    def _jobs(self) -> Iterator[Job]:
        yield from (self._api.json(JOBS) or {}).get("items", ())

    def _line(self, job: Job, more: int) -> str:
        run, status = job["status"]["lastRun"], job["status"]
        name = f"{job['metadata']['namespace']}/{job['metadata']['name']}"
        state = self._console.paint(f"{run['status']:<9}", TERMINAL[run["status"]])
        took = f"{run['durationMs']} ms" if run.get("durationMs") is not None else ""
        counts = f"{_runs(job, 'succeeded')} ok, {_runs(job, 'failed')} failed"
        upcoming = _clock_time(status.get("nextRunTime"))
        line = f"{_clock_time(run.get('startedAt')):<8}  {name:<32} {state} {took:>9}  {counts:<20} next {upcoming}"
        if more > 0:
            line += f"  (and {more} more before it)"
        return line + (f"\n          {run['message']}" if run.get("message") else "")


def first_job(api: Https) -> tuple[str, str] | None:
    """Namespace and name of a ScheduledJob, if there is one."""
    for job in (api.json(f"{JOBS}?limit=1") or {}).get("items", ()):
        return job["metadata"]["namespace"], job["metadata"]["name"]
    return None


def _last_run(job: Job) -> tuple[str, str]:
    run = job.get("status", {}).get("lastRun") or {}
    return run.get("id", ""), run.get("status", "")


def _runs(job: Job, outcome: str) -> int:
    return int(job.get("status", {}).get("runs", {}).get(outcome, 0))


def _all_ended(job: Job) -> int:
    return sum(_runs(job, outcome) for outcome in ("succeeded", "failed", "cancelled", "dead"))


def _clock_time(stamp: str | None) -> str:
    """The time of day of an RFC 3339 instant, in the zone it is written in."""
    return stamp[11:19] if stamp else "-"
