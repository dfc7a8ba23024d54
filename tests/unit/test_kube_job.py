"""Making the Job of an attempt, and reading its log, whatever the API server answers."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kronstream.cluster.api import ApiError
from kronstream.cluster.jobs import Jobs
from kronstream.resources.batchjob import BatchJob
from kronstream.worker.kube import marks
from kronstream.worker.kube.ending import Where
from kronstream.worker.kube.following import Followed
from kronstream.worker.kube.job import _Attempt
from kronstream.worker.output import Tail, capture
from kronstream.worker.rulings import Fault
from unit.fakequeue import claim

pytestmark = pytest.mark.anyio
Object = dict[str, Any]
TEMPLATE = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "busybox:1"}]}}}}
MINE = claim("@job", run="uid-s1")


class FakeJobs:
    """Answers creations and reads one after another; raises what is an error."""

    def __init__(self, creations: tuple[object, ...] = (), reads: tuple[object, ...] = (), log: object = "") -> None:
        self.answers: dict[str, list[object]] = {"create": list(creations), "get": list(reads), "log": [log]}
        self.created: list[Object] = []

    def _answer(self, call: str) -> Any:
        answer = self.answers[call].pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def create(self, job: Object) -> Object:
        self.created.append(job)
        return self._answer("create")

    async def get(self, namespace: str, name: str) -> Object | None:
        assert (namespace, name) == ("ns", marks.object_name(MINE))
        return self._answer("get")

    async def log(self, namespace: str, pod: str, container: str, lines: int) -> str:
        return self._answer("log")


def attempt(jobs: FakeJobs, **fields: Any) -> _Attempt:
    async def connect() -> Jobs:
        return cast("Jobs", jobs)

    found = _Attempt(MINE, BatchJob.model_validate({"template": TEMPLATE, **fields}), connect, Followed(), 1_000)
    found.jobs = cast("Jobs", jobs)
    return found


def job(run: str) -> Object:
    return {"metadata": {"name": marks.object_name(MINE), "uid": "u", "labels": {marks.RUN: run}}}


EXISTS = ApiError(409, "already exists")


async def test_the_job_that_an_earlier_worker_made_is_taken_over() -> None:
    jobs = FakeJobs((EXISTS,), (job("uid-s1"),))
    assert await attempt(jobs)._make() == job("uid-s1")


async def test_a_reply_that_was_lost_makes_no_second_job() -> None:
    jobs = FakeJobs((ConnectionError("cut"), EXISTS), (job("uid-s1"),))
    assert await attempt(jobs)._make() == job("uid-s1")
    assert len({one["metadata"]["name"] for one in jobs.created}) == 1


async def test_a_job_that_vanishes_while_it_is_asked_for_is_made_again() -> None:
    jobs = FakeJobs((EXISTS, job("uid-s1")), (None,))
    assert await attempt(jobs)._make() == job("uid-s1")


async def test_the_job_of_somebody_else_is_left_alone() -> None:
    with pytest.raises(Fault, match="was not made for this run") as found:
        await attempt(FakeJobs((EXISTS,), (job("other"),)))._make()
    assert found.value.kind == "NameTaken"


@pytest.mark.parametrize(
    ("log", "lines", "output"),
    [
        ("one\ntwo\n", 200, "one\ntwo\n"),
        ("x" * 40_000 + "end", 200, "…" + "x" * 16_378 + "end"),
        (ApiError(400, "container is gone"), 200, "(the log of pod-1/main cannot be read: 400: container is gone)\n"),
        (TimeoutError(), 200, "(the log of pod-1/main cannot be read: )\n"),
        ("unread", 0, ""),
    ],
)
async def test_the_end_of_the_log_is_the_output(log: object, lines: int, output: str) -> None:
    tail = Tail()
    token = capture.set(tail)
    try:
        await attempt(FakeJobs(log=log), logTail=lines)._say(Where("pod-1", "main"))
    finally:
        capture.reset(token)
    assert tail.text() == output
