"""Runs that end in one call leave what they would leave one by one: plain successes are ended together."""

from collections.abc import Callable, Sequence

import pytest

from builders import UID, card, success
from contract.acts import dispatched, failure, job, record, taken
from contract.stores import Store
from kronstream.domain.run import Reason, State
from kronstream.ports import Claim, JobState, Outcome

pytestmark = pytest.mark.anyio

OTHER = "7c1d5b1e-0c3a-4b6e-8d53-6f2a9e4c7d10"
FAR = 1_000  # successes until a job ends; while it counts them, its runs are ended one by one


def without_identity(state: JobState, uid: str) -> dict[str, object]:
    """What two jobs with the same history have in common, without instants."""
    last = state.last
    return {
        "active": state.active,
        "unfinished": [run.removeprefix(uid) for run in state.unfinished],
        "runs": state.runs,
        "seq": state.seq,
        "failures": state.consecutive_failures,
        "average": state.average_duration,
        "last": last and (last.id.removeprefix(uid), last.state, last.duration, last.message),
        "succeeded": state.last_success is not None,
        "failed": state.last_failure is not None,
    }


async def two_alike(store: Store, count: int, **fields: object) -> dict[str, list[int]]:
    """Two jobs with the same due runs; the second one counts its successes."""
    first = await dispatched(store, count, UID, cursor=store.now() - 10_000, **fields)
    second = await dispatched(store, count, OTHER, cursor=first[0] - 1000, end_successes=FAR, **fields)
    assert first == second
    return {UID: first, OTHER: second}


async def end(store: Store, claims: Sequence[Claim], outcome: Callable[[Claim], Outcome] = success) -> None:
    assert await store.queue.finish(card(), [outcome(claim) for claim in claims]) == [True] * len(claims)


async def assert_alike(store: Store, instants: Sequence[int]) -> None:
    assert without_identity(await job(store, UID), UID) == without_identity(await job(store, OTHER), OTHER)
    for nominal in instants:
        one, other = [await store.records.get(f"{uid}-s{nominal}") for uid in (UID, OTHER)]
        assert (one is None) == (other is None), nominal
        if one and other:
            told = [
                (each.state, each.reason, each.result, each.error, each.output, each.attempt, each.duration)
                for each in (one, other)
            ]
            assert told[0] == told[1]
            assert (one.finished is None) == (other.finished is None)
    assert len(await store.records.of_job(UID, 100)) == len(await store.records.of_job(OTHER, 100))


async def test_many_successes_at_once(store: Store) -> None:
    instants = (await two_alike(store, 8))[UID]
    await end(store, await taken(store, 100), lambda claim: success(claim, duration=claim.nominal % 7, output="said"))
    await assert_alike(store, instants)
    known = await job(store)
    assert (known.active, known.runs, known.unfinished) == (0, {"success": 8}, ())
    assert await taken(store, 100) == []


async def test_only_as_many_records_as_the_history_holds(store: Store) -> None:
    instants = (await two_alike(store, 8, keep_good=3))[UID]
    await end(store, await taken(store, 100))
    await assert_alike(store, instants)
    assert len(await store.records.of_job(UID, 100)) == 3


async def test_successes_after_failed_attempts(store: Store) -> None:
    instants = (await two_alike(store, 4))[UID]

    def fails(claim: Claim) -> Outcome:
        return failure(claim, state=State.RETRYING, retry_in=0, output="first words")

    await end(store, await taken(store, 100), fails)
    assert await store.queue.sweep() == 8
    claims = await taken(store, 100)
    assert {claim.attempt for claim in claims} == {2}
    await end(store, claims, lambda claim: success(claim, result=None))
    await assert_alike(store, instants)
    found = await record(store, instants[0])
    assert (found.state, found.reason, found.error, found.output) == (State.SUCCESS, None, None, "")
    assert [attempt.reason for attempt in found.attempts] == [Reason.ERROR, None]


async def test_failures_between_successes_are_counted_in_order(store: Store) -> None:
    instants = (await two_alike(store, 6))[UID]
    turns = {nominal: number for number, nominal in enumerate(instants)}
    await end(
        store, await taken(store, 100), lambda claim: (failure if turns[claim.nominal] in (1, 4) else success)(claim)
    )
    await assert_alike(store, instants)
    known = await job(store)
    assert (known.runs, known.consecutive_failures) == ({"success": 4, "failed": 2}, 0)


async def test_waiting_runs_get_the_slots_that_become_free_together(store: Store) -> None:
    instants = (await two_alike(store, 6, policy="Queue", max_concurrent=2))[UID]
    rounds = 0
    while claims := await taken(store, 100):
        assert len(claims) == 4
        await end(store, claims)
        await assert_alike(store, instants)
        rounds += 1
    assert rounds == 3
    assert (await job(store)).runs == {"success": 6}


async def test_the_same_end_twice_in_one_call_counts_once(store: Store) -> None:
    await two_alike(store, 2)
    claims = await taken(store, 100)
    await end(store, [*claims, *claims])
    assert (await job(store, UID)).runs == (await job(store, OTHER)).runs == {"success": 2}


async def test_a_foreign_token_among_them_changes_nothing(store: Store) -> None:
    await two_alike(store, 2)
    claims = await taken(store, 100)
    outcomes = [success(claims[0]), success(claims[1], token="another"), success(claims[2])]
    assert await store.queue.finish(card(), outcomes) == [True, False, True]
    states = [(await store.records.get(claim.run)).state for claim in claims[:3]]  # type: ignore[union-attr]
    assert states == [State.SUCCESS, State.RUNNING, State.SUCCESS]


async def test_what_runs_execute_is_told_to_each(store: Store) -> None:
    await dispatched(store, 3, UID, work_fields={"payload": {"of": "one"}})
    await dispatched(store, 3, OTHER, work_fields={"payload": {"of": "other"}})
    claims = await taken(store, 100)
    assert sorted((claim.uid, claim.work.payload["of"]) for claim in claims) == sorted(
        [(UID, "one")] * 3 + [(OTHER, "other")] * 3
    )
    claims[0].work.payload["of"] = "changed by its handler"
    await store.queue.release(card(), claims)
    again = await taken(store, 100)
    assert {claim.work.payload["of"] for claim in again} == {"one", "other"}
