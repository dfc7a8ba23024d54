"""The annotation run-now: one value, one run, whatever goes wrong in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest

from kronstream.budget import Budget
from kronstream.cluster.api import ApiError
from kronstream.cluster.events import Events
from kronstream.controller import asking
from kronstream.controller.asking import Asking
from kronstream.controller.job import RUN_NOW, Job
from kronstream.controller.replicas import Replicas
from kronstream.domain.run import Trigger, digest, run_id
from unit.fakecluster import UID, manifest, until
from unit.office import Office

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "RETRY", 0.0)


class Board:
    """Keeps the Events that were posted; ``refusal`` is raised while it is set."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.refusal: Exception | None = None

    async def post(self, namespace: str, event: dict[str, Any]) -> None:
        assert namespace == "default"
        if self.refusal is not None:
            raise self.refusal
        self.posted.append(event)


class Open:
    """A replica that knows all jobs, or not yet."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()


class Desk:
    """Asking over an office."""

    def __init__(self) -> None:
        self.office = Office()
        self.board = Board()
        self.replicas = Open()
        stage = self.office.stage
        self.asking = Asking(
            stage.roster,
            stage.jobs.port(),
            cast("Events", self.board),
            self.office.runs,
            cast("Replicas", self.replicas),
            stage.clock,
        )
        stage.reconciler.asked = self.asking.look

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.asking.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def runs(self) -> list[str]:
        return list(self.office.stage.store.runs)

    def annotate(self, value: str | None, **live: Any) -> None:
        """A new value at the API server, and its event; ``live`` changes what a GET tells instead."""
        obj = annotated(value)
        self.office.stage.jobs.put({**obj, **live})
        self.office.stage.reconciler.observe("MODIFIED", obj)


def annotated(value: str | None, **fields: Any) -> dict[str, Any]:
    obj = manifest(**fields)
    if value is not None:
        obj["metadata"]["annotations"] = {RUN_NOW: value}
    return obj


def run_of(value: str) -> str:
    return run_id(UID, Trigger.MANUAL, digest(f"annotation run-now:{UID}:{value}"))


async def answered(desk: Desk, job: Job, value: str) -> None:
    await until(lambda: job.handled == value)


async def test_each_new_value_runs_once() -> None:
    desk = Desk()
    async with desk.reading():
        job = await desk.office.adopt(annotated("1"))
        await answered(desk, job, "1")
        for value in ("1", "2", "2", "1"):
            desk.annotate(value)
            await answered(desk, job, value)
    assert desk.runs() == [run_of("1"), run_of("2")]
    assert (await desk.office.state(UID)).run_now == "1"
    record = await desk.office.records.get(run_of("1"))
    assert record is not None
    assert record.requested_by == "annotation run-now"


@pytest.mark.parametrize("value", [None, ""])
async def test_nothing_is_asked_without_a_value(value: str | None) -> None:
    desk = Desk()
    async with desk.reading():
        await desk.office.adopt(annotated(value))
        desk.annotate(value)
        await asyncio.sleep(0)
    assert (desk.runs(), desk.office.stage.jobs.gets) == ([], 0)


async def test_what_the_status_tells_is_not_even_looked_up() -> None:
    desk = Desk()
    async with desk.reading():
        await desk.office.adopt(annotated("1", status={"handledRunNow": "1"}))
        await asyncio.sleep(0)
    assert (desk.runs(), desk.office.stage.jobs.gets) == ([], 0)


async def test_the_live_object_decides_and_not_an_old_event() -> None:
    desk = Desk()
    async with desk.reading():
        job = await desk.office.adopt(annotated(None))
        gets = desk.office.stage.jobs
        cases: list[dict[str, Any]] = [
            {"metadata": annotated(None)["metadata"]},
            {"status": {"handledRunNow": "1"}},
            {"metadata": {**annotated("1")["metadata"], "uid": "another"}},
            {"metadata": {**annotated("1")["metadata"], "deletionTimestamp": "2026-11-18T11:06:30Z"}},
        ]
        for live in cases:
            before = gets.gets
            gets.objects.clear()
            desk.annotate("1", **live)
            await until(lambda before=before: gets.gets > before)
        gets.objects.clear()
        desk.office.stage.reconciler.observe("MODIFIED", annotated("1"))
        before = gets.gets
        await until(lambda: gets.gets > before)
        await asyncio.sleep(0)
        assert job.handled is None
    assert desk.runs() == []


async def test_a_value_that_comes_while_another_is_answered_runs_too() -> None:
    desk = Desk()
    get = desk.office.stage.jobs.get

    async def slow(namespace: str, name: str) -> dict[str, Any] | None:
        found = await get(namespace, name)
        if desk.office.stage.jobs.gets == 1:
            desk.annotate("2")  # the answer to the first question is old by now
        return found

    desk.office.stage.jobs.get = slow  # type: ignore[method-assign]
    async with desk.reading():
        job = await desk.office.adopt(annotated("1"))
        await answered(desk, job, "2")
    assert desk.runs() == [run_of("1"), run_of("2")]


async def test_an_api_server_and_a_store_that_are_away_put_it_off(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.office.stage.jobs.refusal = ApiError(503, "starting")
    async with desk.reading():
        job = await desk.office.adopt(annotated("1"))
        await until(lambda: "have to wait: 503" in caplog.text)
        desk.office.stage.store.epoch, epoch = None, desk.office.stage.store.epoch
        desk.office.stage.jobs.refusal = None
        await until(lambda: desk.office.stage.jobs.gets > 3)
        assert desk.runs() == []
        desk.office.stage.store.epoch = epoch
        await answered(desk, job, "1")
    assert desk.runs() == [run_of("1")]


async def test_a_fault_of_the_program_ends_it() -> None:
    desk = Desk()
    desk.office.stage.jobs.refusal = KeyError("metadata")
    await desk.office.adopt(annotated("1"))
    with pytest.raises(KeyError):
        await desk.asking.run()


async def test_nothing_is_asked_before_the_store_is_open() -> None:
    desk = Desk()
    desk.replicas.open.clear()
    async with desk.reading():
        job = await desk.office.adopt(annotated("1"))
        await asyncio.sleep(0)
        assert desk.office.stage.jobs.gets == 0
        desk.replicas.open.set()
        await answered(desk, job, "1")


async def test_a_job_that_went_meanwhile_is_forgotten() -> None:
    desk = Desk()
    desk.replicas.open.clear()
    async with desk.reading():
        job = await desk.office.adopt(annotated("1"))
        desk.office.stage.roster.drop(job.uid)
        desk.replicas.open.set()
        await until(lambda: not desk.asking._some.is_set())
    assert (desk.runs(), desk.office.stage.jobs.gets) == ([], 0)


async def test_a_broken_spec_runs_when_it_is_mended() -> None:
    desk = Desk()
    async with desk.reading():
        job = await desk.office.adopt(annotated("1", schedule="61 * * * *"))
        assert job.fault is not None
        await asyncio.sleep(0)
        assert desk.office.stage.jobs.gets == 0
        job = await desk.office.adopt(annotated("1", generation=2))
        await answered(desk, job, "1")
    assert desk.runs() == [run_of("1")]


async def test_a_store_that_holds_the_job_for_broken_decides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    job = await desk.office.adopt(annotated("1"))
    desk.office.stage.store.jobs[UID].invalid = True
    async with desk.reading():
        await until(lambda: "mend it first" in caplog.text)
    assert (job.handled, desk.board.posted) == (None, [])


async def test_a_refused_run_is_told_in_an_event() -> None:
    desk = Desk()
    async with desk.reading():
        job = await desk.office.adopt(annotated("1", concurrencyPolicy="Forbid"))
        await answered(desk, job, "1")
        desk.annotate("2")
        await answered(desk, job, "2")
    (event,) = desk.board.posted
    assert (event["reason"], event["type"]) == ("RunRefused", "Warning")
    assert f"no run for {RUN_NOW}=2: the run was skipped: another run is not over" in event["message"]
    assert (await desk.office.state(UID)).run_now == "2"


@pytest.mark.parametrize(
    ("error", "logged"),
    [(ApiError(409, "exists"), False), (ApiError(403, "no"), True), (OSError("away"), True)],
)
async def test_an_event_that_cannot_be_posted_holds_nothing_up(
    error: Exception, logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    desk = Desk()
    desk.board.refusal = error
    async with desk.reading():
        job = await desk.office.adopt(annotated("1", concurrencyPolicy="Forbid"))
        await answered(desk, job, "1")
        desk.annotate("2")
        await answered(desk, job, "2")
    assert ("was not posted" in caplog.text) == logged


async def test_very_many_refused_runs_are_not_all_told() -> None:
    desk = Desk()
    desk.asking._herald._budget = Budget(0.0, 0.0, 0.0, 0.0)
    async with desk.reading():
        job = await desk.office.adopt(annotated("1", concurrencyPolicy="Forbid"))
        await answered(desk, job, "1")
        desk.annotate("2")
        await answered(desk, job, "2")
    assert desk.board.posted == []
