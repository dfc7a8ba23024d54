"""Steady load, and the audit that no run of it was lost or doubled."""

from collections.abc import Iterable

from e2e.cluster import Cluster, Object
from e2e.objects import scheduled
from e2e.witness import Seen, Witness

from eventually import eventually

SECOND = 1000  # milliseconds
QUIET = 180.0  # seconds until everything that was due has ended and is told


class Load:
    """Jobs that are due each second; `seconds` is how long a run takes. Names are not used again: counters stay."""

    def __init__(self, cluster: Cluster, witness: Witness, name: str, *, jobs: int, seconds: float) -> None:
        self._cluster = cluster
        self._witness = witness
        self._names = [f"{name}-{number}" for number in range(jobs)]
        self._seconds = seconds

    def start(self) -> None:
        """Apply the jobs, and wait until each has run."""
        self._apply(suspend=False)
        eventually(lambda: set(self.seen()) == set(self._names), within=90, because="not every job has run")

    def run_on(self, seconds: float) -> None:
        """Let it go on for that many instants more."""
        first = {name: max(seen.began) for name, seen in self.seen().items()}

        def went_on() -> bool:
            found = self.seen()
            return all(max(found[name].began) >= first[name] + seconds * SECOND for name in self._names)

        eventually(went_on, within=seconds + QUIET, because="jobs have stopped running")

    def stop(self) -> None:
        """Suspend the jobs, and wait until nothing of them goes on."""
        self._apply(suspend=True)
        eventually(lambda: not self._open(), within=QUIET, because="runs do not end")

    def remove(self) -> None:
        """Delete the jobs."""
        self._cluster("delete", "scheduledjob", "--ignore-not-found", *self._names)

    def seen(self) -> dict[str, Seen]:
        """What handlers saw, by job."""
        return {name: seen for name, seen in self._witness.jobs().items() if name in self._names}

    def pods(self) -> set[str]:
        """The workers' Pods that executed runs so far."""
        return {pod for seen in self.seen().values() for pod in seen.pods}

    def missing(self, until: int) -> dict[str, list[int]]:
        """By job, instants up to `until` of which no run has ended yet."""
        lacking = {
            name: [one for one in range(min(seen.began), until + 1, SECOND) if one not in seen.ended]
            for name, seen in self.seen().items()
        }
        return {name: instants for name, instants in lacking.items() if instants}

    def faults(self) -> list[str]:
        """Everything that is not as it must be after `stop`, a line each."""
        jobs, seen = self._jobs(), self.seen()
        return [f"{name}: {fault}" for name in self._names for fault in faults(jobs[name], seen[name])]

    def _jobs(self) -> dict[str, Object]:
        found = {job["metadata"]["name"]: job for job in self._cluster.items("scheduledjobs.kronstream.dev")}
        return {name: found[name] for name in self._names}

    def _open(self) -> list[str]:
        """Jobs whose status does not tell yet that everything is over."""
        seen = self.seen()
        return [
            name
            for name, job in self._jobs().items()
            if job["status"]["observedGeneration"] != job["metadata"]["generation"]
            or job["status"].get("active")
            or job["status"]["runs"]["total"] != seen[name].ended.total()
        ]

    def _apply(self, *, suspend: bool) -> None:
        self._cluster.apply(*(self._job(number, suspend=suspend) for number in range(len(self._names))))

    def _job(self, number: int, *, suspend: bool) -> Object:
        function = "witness:sync" if number % 2 else "witness:note"  # every other one in a child process
        payload = {"seconds": self._seconds}
        return scheduled(self._names[number], function, every="1s", suspend=suspend, payload=payload, maxBacklog=1000)


def faults(job: Object, seen: Seen) -> Iterable[str]:
    """What is wrong with one job: instants without a run, runs executed twice, a status that tells something else."""
    instants = set(range(min(seen.began), max(seen.began) + 1, SECOND))
    if missing := sorted(instants - set(seen.ended)):
        yield f"{len(missing)} of {len(instants)} instants have no run: {missing[:5]}"
    if stray := sorted(set(seen.began) - instants):
        yield f"runs of instants that were not due: {stray[:5]}"
    if doubled := sorted(nominal for told in (seen.began, seen.ended) for nominal, times in told.items() if times > 1):
        yield f"runs that were executed more than once: {doubled[:5]}"
    runs = job["status"]["runs"]
    if runs.get("succeeded") != len(instants) or runs["total"] != len(instants):
        yield f"{len(instants)} instants, but the status counts {runs}"
    if skipped := {reason: count for reason, count in job["status"].get("skipped", {}).items() if count}:
        yield f"skipped: {skipped}"
