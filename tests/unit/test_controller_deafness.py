"""Handlers say that nobody listens while no router lives, and only then."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from kronstream.clock import StoreClock
from kronstream.cluster.api import ApiError
from kronstream.cluster.eventhandlers import EventHandlers
from kronstream.controller import deafness
from kronstream.controller.deafness import Deafness, deaf
from kronstream.controller.replicas import Replicas
from kronstream.ports import Effects

pytestmark = pytest.mark.anyio
NOW = 1_900_000_000_123


def handler(uid: str = "one", **status: Any) -> dict[str, Any]:
    return {"metadata": {"uid": uid, "name": uid, "namespace": "ns", "generation": 3}, "status": status}


def condition(kind: str, status: str, reason: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": "2026-01-01T00:00:00Z"}


class World:
    """Routers that live, handlers that are there, and what was written."""

    def __init__(self, *live: str) -> None:
        self.live = list(live)
        self.handlers = [handler(), handler("other")]
        self.written: dict[str, dict[str, Any]] = {}
        self.refusal: ApiError | None = None
        self.unreadable: ApiError | None = None
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()

    async def routers(self) -> list[str]:
        return self.live

    async def list_whole(self) -> list[dict[str, Any]]:
        self.asked += 1
        if self.unreadable is not None:
            raise self.unreadable
        return self.handlers

    async def write_status(self, namespace: str, name: str, uid: str, status: dict[str, Any]) -> None:
        assert (namespace, name) == ("ns", uid)
        if self.refusal is not None:
            raise self.refusal
        self.written[uid] = status

    def owns(self, uid: str) -> bool:
        return uid != "other"

    def now(self) -> int:
        return NOW


def looking(world: World, monkeypatch: pytest.MonkeyPatch, scope: str = "") -> Deafness:
    monkeypatch.setattr(deafness, "PATIENCE", 0.0)
    return Deafness(
        cast("Effects", world), cast("EventHandlers", world), cast("Replicas", world), cast("StoreClock", world), scope
    )


async def test_handlers_of_this_share_say_that_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    await looking(world, monkeypatch).look()
    assert list(world.written) == ["one"]
    said = {each["type"]: (each["status"], each["reason"]) for each in world.written["one"]["conditions"]}
    assert said == {"Ready": ("False", "NoRouter"), "Listening": ("False", "NoRouter")}


@pytest.mark.parametrize(("scope", "router"), [("", "|a"), ("shop", "shop|a"), ("shop", "|a")])
async def test_while_a_router_lives_it_speaks(scope: str, router: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(router)
    await looking(world, monkeypatch, scope).look()
    assert world.written == {}


async def test_a_router_of_other_namespaces_does_not_listen_for_these(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("bank|a")
    await looking(world, monkeypatch, "shop").look()
    assert list(world.written) == ["one"]


async def test_a_moment_without_routers_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    look = looking(world, monkeypatch)
    monkeypatch.setattr(deafness, "PATIENCE", 60.0)
    await look.look()
    assert world.written == {}


@pytest.mark.parametrize("code", [404, 422])
async def test_one_that_is_gone_or_heard_again_is_left_alone(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.refusal = ApiError(code, "no")
    await looking(world, monkeypatch).look()
    world.refusal = ApiError(500, "away")
    with pytest.raises(ApiError):
        await looking(world, monkeypatch).look()


async def test_an_api_server_that_forbids_all_for_a_moment_ends_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.unreadable = ApiError(403, "the roles are not known yet")
    with pytest.raises(ApiError, match="not known yet"):
        await looking(world, monkeypatch).look()
    monkeypatch.setattr(deafness, "LOOK", 0.001)
    watching = asyncio.create_task(looking(world, monkeypatch).run())
    try:
        async with asyncio.timeout(5):
            while world.asked < 3:
                assert not watching.done()
                await asyncio.sleep(0)
            world.unreadable = None
            while not world.written:
                await asyncio.sleep(0)
    finally:
        watching.cancel()


def test_what_else_the_status_tells_stays() -> None:
    theirs = condition("Synced", "True", "Theirs")
    told = deaf(handler(seq=7, triggerCount=2, conditions=[condition("Ready", "True", "InForce"), theirs]), NOW)
    assert told is not None
    assert (told["seq"], told["triggerCount"]) == (7, 2)
    by_type = {each["type"]: each for each in told["conditions"]}
    assert by_type["Synced"] == theirs
    assert by_type["Ready"]["lastTransitionTime"].startswith("2030-")
    assert by_type["Ready"]["observedGeneration"] == 3


def test_one_that_was_not_ready_is_not_said_to_have_changed() -> None:
    told = deaf(handler(conditions=[condition("Ready", "False", "StreamFault")]), NOW)
    assert told is not None
    assert told["conditions"][0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "conditions",
    [[condition("Ready", "False", "NoRouter")], [condition("Stalled", "True", "InvalidSpec")]],
)
def test_what_says_so_already_or_cannot_be_used_is_left_alone(conditions: list[dict[str, Any]]) -> None:
    assert deaf(handler(conditions=conditions), NOW) is None
