"""An outage of all operators, with what people do to their jobs meanwhile."""

from dataclasses import dataclass, field
from typing import Any

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, ready, scheduled
from integration.timeline import now, parse, render, until

QUEUE = "nobody"  # no worker serves it: entries stay in the stream and can be counted
LASTS = 10_000  # ms
EVERY: dict[str, dict[str, Any]] = {
    "latest": {},
    "none": {"catchUp": {"policy": "None"}},
    "all": {"catchUp": {"policy": "All"}},
    "two": {"catchUp": {"policy": "All", "maxRuns": 2}},
    "window": {"catchUp": {"policy": "All", "window": "6s"}},
    "deadline": {"catchUp": {"policy": "All"}, "startingDeadline": "5s"},
    "retagged": {"catchUp": {"policy": "All"}},
    "slowed": {"catchUp": {"policy": "All"}},
    "held": {"catchUp": {"policy": "All"}},
    "resumed": {"catchUp": {"policy": "All"}, "suspend": True},
    "deleted": {},
    "recreated": {},
}


@dataclass
class Outage:
    """What was before, when the operators were away, and what was after (instants in milliseconds)."""

    installation: Installation
    jobs: dict[str, Object] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    once: int = 0
    down: int = 0
    up: int = 0

    def nominals(self, name: str) -> list[int]:
        """Due instants of all entries of a job."""
        return [nominal for nominal, _ in self.installation.entries(self.jobs[name], QUEUE)]

    def new(self, name: str) -> list[tuple[int, int]]:
        """Entries (nominal, instant) made after the outage."""
        return [entry for entry in self.installation.entries(self.jobs[name], QUEUE) if entry[1] >= self.up]

    def status(self, name: str) -> dict[str, Any]:
        """The status of a job as it is now."""
        status: dict[str, Any] = self.installation.objects.get(self.jobs[name])["status"]
        return status

    def settled(self, name: str) -> dict[str, Any]:
        """The status of a job once its present generation is in force."""
        job = self.installation.wait(self.jobs[name], ready)
        status: dict[str, Any] = job["status"]
        return status


def begin(outage: Outage) -> None:
    """Jobs that run every second, a few that run once; then the operators go."""
    installation = outage.installation
    for name, spec in EVERY.items():
        (outage.jobs[name],) = installation.apply(scheduled(name, every="1s", queue=QUEUE, **spec))
    far = scheduled("once-moved", runAt="2038-01-19T03:14:07Z", queue=QUEUE)
    (outage.jobs["once-moved"],) = installation.apply(far)
    for name, job in outage.jobs.items():
        installation.wait(job, ready)
        if name in EVERY and not EVERY[name].get("suspend"):
            eventually(lambda name=name: len(outage.nominals(name)) >= 2)
    outage.once = now() + 10_000
    for name, spec in {"once": {}, "once-deadline": {"startingDeadline": "1s"}}.items():
        (outage.jobs[name],) = installation.apply(scheduled(name, runAt=render(outage.once), queue=QUEUE, **spec))
        installation.wait(outage.jobs[name], ready)
    installation.stop(*installation.operators)
    outage.down = now()
    outage.last = {name: max(outage.nominals(name), default=0) for name in outage.jobs}


def meddle(outage: Outage) -> None:
    """What people do while no operator looks."""
    installation, jobs = outage.installation, outage.jobs
    jobs["retagged"] = installation.objects.patch(jobs["retagged"], tags=["x"], payload={"new": True})
    jobs["slowed"] = installation.objects.patch(jobs["slowed"], every="1h")
    jobs["held"] = installation.objects.patch(jobs["held"], suspend=True)
    jobs["resumed"] = installation.objects.patch(jobs["resumed"], suspend=False)
    jobs["once-moved"] = installation.objects.patch(jobs["once-moved"], runAt=render(now() - 2_000))
    installation.delete(jobs["deleted"], jobs["recreated"])
    jobs["former"] = jobs["recreated"]
    (jobs["recreated"],) = installation.apply(scheduled("recreated", every="1s", queue=QUEUE))
    (jobs["once-born"],) = installation.apply(scheduled("once-born", runAt=render(now() + 1_000), queue=QUEUE))


def end(outage: Outage) -> None:
    """The operators return; what they make of it is in the stream and in the statuses when this returns."""
    installation = outage.installation
    until(max(outage.down + LASTS, outage.once + 2_000))
    outage.up = now()
    installation.start(*installation.operators)
    # as if nothing had been: runs of the present again
    for name in ("latest", "none", "all", "two", "window", "deadline", "retagged", "resumed", "recreated"):
        eventually(lambda name=name: max(outage.nominals(name), default=0) > outage.up + 1_000, within=20)
        # what was missed is told with the run that came after it
        installation.wait(outage.jobs[name], lambda job: parse(job["status"]["lastScheduleTime"]) > outage.up)
    for name in set(outage.jobs) - {"deleted", "former"}:
        outage.settled(name)
