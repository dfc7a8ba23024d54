"""Orders about many executions over the store in memory: found by filters, done once, whoever goes on with them."""

import pytest

from kronstream.domain.run import State
from kronstream.operations import bulk as service
from kronstream.operations import sought
from kronstream.operations.bulk import Bulk, Filter, Order
from kronstream.operations.executions import Executions
from kronstream.operations.refused import Refused, Why
from kronstream.ports import Execution
from kronstream.testing import MemoryListing
from kronstream.testing.orders import MemoryOrders
from unit.fakecluster import UID, manifest
from unit.office import Office

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office() -> Office:
    """With one job, of which three runs wait."""
    office = Office()
    await office.adopt(manifest())
    for key in "abc":
        await office.runs.run_now(UID, key)
    return office


def served(office: Office) -> Bulk:
    """One replica."""
    executions = Executions(office.records, office.runs)
    return Bulk(MemoryOrders(office.stage.store), MemoryListing(office.stage.store), executions)


def order(kind: service.OrderKind = "cancel") -> Order:
    return Order("", kind, "default", 0, UID, "job", "anna")


async def states(office: Office, runs: list[str]) -> list[State]:
    found = [await office.records.get(run) for run in runs]
    return [run.state for run in found if run is not None]


async def test_what_is_meant_by_job_namespace_state_and_time(office: Office) -> None:
    replica = served(office)
    waiting = await replica.find("cancel", Filter(), UID)
    assert len(waiting) == 3
    assert sorted(await replica.find("cancel", Filter(), namespace="default")) == sorted(waiting)
    assert await replica.find("cancel", Filter(), namespace="another") == []
    assert sorted(await replica.find("cancel", Filter())) == sorted(waiting)
    assert await replica.find("cancel", Filter(State.RUNNING), UID) == []
    assert await replica.find("retry", Filter(), UID) == []
    now = office.stage.time()
    assert await replica.find("cancel", Filter(begin=now + 1), UID) == []
    assert len(await replica.find("cancel", Filter(end=now), UID)) == 3


async def test_it_is_done_to_the_end_and_told(office: Office) -> None:
    replica = served(office)
    runs = await replica.find("cancel", Filter(), UID)
    begun = await replica.start(order(), runs, "key")
    assert (begun.state, begun.count, begun.by) == ("running", 3, "anna")
    assert (await replica.start(order(), runs, "key")).id == begun.id
    while await replica.step():
        pass
    told = await served(office).get(begun.id)
    assert (told.state, told.done, told.refused) == ("done", 3, 0)
    assert await states(office, runs) == [State.CANCELLED] * 3


class Dying(Executions):
    """A replica that dies in the middle of an order, once it did a run and nobody was told."""

    async def cancel(self, run: str, by: str) -> bool:
        await super().cancel(run, by)
        raise TimeoutError("gone")

    async def retry(self, run: str, key: str, by: str, trace: str = "") -> Execution:
        await super().retry(run, key, by, trace)
        raise TimeoutError("gone")


@pytest.mark.parametrize("kind", ["cancel", "retry"])
async def test_another_goes_on_and_nothing_is_done_twice(office: Office, kind: service.OrderKind) -> None:
    store = office.stage.store
    if kind == "retry":
        await office.runs.cancel(await served(office).find("cancel", Filter(), UID), "x")
    dying = Bulk(MemoryOrders(store), MemoryListing(store), Dying(office.records, office.runs))
    runs = await dying.find(kind, Filter(), UID)
    begun = await dying.start(order(kind), runs, "key")
    with pytest.raises(TimeoutError):
        await dying.step()
    other = served(office)
    assert not await other.step(), "its lease is not over"
    office.stage.time.advance(service.LEASE)
    assert await other.step()
    told = await other.get(begun.id)
    assert (told.state, told.done, told.refused) == ("done", 3, 0)
    again = await other.find("cancel", Filter(), UID)
    assert len(again) == (3 if kind == "retry" else 0)


async def test_what_cannot_be_done_is_counted_and_the_others_have_their_turn(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    replica = served(office)
    runs = await replica.find("cancel", Filter(), UID)
    cancel = Executions.cancel

    async def broken(self: Executions, run: str, by: str) -> bool:
        if run == runs[0]:
            raise KeyError(run)
        return await cancel(self, run, by)

    monkeypatch.setattr(Executions, "cancel", broken)
    begun = await replica.start(order(), [*runs, "nobody"], "key")
    assert await replica.step()
    told = await replica.get(begun.id)
    assert (told.state, told.done, told.refused) == ("done", 2, 2)
    assert "is passed over" in caplog.text


async def test_an_order_that_was_ended_goes_no_further(office: Office) -> None:
    replica = served(office)
    runs = await replica.find("cancel", Filter(), UID)
    begun = await replica.start(order(), runs, "key")
    await replica.end(begun.id)
    assert not await replica.step()
    assert await states(office, runs) == [State.QUEUED] * 3
    with pytest.raises(Refused, match="is over"):
        await replica.end(begun.id)
    for name in ("op-none", "x"):
        with pytest.raises(Refused, match="no such operation"):
            await replica.get(name)


async def test_too_much_is_refused(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    replica = served(office)
    runs = await replica.find("cancel", Filter(), UID)
    for number in range(service.MOST_ORDERS):
        await replica.start(order(), runs, f"key-{number}")
    with pytest.raises(Refused, match="20 operations are under way") as refused:
        await replica.start(order(), runs, "one more")
    assert refused.value.why is Why.CONFLICT
    monkeypatch.setattr(sought, "MOST_RUNS", 2)
    with pytest.raises(Refused, match="more than 2 executions fit; choose by job"):
        await replica.find("cancel", Filter(), UID)
    monkeypatch.setattr(sought, "EXAMINED", 3)
    with pytest.raises(Refused, match="name a job"):
        await replica.find("cancel", Filter())


async def test_long_lists_are_read_in_pages(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sought, "AT_ONCE", 2)
    monkeypatch.setattr(sought, "JOBS", 1)
    assert len(await served(office).find("cancel", Filter())) == 3
