"""One watch for all Jobs that the worker's attempts wait for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextvars import Context
from typing import Any

from kronstream.cluster.api import ApiError
from kronstream.cluster.jobs import Jobs
from kronstream.worker.backoff import Backoff

GONE = 410

Object = dict[str, Any]
Place = tuple[str, str]


class Followed:
    """One Job as it was last seen; `gone` once it was deleted."""

    def __init__(self) -> None:
        self.job: Object | None = None
        self.gone = False
        self.uid: str | None = None  # of the Job that is followed, once it is known
        self._news = asyncio.Event()

    def begin(self, job: Object) -> None:
        """Follow this very Job; what was seen of it meanwhile stays."""
        self.uid = job["metadata"]["uid"]
        if self.job is None or self.job["metadata"]["uid"] != self.uid:
            self.job, self.gone = job, False

    def see(self, job: Object, *, gone: bool = False) -> None:
        """Take news in; those of another Job of the same name are none."""
        if self.uid is None or job["metadata"]["uid"] == self.uid:
            self.job, self.gone = job, gone
            self._news.set()

    def lose(self) -> None:
        """It is not there any more."""
        self.gone = True
        self._news.set()

    async def change(self, within: float) -> bool:
        """Wait for news, so many seconds at most; whether there were any."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._news.wait()
        found = self._news.is_set()
        self._news.clear()
        return found


class JobFeed:
    """Lists and watches the marked Jobs while attempts follow any; begun by the first, ended when a watch does."""

    def __init__(self, jobs: Callable[[], Awaitable[Jobs]]) -> None:
        self._jobs = jobs
        self._followed: dict[Place, Followed] = {}
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def follow(self, namespace: str, name: str) -> Iterator[Followed]:
        """News of one Job, which need not be there yet."""
        place, found = (namespace, name), Followed()
        self._followed[place] = found
        if self._task is None or self._task.done():
            # in a context of its own: it belongs to no attempt
            self._task = asyncio.create_task(self._run(), context=Context())
        try:
            yield found
        finally:
            if self._followed.get(place) is found:
                del self._followed[place]

    async def close(self) -> None:
        """End the watch."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        backoff = Backoff("watch Jobs")
        version = ""
        while self._followed:
            try:
                jobs = await self._jobs()
                if not version:
                    version = await self._list(jobs)
                backoff.worked()
                async for change in jobs.changes(version):
                    version = change["object"]["metadata"]["resourceVersion"]
                    self._take(change)
            except Exception as error:  # noqa: BLE001 - whatever the API server says, the Jobs go on
                version = ""  # what happened meanwhile is in the list
                if not (isinstance(error, ApiError) and error.status == GONE):
                    await asyncio.sleep(backoff.failed(error))

    async def _list(self, jobs: Jobs) -> str:
        found, version = await jobs.all()
        by_place = {(job["metadata"]["namespace"], job["metadata"]["name"]): job for job in found}
        for place, followed in list(self._followed.items()):
            job = by_place.get(place)
            if job is None and followed.uid is not None:
                # it may have been made after the list
                job = await jobs.get(*place)
            if job is not None and followed.uid in (None, job["metadata"]["uid"]):
                followed.see(job)
            elif followed.uid is not None:
                followed.lose()
        return version

    def _take(self, change: Object) -> None:
        job = change["object"]
        followed = self._followed.get((job["metadata"].get("namespace", ""), job["metadata"].get("name", "")))
        if followed is not None and change["type"] != "BOOKMARK":
            followed.see(job, gone=change["type"] == "DELETED")
