"""All jobs of a replica and the instants at which they want attention."""

import asyncio
import heapq
from collections.abc import Iterator

from kronstream.controller.job import Job

SLACK = 1000


class Roster:
    """Jobs by UID and one heap of wake-ups; a wake-up that was overtaken is dropped when it comes up."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._heap: list[tuple[int, str]] = []
        self._earlier = asyncio.Event()

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def get(self, uid: str) -> Job | None:
        """The job with this UID."""
        return self._jobs.get(uid)

    def put(self, job: Job) -> None:
        """Add a job or replace what was known of it; its wake-up is set by ``wake_at``."""
        self._jobs[job.uid] = job

    def drop(self, uid: str) -> Job | None:
        """Remove a job."""
        return self._jobs.pop(uid, None)

    def wake_at(self, job: Job, at: int | None) -> None:
        """Set when the job wants attention (milliseconds); None: not again."""
        if at == job.wake:
            return
        job.wake = at
        if at is None:
            return
        first = self._heap[0][0] if self._heap else None
        heapq.heappush(self._heap, (at, job.uid))
        if len(self._heap) > 2 * len(self._jobs) + SLACK:
            self._compact()
        if first is None or at < first:
            self._earlier.set()

    def _compact(self) -> None:
        """Drop overtaken wake-ups now: what lies years ahead would never come up."""
        self._heap = list({(job.wake, job.uid) for job in self._jobs.values() if job.wake is not None})
        heapq.heapify(self._heap)

    def first(self) -> int | None:
        """The earliest wake-up."""
        heap, jobs = self._heap, self._jobs
        while heap:
            at, uid = heap[0]
            job = jobs.get(uid)
            if job is not None and job.wake == at:
                return at
            heapq.heappop(heap)
        return None

    def pop(self, now: int, limit: int) -> list[Job]:
        """Jobs whose wake-up came, earliest first, at most ``limit``."""
        due: list[Job] = []
        while len(due) < limit and (at := self.first()) is not None and at <= now:
            _, uid = heapq.heappop(self._heap)
            job = self._jobs[uid]
            job.wake = None
            due.append(job)
        return due

    async def wait(self, seconds: float | None) -> None:
        """Until the time passed or an earlier wake-up was set."""
        self._earlier.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._earlier.wait()
        except TimeoutError:
            return
