"""Streams that others read and write, and work that is to be taken back."""

import pytest

from builders import UID, card, success
from contract.acts import dispatched, more, rid, taken
from contract.stores import LEASE, Store
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.domain.work import Work
from kronstream.ports import Claim, Completion

pytestmark = pytest.mark.anyio

REPLIES = "stream:scheduler:replies"
LEFT = 10_001


async def attached(store: Store, **fields: object) -> tuple[Claim, str]:
    """A run whose work goes on elsewhere, held by its worker, and the work's token."""
    await dispatched(store, **fields)
    (claim,) = await taken(store)
    token = await store.externals.attach(claim)
    assert token
    return claim, token


async def test_a_reply_goes_to_one_reader_and_is_gone_when_it_was_worked_on(store: Store) -> None:
    assert await store.wires.replies(REPLIES, "a", 10, 1) == []
    assert await store.wires.publish(REPLIES, {"run": "1"}, 10)
    assert await store.wires.publish(REPLIES, {"run": "2"}, 10)
    (first,) = await store.wires.replies(REPLIES, "a", 1, 10)
    (second,) = await store.wires.replies(REPLIES, "b", 10, 10)
    assert [first.fields, second.fields] == [{"run": "1"}, {"run": "2"}]
    await store.wires.answered(REPLIES, [first.entry])
    await store.advance(LEFT)
    (left,) = await store.wires.replies(REPLIES, "a", 10, 10)
    assert left == second
    await store.wires.answered(REPLIES, [left.entry])
    await store.advance(LEFT)
    assert await store.wires.replies(REPLIES, "a", 10, 1) == []


async def test_a_stream_that_nobody_reads_is_not_filled_without_end(store: Store) -> None:
    assert [await store.wires.publish("stream:agents:dispatch", {"run": str(n)}, 2) for n in range(3)] == [
        True, True, False,
    ]  # fmt: skip


async def test_what_nobody_understands_is_a_dead_letter(store: Store) -> None:
    await store.wires.bury({"run": "1", "text": "x" * 5000, **{f"n{n}": "" for n in range(50)}}, "no token")
    (letter,) = await store.dead_letters()
    assert letter["reason"] == "no token"
    assert letter["field.run"] == "1"
    assert len(letter["field.text"]) == 1024
    assert len(letter) <= 17


async def test_parked_work_that_is_cancelled_is_to_be_taken_back(store: Store) -> None:
    claim, token = await attached(store, work_fields={"call": {"name": "reviewer"}})
    await store.externals.park(claim, 60_000)
    assert await store.wires.recalls(10) == []
    await store.requests.cancel([claim.run], "ann")
    ((recall, text),) = await store.wires.recalls(10)
    assert (recall.run, recall.uid, recall.token, recall.attempt) == (claim.run, UID, token, 1)
    assert (recall.namespace, recall.name) == ("default", "job")
    assert Work.load(text).call == {"name": "reviewer"}
    await store.wires.recalled([recall])
    assert await store.wires.recalls(10) == []


async def test_parked_work_that_times_out_or_is_replaced_is_to_be_taken_back(store: Store) -> None:
    claim, token = await attached(store, policy="Replace", max_concurrent=1, work_fields={"retry": Retry(initial=1)})
    await store.externals.park(claim, 60_000)
    await store.advance(60_001)
    await store.queue.sweep()
    assert [(one.token, one.attempt) for one, _ in await store.wires.recalls(10)] == [(token, 1)]
    await store.advance(10)
    await store.queue.sweep()
    (again,) = await taken(store)
    other = await store.externals.attach(again)
    await store.externals.park(again, 60_000)
    await more(store)
    assert [one.token for one, _ in await store.wires.recalls(10)] == [token, other]


async def test_work_that_a_worker_ends_or_that_ends_by_itself_is_not(store: Store) -> None:
    claim, _ = await attached(store)
    await store.queue.finish(card(), [success(claim)])
    (nominal,) = await more(store)
    (claim,) = await taken(store)
    token = await store.externals.attach(claim) or ""
    await store.externals.park(claim, 60_000)
    assert await store.externals.complete(rid(nominal), token, Completion())
    assert await store.wires.recalls(10) == []


async def test_work_that_is_cancelled_before_another_worker_parks_it_is_taken_back(store: Store) -> None:
    claim, token = await attached(store)
    await store.advance(LEASE + 1)
    await store.queue.sweep()
    await store.requests.cancel([claim.run], "ann")
    assert await store.wires.recalls(10) == []
    (over,) = await taken(store, consumer="worker-2")
    assert await store.externals.park(over, 60_000)
    found = await store.records.get(claim.run)
    assert found
    assert found.state is State.CANCELLED
    assert [one.token for one, _ in await store.wires.recalls(10)] == [token]
