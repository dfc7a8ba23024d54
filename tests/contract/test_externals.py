"""Attempts whose work goes on elsewhere: attached, parked, ended by the work's token."""

import json

import pytest

from builders import UID, card, success
from contract.acts import ask, asked, dispatched, failure, job, more, record, state, taken
from contract.stores import LEASE, Store
from kronstream.domain.retry import Retry
from kronstream.domain.run import Reason, State
from kronstream.ports import Change, Claim, Completion, Failure, LastSuccess, Word

pytestmark = pytest.mark.anyio

TIMEOUT = 600_000
DONE = Completion(result='{"rows":3}')
BROKEN = Completion(reason=Reason.ERROR, failure=Failure("WorkflowFailed", "step 2 failed"), codes=("exit:3",))


async def parked(store: Store, **fields: object) -> tuple[int, Claim, str]:
    """A parked run: its nominal time, its claim, the token of its work."""
    (nominal,) = await dispatched(store, **fields)
    (claim,) = await taken(store)
    token = await store.externals.attach(claim)
    assert token
    assert await store.externals.park(claim, TIMEOUT)
    return nominal, claim, token


async def test_an_attached_attempt_keeps_its_token(store: Store) -> None:
    await dispatched(store)
    (claim,) = await taken(store)
    token = await store.externals.attach(claim)
    assert token
    assert await store.externals.attach(claim) == token


async def test_nobody_attaches_what_is_not_current(store: Store) -> None:
    await dispatched(store)
    (claim,) = await taken(store)
    await store.queue.finish(card(), [success(claim)])
    assert await store.externals.attach(claim) is None
    assert not await store.externals.park(claim, TIMEOUT)


async def test_a_parked_run_runs_without_a_worker_until_it_is_completed(store: Store) -> None:
    nominal, claim, token = await parked(store)
    pulse = await store.queue.beat(card(), [claim])
    await store.advance(LEASE + 1)
    assert await store.queue.sweep() == 0
    before = await record(store, nominal)
    assert (before.state, before.attempt, before.worker) == (State.RUNNING, 1, "worker-1")
    assert (pulse.lost, await store.entries(), await store.pending()) == ({claim.run}, [], [])

    assert await store.externals.complete(claim.run, token, DONE)

    after = await record(store, nominal)
    assert (after.state, after.result, after.error) == (State.SUCCESS, {"rows": 3}, None)
    assert after.duration is not None
    assert not await store.externals.complete(claim.run, token, DONE)
    assert (await job(store)).runs["success"] == 1


async def test_a_park_may_be_repeated_and_the_worker_may_not_end_what_it_left(store: Store) -> None:
    nominal, claim, _ = await parked(store)
    assert await store.externals.park(claim, TIMEOUT)
    assert await store.queue.finish(card(), [failure(claim)]) == [False]
    await store.queue.release(card(), [claim])
    assert await state(store, nominal) is State.RUNNING
    assert await store.entries() == []


async def test_another_token_completes_nothing(store: Store) -> None:
    nominal, claim, token = await parked(store)
    assert not await store.externals.complete(claim.run, f"{token}x", DONE)
    assert not await store.externals.complete(claim.run, "", DONE)
    assert not await store.externals.complete("no-s1", token, DONE)
    assert await state(store, nominal) is State.RUNNING


async def test_a_failure_elsewhere_is_tried_again_under_another_token(store: Store) -> None:
    nominal, claim, token = await parked(store, work_fields={"retry": Retry(limit=1, initial=1000, jitter=0)})
    assert await store.externals.complete(claim.run, token, BROKEN)
    assert await state(store, nominal) is State.RETRYING
    await store.advance(1001)
    assert await store.queue.sweep() == 1
    (again,) = await taken(store)
    assert (again.attempt, again.external) == (2, None)
    other = await store.externals.attach(again)
    assert other
    assert other != token
    assert not await store.externals.complete(claim.run, token, DONE)

    assert await store.externals.complete(claim.run, other, BROKEN)

    after = await record(store, nominal)
    assert (after.state, after.reason) == (State.FAILED, "error")
    assert after.error
    assert (after.error["type"], after.error["message"]) == ("WorkflowFailed", "step 2 failed")


@pytest.mark.parametrize(
    ("retry", "completion"),
    [
        (Retry(not_on=("exit:3",)), BROKEN),
        (Retry(only_on=("http:5xx",)), BROKEN),
        (Retry(), Completion(reason=Reason.ERROR, failure=Failure("E", "m"), permanent=True)),
        (Retry(), Completion(reason=Reason.PERMANENT, failure=Failure("E", "m"))),
        (Retry(limit=0), BROKEN),
    ],
)
async def test_what_is_not_to_be_tried_again_is_over(store: Store, retry: Retry, completion: Completion) -> None:
    nominal, claim, token = await parked(store, work_fields={"retry": retry})
    assert await store.externals.complete(claim.run, token, completion)
    assert await state(store, nominal) is State.FAILED


async def test_a_wait_that_the_work_asks_for_stands_instead_of_the_backoff(store: Store) -> None:
    nominal, claim, token = await parked(store, work_fields={"retry": Retry(initial=1)})
    told = Completion(reason=Reason.ERROR, failure=Failure("E", "m"), wait=60_000)
    assert await store.externals.complete(claim.run, token, told)
    await store.advance(50_000)
    assert await store.queue.sweep() == 0
    await store.advance(10_500)
    assert await store.queue.sweep() == 1
    assert await state(store, nominal) is State.QUEUED


async def test_a_parked_run_that_nobody_ends_times_out(store: Store) -> None:
    nominal, _, _ = await parked(store, work_fields={"retry": Retry(limit=0)})
    await store.advance(TIMEOUT - 5_000)
    assert await store.queue.sweep() == 0
    await store.advance(5_001)
    assert await store.queue.sweep() == 1
    after = await record(store, nominal)
    assert (after.state, after.reason) == (State.FAILED, "timeout")
    assert after.error
    assert "elsewhere" in after.error["message"]


async def test_a_parked_run_is_cancelled_at_once(store: Store) -> None:
    nominal, claim, token = await parked(store)
    assert await store.requests.cancel([claim.run], "somebody") == [Change.OK]
    assert await state(store, nominal) is State.CANCELLED
    assert not await store.externals.complete(claim.run, token, DONE)


async def test_a_run_that_was_to_be_cancelled_is_not_parked(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await taken(store)
    await store.externals.attach(claim)
    assert await store.requests.cancel([claim.run], "somebody") == [Change.ASKED]
    assert await store.externals.park(claim, TIMEOUT)
    assert await state(store, nominal) is State.CANCELLED


async def test_a_parked_run_is_replaced_at_once(store: Store) -> None:
    nominal, _, _ = await parked(store, policy="Replace", max_concurrent=1)
    (later,) = await more(store)
    assert (await record(store, nominal)).reason == "replaced"
    assert [claim.nominal for claim in await taken(store)] == [later]


async def test_a_parked_run_keeps_its_slot(store: Store) -> None:
    _, claim, token = await parked(store, policy="Queue", max_concurrent=1)
    (later,) = await more(store)
    assert await taken(store) == []
    await store.externals.complete(claim.run, token, DONE)
    assert [found.nominal for found in await taken(store)] == [later]


async def test_work_of_a_dead_worker_goes_on_in_the_same_attempt(store: Store) -> None:
    nominal, claim, token = (await dispatched(store))[0], (await taken(store))[0], ""
    token = await store.externals.attach(claim) or ""
    started = (await record(store, nominal)).started
    await store.advance(LEASE + 1)
    assert await store.queue.sweep() == 1

    (over,) = await taken(store, consumer="worker-2")

    assert (over.attempt, over.external, over.started) == (1, token, started)
    assert await store.externals.attach(over) == token
    assert await store.externals.park(over, TIMEOUT)
    assert await store.externals.complete(over.run, token, DONE)
    assert (await record(store, nominal)).attempt == 1


async def test_work_that_ends_before_another_worker_took_it_over_is_ended(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await taken(store)
    token = await store.externals.attach(claim) or ""
    await store.advance(LEASE + 1)
    await store.queue.sweep()

    assert await store.externals.complete(claim.run, token, DONE)

    assert await taken(store, consumer="worker-2") == []
    after = await record(store, nominal)
    assert (after.state, after.attempt) == (State.SUCCESS, 1)


async def test_work_may_end_before_its_worker_parked_it(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await taken(store)
    token = await store.externals.attach(claim) or ""
    assert await store.externals.complete(claim.run, token, DONE)
    assert not await store.externals.park(claim, TIMEOUT)
    assert await store.queue.finish(card(), [failure(claim)]) == [False]
    assert await state(store, nominal) is State.SUCCESS


async def test_handed_back_work_goes_on_in_the_same_attempt(store: Store) -> None:
    await dispatched(store)
    (claim,) = await taken(store)
    token = await store.externals.attach(claim)
    await store.queue.release(card(), [claim])
    (over,) = await taken(store, consumer="worker-2")
    assert (over.attempt, over.external) == (1, token)


async def test_progress_is_told_by_whoever_has_a_token(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await taken(store)
    assert await store.externals.progress(claim.run, claim.token, json.dumps({"done": 0.25}))
    assert (await record(store, nominal)).progress == {"done": 0.25}
    token = await store.externals.attach(claim) or ""
    await store.externals.park(claim, TIMEOUT)
    assert not await store.externals.progress(claim.run, claim.token, "{}")
    assert await store.externals.progress(claim.run, token, json.dumps({"done": 0.5, "text": "half"}))
    assert (await record(store, nominal)).progress == {"done": 0.5, "text": "half"}
    await store.externals.complete(claim.run, token, DONE)
    assert not await store.externals.progress(claim.run, token, "{}")


async def test_a_record_has_every_attempt(store: Store) -> None:
    (nominal,) = await dispatched(store, work_fields={"retry": Retry(limit=2, initial=1, jitter=0)})
    (first,) = await taken(store)
    told = Failure("ValueError", "é" * 600, "Traceback: no")
    await store.queue.finish(card(), [failure(first, state=State.RETRYING, retry_in=0, failure=told)])
    waiting = (await record(store, nominal)).attempts
    await store.queue.sweep()
    await taken(store, consumer="worker-2")
    await store.advance(LEASE + 1)
    await store.queue.sweep()
    await store.advance(10)
    await store.queue.sweep()
    (third,) = await taken(store)
    running = (await record(store, nominal)).attempts
    await store.queue.finish(card(), [success(third)])

    attempts = (await record(store, nominal)).attempts

    assert [one.number for one in waiting] == [1]
    assert [(one.number, one.finished) for one in running][-1] == (3, None)
    assert [(one.number, one.worker, one.reason) for one in attempts] == [
        (1, "worker-1", "error"), (2, "worker-2", "worker_lost"), (3, "worker-1", None),
    ]  # fmt: skip
    assert attempts[0].error.startswith("ValueError: éé")
    assert len(attempts[0].error) < 600
    assert all(one.started is not None and one.finished is not None for one in attempts)


async def test_of_very_many_attempts_the_last_are_kept(store: Store) -> None:
    (nominal,) = await dispatched(store, work_fields={"retry": Retry(limit=100, initial=1)})
    for _ in range(25):
        (claim,) = await taken(store)
        await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)])
        await store.queue.sweep()
    assert [one.number for one in (await record(store, nominal)).attempts] == list(range(6, 26))


async def test_a_claim_tells_of_the_runs_before(store: Store) -> None:
    first, second = await dispatched(store, 2)
    one, two = await taken(store)
    assert (one.previous, two.previous, one.last_success) == (None, first, None)
    await store.queue.finish(card(), [success(one), success(two, result=None)])
    (third,) = await more(store)
    (claim,) = await taken(store)
    assert (claim.previous, claim.last_success) == (second, LastSuccess(two.run, second, has_result=False))
    await store.queue.finish(card(), [success(claim)])
    assert await ask(store, trace="trace-1") == (Word.STARTED, "")
    (manual,) = await taken(store)
    assert (manual.previous, manual.last_success) == (third, LastSuccess(claim.run, third, has_result=True))
    assert (manual.trace, manual.run) == ("trace-1", asked(uid=UID).run)


async def waits_for_another_worker(store: Store, **fields: object) -> tuple[int, Claim]:
    """A run whose work goes on while its worker is dead: its nominal time and the claim there was."""
    (nominal,) = await dispatched(store, **fields)
    (claim,) = await taken(store)
    assert await store.externals.attach(claim)
    await store.advance(LEASE + 1)
    assert await store.queue.sweep() == 1
    assert await state(store, nominal) is State.QUEUED
    return nominal, claim


async def test_a_cancellation_waits_for_the_worker_that_can_stop_the_work(store: Store) -> None:
    """Nobody else knows what was begun: it would go on for ever."""
    nominal, claim = await waits_for_another_worker(store)
    assert await store.requests.cancel([claim.run], "anna") == [Change.ASKED]
    assert await state(store, nominal) is State.QUEUED

    (over,) = await taken(store, consumer="worker-2")

    assert (over.attempt, over.external is not None) == (1, True)
    pulse = await store.queue.beat(card("worker-2"), [over])
    assert pulse.cancel == {claim.run: "requested"}
    await store.queue.finish(card("worker-2"), [failure(over)])
    assert await state(store, nominal) is State.CANCELLED


async def test_a_run_that_is_replaced_waits_for_that_worker_as_well(store: Store) -> None:
    nominal, claim = await waits_for_another_worker(store, policy="Replace", max_concurrent=1)
    (later,) = await more(store)
    assert await state(store, nominal) is State.QUEUED

    (over,) = await taken(store, consumer="worker-2")

    assert over.run == claim.run
    assert (await store.queue.beat(card("worker-2"), [over])).cancel == {claim.run: "replaced"}
    await store.queue.finish(card("worker-2"), [failure(over)])
    assert await state(store, nominal) is State.CANCELLED
    assert [found.nominal for found in await taken(store, consumer="worker-2")] == [later]


async def test_a_run_that_began_in_time_is_not_too_late_for_another_worker(store: Store) -> None:
    nominal, claim = await waits_for_another_worker(store, starting_deadline=LEASE)
    await store.advance(10 * LEASE)
    (over,) = await taken(store, consumer="worker-2")
    assert (over.run, over.attempt) == (claim.run, 1)
    assert await state(store, nominal) is State.RUNNING
