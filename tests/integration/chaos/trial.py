"""One trial: a load of jobs on an installation, what is done to it meanwhile, and a quiet end that can be audited."""

import time
from collections.abc import Iterable
from typing import Any

from eventually import eventually
from integration.chaos.load import load, now
from integration.chaos.witness import Witness
from integration.installation import Installation
from integration.objects import Object, ready
from kronstream.domain.run import Lane
from kronstream.ports import Execution

GROUP = "scheduler-workers"
STARTED = 6.0  # seconds until every job of the load has run


class Trial:
    """Begins with the load, ends with everything suspended, finished and told in status."""

    def __init__(self, site: Installation, witness: Witness) -> None:
        self.site = site
        self.witness = witness
        self.jobs: list[Object] = []
        self.suspended = 0

    # -- the load ------------------------------------------------------------------------------------------------

    def begin(self, *more: Object) -> None:
        """Applies the load and returns once it runs."""
        self.begin_with(*load(), *more)

    def begin_with(self, *jobs: Object) -> None:
        """Applies these jobs and returns once they run."""
        self.witness.clear()
        self.jobs = self.site.apply(*jobs)
        for job in self.jobs:
            self.site.wait(job, ready, within=STARTED)
        self.further(2 * len(self.jobs))

    def further(self, runs: int, within: float = 20.0) -> None:
        """Waits until so many further attempts began."""
        goal = self.witness.count() + runs
        eventually(lambda: self.witness.count() >= goal, within, f"(of {goal} attempts)")

    def lasting(self, seconds: float) -> None:
        """Lets an outage last."""
        end = time.monotonic() + seconds
        eventually(lambda: time.monotonic() > end, seconds + 5)

    def named(self, name: str) -> Object:
        """A job by its name."""
        return next(job for job in self.jobs if job["metadata"]["name"] == name)

    # -- the end -------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Suspends everything and waits until nothing is under way and status tells it all."""
        self.suspended = now()
        self.jobs = [self.site.objects.patch(job, suspend=True) for job in self.jobs]
        for job in self.jobs:
            self.site.wait(job, ready, within=15.0)
        eventually(lambda: self.site.redis.zcard(self.site.keys.unfinished) == 0, 30.0, "(runs stayed unfinished)")
        self.jobs = [self.site.wait(job, self._told, within=10.0) for job in self.jobs]

    def _told(self, job: Object) -> bool:
        return str(job["status"]["seq"]) == self.site.redis.hget(self.site.keys.job(uid_of(job)), "seq")

    def end(self) -> None:
        """Deletes the jobs and waits until they are forgotten."""
        self.site.clear()
        redis, keys = self.site.redis, self.site.keys
        eventually(lambda: not redis.zrange(keys.jobs, 0, -1), 10.0, "(jobs were not forgotten)")

    # -- what Redis knows ----------------------------------------------------------------------------------------

    def records(self, job: Object) -> list[Execution]:
        """All records of a job."""
        return self.site.records(job, 10_000)

    def cursor(self, job: Object) -> int:
        """Up to where its instants are handled."""
        return int(self.site.redis.hget(self.site.keys.job(uid_of(job)), "cur"))

    def running(self, worker: str) -> list[str]:
        """Runs that a worker holds."""
        redis, keys = self.site.redis, self.site.keys
        ids = redis.zrange(keys.unfinished, 0, -1)
        return [run for run in ids if redis.hmget(keys.run(run), "st", "wk") == ["running", worker]]

    def lanes(self) -> Iterable[str]:
        """Streams of the default queue."""
        return [self.site.keys.lane("default", lane) for lane in Lane]

    def left_in_streams(self) -> dict[str, Any]:
        """Per lane: entries and pending entries, where there are any."""
        redis = self.site.redis
        left = {
            lane: (redis.xlen(lane), redis.xpending(lane, GROUP)["pending"])
            for lane in self.lanes()
            if redis.exists(lane)
        }
        return {lane: found for lane, found in left.items() if any(found)}


def uid_of(job: Object) -> str:
    return str(job["metadata"]["uid"])
