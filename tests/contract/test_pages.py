"""Pages of a job's records: every page of every store is a part of one order, by indexes."""

import pytest

from builders import UID, card, success
from contract.acts import dispatched, failure
from contract.stores import Store
from kronstream.domain.run import State

pytestmark = pytest.mark.anyio


async def mixed(store: Store) -> None:
    """Runs that ended well and badly by turns, then two that run and two that wait."""
    due = await dispatched(store, count=10)
    assert len(due) == 10
    for number in range(3):
        claims = await store.queue.take(card(), "default", 2)
        outcomes = [success(claim) if (number + index) % 3 else failure(claim) for index, claim in enumerate(claims)]
        assert all(await store.queue.finish(card(), outcomes))
        await store.advance(10)
    assert len(await store.queue.take(card(), "default", 2)) == 2


async def test_pages_are_parts_of_one_order(store: Store) -> None:
    await mixed(store)
    whole, total = await store.records.page(UID, 100)
    assert (len(whole), total) == (10, 10)
    assert [run.state for run in whole[:4]] == [State.QUEUED, State.QUEUED, State.RUNNING, State.RUNNING]
    ends = [run.finished for run in whole[4:]]
    assert ends == sorted(ends, key=lambda end: end or 0, reverse=True)
    for limit in (1, 3, 4, 5):
        for offset in range(12):
            page, count = await store.records.page(UID, limit, offset)
            assert count == 10
            assert [run.id for run in page] == [run.id for run in whole[offset : offset + limit]], (limit, offset)


async def test_pages_of_one_state(store: Store) -> None:
    await mixed(store)
    whole, _ = await store.records.page(UID, 100)
    for state in State:
        of_state = [run.id for run in whole if run.state is state]
        for offset in (0, 1, 3):
            page, count = await store.records.page(UID, 2, offset, state)
            assert count == len(of_state)
            assert [run.id for run in page] == of_state[offset : offset + 2], state


async def test_a_job_without_records_has_no_page(store: Store) -> None:
    assert await store.records.page("no-such-job", 20) == ([], 0)
    assert await store.records.page("no-such-job", 20, 40, State.FAILED) == ([], 0)


async def test_how_runs_went(store: Store) -> None:
    await mixed(store)
    whole, _ = await store.records.page(UID, 100)
    ended = [run for run in whole if run.finished is not None]
    found = await store.records.timings(UID, 0, 100)
    told = sorted((timing.state, timing.finished, timing.nominal, timing.started, timing.duration) for timing in found)
    assert told == sorted((run.state, run.finished, run.nominal, run.started, run.duration) for run in ended)
    newest = max(run.finished or 0 for run in ended)
    assert all(timing.finished == newest for timing in await store.records.timings(UID, newest, 100))
    assert len(await store.records.timings(UID, 0, 1)) == 2, "one that went well, one that did not"
