"""One watch for all Jobs that attempts wait for, whatever the API server does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from kronstream.cluster.api import ApiError
from kronstream.cluster.jobs import Jobs
from kronstream.worker.kube.asking import Asking
from kronstream.worker.kube.following import Followed, JobFeed
from kronstream.worker.kube.removal import Removals
from kronstream.worker.rulings import Fault

pytestmark = pytest.mark.anyio
Object = dict[str, Any]


def job(name: str = "a", uid: str = "u1", version: int = 1, **status: Any) -> Object:
    meta = {"namespace": "ns", "name": name, "uid": uid, "resourceVersion": str(version)}
    return {"metadata": meta, "status": status}


class FakeJobs:
    """Jobs in memory; what is put into `events` is told by the watch, an error among them ends it."""

    def __init__(self, *jobs: Object) -> None:
        self.jobs = {one["metadata"]["name"]: one for one in jobs}
        self.events: asyncio.Queue[Object | Exception | None] = asyncio.Queue()
        self.lists = self.gets = 0
        self.watched: list[str] = []

    async def connect(self) -> Jobs:
        return cast("Jobs", self)

    async def all(self) -> tuple[list[Object], str]:
        self.lists += 1
        return list(self.jobs.values()), "100"

    async def get(self, namespace: str, name: str) -> Object | None:
        self.gets += 1
        return self.jobs.get(name)

    async def changes(self, version: str) -> AsyncIterator[Object]:
        self.watched.append(version)
        while (event := await self.events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event

    def tell(self, kind: str, found: Object) -> None:
        self.events.put_nowait({"type": kind, "object": found})


async def news(followed: Followed) -> None:
    assert await followed.change(5)


async def test_changes_come_to_those_who_follow() -> None:
    jobs = FakeJobs()
    feed = JobFeed(jobs.connect)
    with feed.follow("ns", "a") as a, feed.follow("ns", "b") as b:
        a.begin(job())
        jobs.tell("MODIFIED", job(version=2, succeeded=1))
        jobs.tell("ADDED", job("stranger"))
        await news(a)
        assert a.job == job(version=2, succeeded=1)
        assert b.job is None
        jobs.tell("DELETED", job(version=3))
        await news(a)
        assert a.gone
        assert not await b.change(0)
    await feed.close()
    assert (jobs.lists, jobs.watched) == (1, ["100"])


async def test_an_older_job_of_the_same_name_is_not_the_one() -> None:
    jobs = FakeJobs(job(uid="old", failed=1))
    feed = JobFeed(jobs.connect)
    with feed.follow("ns", "a") as a:
        await news(a)
        a.begin(job(uid="new"))
        assert a.job == job(uid="new")
        jobs.tell("DELETED", job(uid="old"))
        jobs.tell("MODIFIED", job(uid="new", version=5))
        await news(a)
        assert (a.job, a.gone) == (job(uid="new", version=5), False)
    await feed.close()


async def test_what_was_seen_before_the_answer_came_stays() -> None:
    followed = Followed()
    followed.see(job(version=2, succeeded=1))
    followed.begin(job())
    assert followed.job == job(version=2, succeeded=1)


@pytest.mark.parametrize("error", [ApiError(410, "too old"), ConnectionError("away"), TimeoutError()])
async def test_after_an_error_everything_is_listed_again(error: Exception) -> None:
    jobs = FakeJobs(job())
    feed = JobFeed(jobs.connect)
    with feed.follow("ns", "a") as a, feed.follow("ns", "lost") as lost:
        await news(a)
        a.begin(job())
        lost.begin(job("lost"))
        jobs.jobs["a"] = job(version=9, succeeded=1)
        jobs.events.put_nowait(error)
        await news(a)
        assert a.job == job(version=9, succeeded=1)
        await news(lost)
        assert lost.gone
    await feed.close()
    assert jobs.lists == 2


async def test_a_watch_that_ends_goes_on_where_it_was() -> None:
    jobs = FakeJobs()
    feed = JobFeed(jobs.connect)
    with feed.follow("ns", "a") as a:
        jobs.tell("BOOKMARK", {"metadata": {"resourceVersion": "107"}})
        jobs.events.put_nowait(None)
        jobs.tell("ADDED", job(version=108))
        await news(a)
    await feed.close()
    assert (jobs.lists, jobs.watched) == (1, ["100", "107"])


async def test_a_job_that_is_not_made_yet_is_not_lost() -> None:
    jobs = FakeJobs()
    feed = JobFeed(jobs.connect)
    with feed.follow("ns", "a") as a:
        jobs.tell("BOOKMARK", {"metadata": {"resourceVersion": "101"}})
        assert not await a.change(0.05)
        assert not a.gone
    await feed.close()
    assert jobs.gets == 0


async def test_the_watch_ends_when_nobody_follows() -> None:
    jobs = FakeJobs()
    feed = JobFeed(jobs.connect)
    with feed.follow("ns", "a"):
        await asyncio.sleep(0)
        task = feed._task
    jobs.events.put_nowait(None)
    assert task is not None
    await asyncio.wait_for(task, 5)
    with feed.follow("ns", "a") as a:
        jobs.tell("ADDED", job())
        await news(a)
    await feed.close()


class Answers:
    """Raises or answers one after another."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)

    async def __call__(self) -> object:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


ASKING = Asking("the Job ns/a", "ask for rights")
RBAC = ApiError(403, 'jobs.batch is forbidden: User "system:serviceaccount:a:b" cannot create resource "jobs"')


async def test_an_api_server_that_is_away_or_starts_is_asked_again() -> None:
    answers = Answers(ConnectionError("x"), TimeoutError(), ApiError(503, "x"), ApiError(429, "x"), RBAC, "there")
    assert await ASKING.ask(answers) == "there"


@pytest.mark.parametrize(
    ("error", "kind", "permanent", "says"),
    [
        (ApiError(403, 'jobs "a" is forbidden: exceeded quota: q, requested: 1'), "QuotaExceeded", False, "quota: q"),
        (RBAC, "Forbidden", False, "; ask for rights"),
        (ApiError(403, "jobs is forbidden: admission policy says no"), "Refused", False, "policy says no"),
        (ApiError(422, "spec.completions: Invalid value"), "Invalid", True, "the API server refuses the Job ns/a: 422"),
        (ApiError(404, 'namespaces "ns" not found'), "Refused", False, "not found"),
    ],
)
async def test_a_refusal_is_told_in_the_servers_words(
    error: ApiError, kind: str, permanent: bool, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kronstream.worker.kube.asking.DOUBT", 0)
    with pytest.raises(Fault) as found:
        await ASKING.ask(Answers(error))
    assert (found.value.kind, found.value.permanent) == (kind, permanent)
    assert found.value.codes == (kind,)
    assert says in str(found.value)


async def test_a_conflict_is_for_who_asks_for_it() -> None:
    with pytest.raises(ApiError):
        await ASKING.ask(Answers(ApiError(409, "exists")), conflicts=True)


async def test_a_removal_goes_on_after_its_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronstream.worker.kube.removal.SOON", 0)
    removals, done = Removals(), asyncio.Event()
    failures = [ConnectionError("away"), RBAC]

    async def delete() -> None:
        if failures:
            raise failures.pop()
        done.set()

    await removals.begin("the Job", delete)
    assert not done.is_set()
    await asyncio.wait_for(done.wait(), 5)
    await removals.close()


async def test_a_removal_that_is_refused_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def delete() -> None:
        raise ApiError(422, "no")

    await Removals().begin("the Job ns/a", delete)
    assert "the Job ns/a is not deleted (ApiError: 422: no)" in caplog.text
