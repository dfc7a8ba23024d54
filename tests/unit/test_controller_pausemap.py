"""What becomes of the ConfigMap's pauses: declared when it changes, kept when nobody answers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kronstream.cluster.api import ApiError
from kronstream.controller import pausemap
from kronstream.controller.declaring import Declaring
from kronstream.controller.pausemap import PauseMap
from kronstream.ports import Pause
from kronstream.resources.instant import render
from unit.fakecluster import NOW, Stage

pytestmark = pytest.mark.anyio

BY = "ConfigMap kronstream-system/kronstream-pauses"
HOUR = 3_600_000
AWAY = (ConnectionError("refused"), TimeoutError(), ApiError(500, "etcd"), ApiError(403, "no"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time between two looks and two tries."""
    monkeypatch.setattr(pausemap, "LOOK", 0.001)
    monkeypatch.setattr(pausemap, "BACKOFF", (0.001,))


def config_map(written: int | None = None, /, **data: str) -> dict[str, Any]:
    meta: dict[str, Any] = {"namespace": "kronstream-system", "name": "kronstream-pauses", "uid": "u"}
    if written is not None:
        keys = {f"f:{key}": {} for key in data}
        meta["managedFields"] = [{"time": render(written), "fieldsV1": {"f:data": keys}}]
    return {"metadata": meta, "data": data}


class FakeConfig:
    """The ConfigMap as the API server has it; ``refusal`` is raised by every request while it is set."""

    namespace, name = "kronstream-system", "kronstream-pauses"

    def __init__(self) -> None:
        self.object: dict[str, Any] | None = None
        self.refusal: Exception | None = None
        self.reads = 0
        self._waiting: list[asyncio.Queue[Exception | dict[str, Any] | None]] = []

    def put(self, obj: dict[str, Any] | None) -> None:
        self.object = obj
        for queue in self._waiting:
            queue.put_nowait(obj)

    def fail(self, refusal: Exception) -> None:
        self.refusal = refusal
        for queue in self._waiting:
            queue.put_nowait(refusal)

    async def read(self) -> tuple[dict[str, Any] | None, str]:
        self.reads += 1
        if self.refusal is not None:
            raise self.refusal
        return self.object, "1"

    async def changes(self, version: str) -> AsyncIterator[dict[str, Any] | None]:
        assert version == "1"
        queue: asyncio.Queue[Exception | dict[str, Any] | None] = asyncio.Queue()
        self._waiting.append(queue)
        try:
            while True:
                change = await queue.get()
                if isinstance(change, Exception):
                    raise change
                yield change
        finally:
            self._waiting.remove(queue)


class Board:
    """A replica's pauses over a store in memory and one ConfigMap."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.config = FakeConfig()
        self.events: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.map = self.replica()

    def replica(self) -> PauseMap:
        replicas: Any = SimpleNamespace(open=self.open)
        events: Any = SimpleNamespace(post=self._post)
        declaring = Declaring(self.stage.ledger, self.stage.clock)
        return PauseMap(declaring, cast("Any", self.config), events, replicas)

    async def _post(self, namespace: str, event: dict[str, Any]) -> None:
        assert namespace == "kronstream-system"
        self.events.append(event)

    @property
    def in_force(self) -> dict[str, Pause]:
        """Pauses that hold now, by scope."""
        return {scope: one for (_, scope), one in self.stage.store.scopes.items() if one.covers(self.stage.time())}

    def covered(self, scope: str, instant: int) -> bool:
        return any(one.covers(instant) for (_, name), one in self.stage.store.scopes.items() if name == scope)

    async def holds(self, condition: Callable[[], object]) -> None:
        """Wait for it, with time for threads."""
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.001)


@asynccontextmanager
async def running(*maps: PauseMap) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(room()) for each in maps for room in (each.run, each.keep)]
    yield
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_changes_are_declared_as_they_come() -> None:
    board = Board()
    async with running(board.map):
        await board.map.told.wait()
        assert board.in_force == {}
        board.config.put(config_map(a="x"))
        await board.holds(lambda: board.in_force == {"a": Pause(NOW, None, BY, "x")})
        board.stage.time.advance(5)
        board.config.put(config_map(a="y", _all=f"until: {render(NOW + HOUR)}"))
        await board.holds(lambda: "*" in board.in_force)
        assert board.in_force == {"a": Pause(NOW, None, BY, "y"), "*": Pause(NOW + 5, NOW + HOUR, BY)}
        board.config.put(None)
        await board.holds(lambda: board.in_force == {})
        assert board.covered("a", NOW + 4)
        assert not board.covered("a", NOW + 5)


@pytest.mark.parametrize("refusal", AWAY, ids=str)
async def test_an_api_server_that_does_not_answer_changes_nothing(refusal: Exception) -> None:
    board = Board()
    board.config.put(config_map(a="x"))
    async with running(board.map):
        await board.holds(lambda: "a" in board.in_force)
        board.config.fail(refusal)
        reads = board.config.reads
        await board.holds(lambda: board.config.reads > reads + 5)
        assert "a" in board.in_force
        board.config.object, board.config.refusal = config_map(b=""), None
        await board.holds(lambda: set(board.in_force) == {"b"})


async def test_nothing_is_dispatched_before_the_first_answer_but_for_ever_it_is_not_waited_for() -> None:
    board = Board()
    board.config.refusal = ConnectionError("refused")
    async with running(board.map):
        await board.holds(lambda: board.config.reads > 10)
        assert not board.map.told.is_set()
        board.config.refusal = ApiError(403, "no role yet")
        await board.map.told.wait()
        assert board.in_force == {}


async def test_a_refusal_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    board = Board()
    board.config.refusal = ApiError(403, "configmaps is forbidden")
    with caplog.at_level(logging.WARNING):
        async with running(board.map):
            await board.holds(lambda: board.config.reads > 10)
    (line,) = caplog.messages
    assert line.startswith("ConfigMap kronstream-system/kronstream-pauses cannot be read; pauses of namespaces stay")
    assert "configmaps is forbidden" in line


async def test_what_cannot_be_read_is_told_once_in_log_and_event(caplog: pytest.LogCaptureFixture) -> None:
    board = Board()
    with caplog.at_level(logging.WARNING):
        async with running(board.map):
            board.config.put(config_map(a="until: never"))
            await board.holds(lambda: "a" in board.in_force)
            board.config.put(config_map(a="until: never", b=""))
            await board.holds(lambda: "b" in board.in_force)
    (line,) = caplog.messages
    assert line.startswith("ConfigMap kronstream-system/kronstream-pauses: a: until: 'never'")
    (event,) = board.events
    assert (event["type"], event["reason"]) == ("Warning", "UnreadablePause")
    assert event["involvedObject"]["name"] == "kronstream-pauses"
    assert event["message"].startswith("a: until: 'never'")


@pytest.mark.parametrize("asked", ["the store", "the API server"])
async def test_a_change_that_comes_while_a_look_waits_for_an_answer_is_declared(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board()
    slow, name = (board.stage.ledger, "declared_pauses") if asked == "the store" else (board.config, "read")
    answer, waiting = getattr(slow, name), True

    async def changed_meanwhile() -> Any:
        nonlocal waiting
        old = await answer()
        if waiting:
            waiting = False
            board.config.put(config_map(a="until: never"))
            await board.holds(lambda: board.events)  # the replica has heard of it
        return old

    board.config.put(config_map(b=f"until: {render(NOW + HOUR)}"))
    async with running(board.map):
        await board.holds(lambda: "b" in board.in_force)
        monkeypatch.setattr(slow, name, changed_meanwhile)
        board.stage.time.advance(HOUR)  # a pause that is over makes the next look ask the API server, too
        await board.holds(lambda: set(board.in_force) == {"a"})


@pytest.mark.parametrize("lost", ["ended", "begun", "older copy"])
async def test_what_others_made_of_the_store_is_put_right_by_the_live_object(lost: str) -> None:
    board = Board()
    board.config.put(config_map(a=""))
    ledger = board.stage.ledger
    async with running(board.map):
        await board.holds(lambda: "a" in board.in_force)
        if lost == "ended":
            await ledger.declare_pauses("configmap", {})
        elif lost == "begun":
            await ledger.declare_pauses("configmap", {"a": Pause(0, None), "b": Pause(0, None)})
        else:
            board.stage.store.scopes.clear()
        await board.holds(lambda: set(board.in_force) == {"a"})


async def test_a_replica_that_hears_nothing_puts_nothing_back() -> None:
    board = Board()
    board.config.put(config_map(a=""))
    async with running(board.map):
        await board.holds(lambda: "a" in board.in_force)
        board.config.fail(ConnectionError("refused"))
        await board.stage.ledger.declare_pauses("configmap", {"b": Pause(0, None)})
        reads = board.config.reads
        await board.holds(lambda: board.config.reads > reads + 10)
        assert set(board.in_force) == {"b"}


async def test_replicas_agree_and_then_are_quiet() -> None:
    board = Board()
    board.config.put(config_map(a=""))
    both = board.map, board.replica()
    async with running(*both):
        for each in both:
            await each.told.wait()
    for _ in range(2):
        for each in both:
            await each.look()
    reads = board.config.reads
    for each in both:
        await each.look()
    assert board.config.reads == reads
    assert set(board.in_force) == {"a"}


async def test_a_store_that_fails_gets_the_pauses_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board()
    declare, failing = board.stage.ledger.declare_pauses, True

    async def perhaps(*args: Any) -> bool:
        if failing:
            raise ConnectionError("redis is away")
        return await declare(*args)

    monkeypatch.setattr(board.stage.ledger, "declare_pauses", perhaps)
    async with running(board.map):
        # seconds are what the API server notes
        board.config.put(config_map(NOW, a=""))
        await board.holds(lambda: board.config.reads > 0)
        board.stage.time.advance(60_000)
        failing = False
        await board.holds(lambda: "a" in board.in_force)
    assert board.in_force["a"].since == NOW + 1_000


@pytest.mark.parametrize(("age", "since"), [(10_000, NOW - 9_000), (2_000, NOW), (-60_000, NOW), (None, NOW)])
async def test_a_pause_that_was_written_while_nobody_looked_counts_from_then(age: int | None, since: int) -> None:
    board = Board()
    await board.stage.ledger.declare_pauses("configmap", {"b": Pause(0, None)}, NOW - 500)
    board.config.put(config_map(None if age is None else NOW - age, a="", b=""))
    async with running(board.map):
        await board.map.told.wait()
    assert board.in_force["a"].since == since
    assert board.in_force["b"].since == NOW - 500


async def test_a_pause_that_was_written_and_over_while_nobody_looked_holds_back_what_came_due_in_it() -> None:
    board = Board()
    board.config.put(config_map(NOW - HOUR, a=f"until: {render(NOW - HOUR // 2)}"))
    for _ in range(2):
        board.map = board.replica()
        async with running(board.map):
            await board.map.told.wait()
        assert board.in_force == {}
        assert board.covered("a", NOW - HOUR + 1_000)
        assert board.covered("a", NOW - HOUR // 2 - 1)
        assert not board.covered("a", NOW - HOUR)


async def test_a_pause_whose_time_came_is_no_news() -> None:
    board = Board()
    board.config.put(config_map(NOW, a=f"until: {render(NOW + HOUR)}"))
    async with running(board.map):
        await board.holds(lambda: "a" in board.in_force)
        board.stage.time.advance(HOUR)
        reads = board.config.reads
        await board.holds(lambda: board.config.reads > reads)
    assert [(one.since, one.until) for one in board.stage.store.scopes.values()] == [(NOW, NOW + HOUR)]


@pytest.mark.parametrize("away", [False, True])
async def test_a_lost_store_is_told_that_the_pauses_always_were(away: bool) -> None:
    board = Board()
    board.config.put(config_map(a="", b=f"until: {render(NOW + HOUR)}"))
    async with running(board.map):
        await board.holds(lambda: set(board.in_force) == {"a", "b"})
    board.stage.store.wipe()
    await board.stage.ledger.declare_pauses("configmap", {"b": Pause(0, None)})  # before anybody saw that it was lost
    board.config.put(config_map(b="", c=""))
    board.config.refusal = TimeoutError() if away else None
    board.stage.time.advance(1_000)
    await board.map.restore()

    assert all(board.covered(scope, 1) and board.covered(scope, NOW) for scope in ("a", "b"))
    assert set(board.in_force) == ({"a", "b"} if away else {"b", "c"})
    assert board.covered("c", 1) is not away


async def test_a_lost_store_is_not_opened_by_a_replica_that_knows_nothing() -> None:
    board = Board()
    for refusal in AWAY[:3]:
        board.config.refusal = refusal
        with pytest.raises(type(refusal)):
            await board.map.restore()
    board.config.refusal = AWAY[3]
    await board.map.restore()  # nobody may read it: then it pauses nothing
    assert board.stage.store.scopes == {}


@pytest.mark.parametrize("away", [False, True])
async def test_an_older_copy_of_the_store_gets_the_pauses_at_once(away: bool) -> None:
    board = Board()
    await board.map.returned()
    assert board.stage.store.scopes == {}
    board.config.put(config_map(NOW - HOUR, a=""))
    async with running(board.map):
        await board.holds(lambda: "a" in board.in_force)
    board.stage.store.scopes.clear()
    board.config.put(config_map(NOW - HOUR, b=""))
    board.config.refusal = ConnectionError("refused") if away else None
    await board.map.returned()
    assert board.in_force == {"a" if away else "b": Pause(NOW - HOUR + 1_000, None, BY)}
