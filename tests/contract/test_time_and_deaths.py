"""How long a run may take in all, when it is slow, and when it has ended too many workers."""

import pytest

from builders import card, success
from contract.acts import dispatched, ended, failure, job, record, taken
from contract.stores import LEASE, Store
from kronstream.domain.retry import Retry
from kronstream.domain.run import Reason, State
from kronstream.ports import Failure

pytestmark = pytest.mark.anyio

HOUR = 3_600_000
PATIENT = {"retry": Retry(limit=10, initial=60_000, maximum=60_000, jitter=0)}
CRASH = Failure("Crashed", "the worker's process was killed by SIGSEGV while the handler executed")


async def test_a_claim_tells_how_long_the_run_has_taken(store: Store) -> None:
    await dispatched(store, work_fields=PATIENT)
    (first,) = await taken(store)
    assert first.spent == 0
    await store.queue.finish(card(), [failure(first, state=State.RETRYING, retry_in=60_000)])
    await store.advance(60_001)
    await store.queue.sweep()
    (second,) = await taken(store)
    # Redis moves its deadlines nearer instead of its clock
    assert 0 <= second.spent <= 70_000


async def test_no_attempt_follows_the_time_of_all(store: Store) -> None:
    within, beyond = await dispatched(store, 2, total=HOUR, work_fields=PATIENT)
    claims = await taken(store)
    outcomes = [
        failure(claim, state=State.RETRYING, retry_in=wait) for claim, wait in zip(claims, (60_000, HOUR), strict=True)
    ]
    await store.queue.finish(card(), outcomes)
    assert (await record(store, within)).state is State.RETRYING
    after = await record(store, beyond)
    assert (after.state, after.reason, after.attempt) == (State.FAILED, "error", 1)


async def test_nor_after_a_worker_was_lost(store: Store) -> None:
    (nominal,) = await dispatched(store, total=30_000, work_fields=PATIENT)
    await taken(store)
    await store.advance(LEASE + 1)
    await store.queue.sweep()
    after = await record(store, nominal)
    assert (after.state, after.reason) == (State.FAILED, "worker_lost")


async def test_a_run_that_takes_longer_than_expected_is_marked_while_it_executes(store: Store) -> None:
    nominal, other = await dispatched(store, 2, expected=1_000)
    slow, quick = await taken(store)
    await store.queue.slow([slow])
    await store.queue.slow([slow])
    assert (await record(store, nominal)).slow
    assert (await job(store)).runs["slow"] == 1
    await store.queue.finish(card(), [success(slow, duration=5_000), success(quick, duration=999)])
    assert (await job(store)).runs == {"success": 2, "slow": 1}
    assert not (await record(store, other)).slow
    await store.queue.slow([quick])
    assert not (await record(store, other)).slow


async def test_or_when_it_has_ended(store: Store) -> None:
    (nominal,) = await dispatched(store, expected=1_000)
    (claim,) = await taken(store)
    await store.queue.finish(card(), [failure(claim, duration=1_001)])
    assert (await record(store, nominal)).slow
    assert (await job(store)).runs == {"failed": 1, "slow": 1}


async def test_a_run_without_an_expectation_is_never_slow(store: Store) -> None:
    await dispatched(store)
    (claim,) = await taken(store)
    await store.queue.finish(card(), [success(claim, duration=10**9)])
    assert (await job(store)).runs == {"success": 1}


async def test_a_run_that_ends_its_process_too_often_is_dead(store: Store) -> None:
    (nominal,) = await dispatched(store, deliveries=2, work_fields={"retry": Retry(limit=10, initial=1)})
    for _ in range(2):
        (claim,) = await taken(store)
        killed = failure(claim, state=State.RETRYING, retry_in=0, reason=Reason.CRASHED, failure=CRASH, killed=True)
        await store.queue.finish(card(), [killed])
        await store.queue.sweep()
    after = await record(store, nominal)
    assert (after.state, after.reason, after.attempt) == (State.DEAD, "too_many_deliveries", 2)
    assert after.error
    assert after.error["message"] == CRASH.message
    (letter,) = await store.dead_letters()
    assert (letter["kind"], letter["run"], letter["reason"], letter["message"]) == (
        "run", claim.run, "too_many_deliveries", CRASH.message,
    )  # fmt: skip
    assert (await job(store)).runs == {"dead": 1}


async def test_failures_and_lost_workers_are_no_deaths(store: Store) -> None:
    (nominal,) = await dispatched(store, deliveries=1, work_fields={"retry": Retry(limit=10, initial=0)})
    (claim,) = await taken(store)
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)])
    await store.queue.sweep()
    await taken(store)
    await store.advance(LEASE + 1)
    await store.queue.sweep()
    await store.queue.sweep()
    (again,) = await taken(store)
    assert again.attempt == 3
    await ended(store, again)
    assert (await record(store, nominal)).state is State.SUCCESS
    assert await store.dead_letters() == []
