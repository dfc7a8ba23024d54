"""Pauses of namespaces and of all jobs, as a replica knows them."""

import asyncio
from typing import cast

import pytest
from redis.exceptions import RedisError

from kronstream.controller import pauses as pausing
from kronstream.controller.job import read
from kronstream.controller.pauses import Pauses
from kronstream.controller.replicas import Replicas
from kronstream.ports import Pause
from unit.fakecluster import NOW, UID, Stage, manifest, until

pytestmark = pytest.mark.anyio


class Open:
    """A replica that knows all jobs."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()


class Desk:
    """Pauses over a stage with one job in `default` and one in `other`; ``told`` are those whose status changed."""

    def __init__(self) -> None:
        self.stage = Stage()
        for uid, namespace in ((UID, "default"), ("theirs", "other")):
            obj = manifest(uid)
            obj["metadata"]["namespace"] = namespace
            self.stage.roster.put(read(obj, 60_000)[0])
        self.pauses = Pauses(self.stage.ledger, self.stage.roster, self.stage.clock, cast("Replicas", Open()))
        self.told: list[str] = []
        self.pauses.changed = self.told.append

    async def declare(self, source: str = "map", **ends: int | None) -> None:
        """The scopes that are paused, by when that ends; `every` is all jobs."""
        named = {("*" if scope == "every" else scope): Pause(NOW, end, source) for scope, end in ends.items()}
        await self.stage.ledger.declare_pauses(source, named)
        await self.pauses.look()

    def of(self, namespace: str = "default") -> tuple[str, int | None] | None:
        found = self.pauses.of(namespace, self.stage.time.now)
        return None if found is None else (found[0], found[1].until)


async def test_a_namespace_is_held_and_no_other() -> None:
    desk = Desk()
    await desk.declare(default=None)
    assert (desk.of(), desk.of("other")) == (("Namespace", None), None)
    assert desk.told == [UID]
    await desk.pauses.look()
    assert desk.told == [UID], "nothing changed"
    await desk.declare()
    assert (desk.of(), desk.told) == (None, [UID, UID])


async def test_all_jobs_are_held() -> None:
    desk = Desk()
    await desk.declare(every=None)
    assert desk.of() == desk.of("other") == ("Installation", None)
    assert sorted(desk.told) == sorted([UID, "theirs"])


async def test_of_several_the_one_that_ends_last_counts() -> None:
    desk = Desk()
    await desk.declare(every=NOW + 5_000, default=NOW + 9_000)
    assert desk.of() == ("Namespace", NOW + 9_000)
    assert desk.of("other") == ("Installation", NOW + 5_000)
    await desk.declare("setting", every=None)
    assert desk.of() == ("Installation", None)
    await desk.declare("setting", every=NOW + 9_000)
    assert desk.of() == ("Installation", NOW + 9_000)


async def test_a_pause_that_ends_by_itself_changes_every_status() -> None:
    desk = Desk()
    await desk.declare(default=NOW + 5_000)
    desk.stage.time.advance(5_000)
    await desk.pauses.look()
    assert (desk.of(), desk.told) == (None, [UID, UID])


async def test_what_is_due_goes_between_very_many_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pausing, "CHUNK", 1)
    desk = Desk()
    await desk.declare(every=None)
    assert len(desk.told) == 2


async def test_it_is_looked_at_again_and_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pausing, "LOOK", 0.0)
    desk = Desk()
    desk.pauses.changed = Pauses(
        desk.stage.ledger, desk.stage.roster, desk.stage.clock, cast("Replicas", Open())
    ).changed
    fault: list[Exception] = [RedisError("away")]
    declared = desk.stage.ledger.declared_pauses

    async def flaky() -> dict[str, tuple[Pause, ...]]:
        if fault:
            raise fault[0]
        return dict(await declared())

    monkeypatch.setattr(desk.stage.ledger, "declared_pauses", flaky)
    task = asyncio.create_task(desk.pauses.run())
    await until(lambda: "reading the pauses failed, tried again: away" in caplog.text)
    fault.clear()
    await desk.stage.ledger.declare_pauses("map", {"default": Pause(NOW, None)})
    await until(desk.of)
    task.cancel()
