"""Work that goes on behind the receiver: attached before it is asked for, left to it, ended by its token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from builders import card
from contract.acts import dispatched, record, taken
from contract.modelstore import ModelStore
from kronstream.domain.run import State
from kronstream.ports import Claim, Completion
from kronstream.worker.rulings import Fault, Parked
from unit.httpbench import Bench, bench, block
from unit.httpreceiver import Receiver

pytestmark = pytest.mark.anyio

API = "https://kronstream.example/api/v1/scheduler/"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver([{"status": 202}])
    await receiver.start()
    yield receiver
    await receiver.stop()


class Flaky:
    """Externals that fail to park a few times."""

    def __init__(self, inner: Any, failures: int) -> None:
        self._inner = inner
        self.failures = failures
        self.attach = inner.attach

    async def park(self, claim: Claim, timeout: int) -> bool:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the store is away")
        parked: bool = await self._inner.park(claim, timeout)
        return parked


async def started(store: ModelStore, receiver: Receiver, **http: Any) -> tuple[int, Claim]:
    """A run that a worker took; its nominal time."""
    call = block(url=f"{receiver.url}/work", accepted="Callback", **http)
    (nominal,) = await dispatched(store, work_fields={"function": "@http", "call": call, "payload": {"n": 1}})
    (claim,) = await taken(store)
    return nominal, claim


def made(store: ModelStore, receiver: Receiver, **options: Any) -> Bench:
    return bench(receiver, **{"externals": store.externals, "callback": API, **options})


async def test_it_is_attached_before_it_is_asked_for_and_then_left(receiver: Receiver) -> None:
    store = ModelStore()
    nominal, claim = await started(store, receiver)
    http = made(store, receiver)
    attached = []

    async def look(request: web.Request) -> web.StreamResponse:
        attached.append(await store.externals.attach(claim))
        return web.Response(status=202)

    receiver.answers = [look]
    with pytest.raises(Parked):
        await http.execute(claim)

    (got,) = receiver.received
    token = got.headers["kronstream-token"]
    assert attached == [token]
    assert got.headers["kronstream-run"] == claim.run
    assert got.headers["kronstream-callback"] == f"{API}executions/{claim.run}/complete"
    assert await store.queue.beat(card(), [claim]) is not None
    assert (await record(store, nominal)).state is State.RUNNING
    assert token not in http.tail.text()

    assert await store.externals.complete(claim.run, token, Completion(result='{"rows":3}'))
    assert (await record(store, nominal)).result == {"rows": 3}
    await http.kind.close()


async def test_another_worker_asks_again_with_the_same_run_and_token(receiver: Receiver) -> None:
    store = ModelStore()
    _, claim = await started(store, receiver)
    token = await store.externals.attach(claim)
    http = made(store, receiver)

    with pytest.raises(Parked):
        await http.execute(replace(claim, external=token))

    (got,) = receiver.received
    assert (got.headers["kronstream-token"], got.headers["idempotency-key"]) == (token, claim.run)
    await http.kind.close()


async def test_any_other_success_ends_it_at_once(receiver: Receiver) -> None:
    store = ModelStore()
    _, claim = await started(store, receiver)
    receiver.answers = [{"status": 200, "text": "done already"}]
    http = made(store, receiver)

    assert (await http.execute(claim))["body"] == "done already"
    await http.kind.close()


async def test_a_failure_ends_it_without_telling_its_token(receiver: Receiver) -> None:
    store = ModelStore()
    _, claim = await started(store, receiver)

    async def echo(request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text=f"cannot use {request.headers['Kronstream-Token']}")

    receiver.answers = [echo]
    http = made(store, receiver)
    with pytest.raises(Fault, match=r"500 .*: cannot use \*\*\*"):
        await http.execute(claim)
    await http.kind.close()


async def test_without_the_setting_there_is_no_address_to_call(receiver: Receiver) -> None:
    store = ModelStore()
    _, claim = await started(store, receiver)
    http = made(store, receiver, callback="")

    with pytest.raises(Parked):
        await http.execute(claim)

    assert "kronstream-callback" not in receiver.received[0].headers
    assert "kronstream-token" in receiver.received[0].headers
    await http.kind.close()


async def test_an_end_that_is_told_before_the_answer_counts(receiver: Receiver) -> None:
    store = ModelStore()
    nominal, claim = await started(store, receiver)

    async def quick(request: web.Request) -> web.StreamResponse:
        assert await store.externals.complete(claim.run, request.headers["Kronstream-Token"], Completion(result="1"))
        return web.Response(status=202)

    receiver.answers = [quick]
    http = made(store, receiver)
    with pytest.raises(Parked):
        await http.execute(claim)

    assert (await record(store, nominal)).state is State.SUCCESS
    await http.kind.close()


async def test_what_is_no_longer_current_is_not_asked_for(receiver: Receiver) -> None:
    store = ModelStore()
    _, claim = await started(store, receiver)
    http = made(store, receiver)

    with pytest.raises(Fault, match="no longer this worker's"):
        await http.execute(replace(claim, token="another"))

    assert receiver.received == []
    await http.kind.close()


async def test_a_store_that_is_away_is_asked_again(receiver: Receiver) -> None:
    store = ModelStore()
    nominal, claim = await started(store, receiver)
    flaky = Flaky(store.externals, 2)
    http = made(store, receiver, externals=flaky)

    with pytest.raises(Parked):
        await http.execute(claim)

    assert flaky.failures == 0
    assert (await record(store, nominal)).state is State.RUNNING
    assert len(receiver.received) == 1
    await http.kind.close()


async def test_a_job_for_which_accepted_is_done_attaches_nothing(receiver: Receiver) -> None:
    http = bench(receiver)

    assert (await http.send())["status"] == 202
    assert not [name for name in receiver.received[0].headers if name in ("kronstream-run", "kronstream-token")]
    await http.kind.close()


async def test_accepted_counts_though_success_codes_leave_it_out(receiver: Receiver) -> None:
    store = ModelStore()
    _, claim = await started(store, receiver, successCodes=[200])
    http = made(store, receiver)

    with pytest.raises(Parked):
        await http.execute(claim)
    await http.kind.close()
