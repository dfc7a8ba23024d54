"""What becomes of runs is told as events, by the step that does it, to whoever listens."""

from dataclasses import replace
from typing import Any

import pytest

from builders import UID, card, dispatch, success
from contract.acts import adopted, ask, dispatched, ended, failure, job, more, rid, taken
from contract.handling import HANDLER, effect, handling, route, run_of, told
from contract.stores import EPOCH, LEASE, Store
from kronstream.domain.event import Event
from kronstream.domain.outcomeevent import TYPES
from kronstream.domain.plan import Skipped
from kronstream.domain.retry import Retry
from kronstream.domain.run import Lane, Skip, State
from kronstream.ports import Change, Expect

pytestmark = pytest.mark.anyio


async def listening(store: Store, *types: str) -> None:
    """Somebody listens for types of events, by their last words; none: for all."""
    await store.effects.want("router", [f"kronstream.run.{word}" for word in types] or TYPES, 0)


async def kinds(store: Store) -> list[str]:
    return [event.type.removeprefix("kronstream.run.") for event in await told(store)]


async def last(store: Store) -> tuple[Event, dict[str, Any]]:
    event = (await told(store))[-1]
    return event, event.data


async def test_nothing_is_told_while_nobody_listens(store: Store) -> None:
    await dispatched(store, 2)
    await ended(store, *await taken(store))
    assert await store.outcomes() == []
    await listening(store)
    await store.effects.want("router", [], 0)
    await more(store)
    await ended(store, *await taken(store))
    assert await store.outcomes() == []


async def test_only_what_is_listened_for_by_anybody(store: Store) -> None:
    await store.effects.want("one", ["kronstream.run.failed", "kronstream.run.dead"], 0)
    await store.effects.want("two", ["kronstream.run.succeeded"], 0)
    await dispatched(store, 2)
    first, second = await taken(store)
    await ended(store, first)
    await store.queue.finish(card(), [failure(second)])
    assert await kinds(store) == ["succeeded", "failed"]
    await store.effects.want("two", ["kronstream.run.slow"], 0)
    await more(store)
    await ended(store, *await taken(store))
    assert await kinds(store) == ["succeeded", "failed"]


async def test_a_type_that_no_run_makes_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match=r"kronstream\.run\.failure.*kronstream\.run\.failed"):
        await store.effects.want("one", ["kronstream.run.failure"], 0)


async def test_a_run_starts_and_succeeds(store: Store) -> None:
    await listening(store)
    (nominal,) = await dispatched(store, platform="platform-123", depth=3)
    (claim,) = await taken(store)
    event, data = await last(store)
    run = rid(nominal)
    assert (event.type, event.id, event.subject) == ("kronstream.run.started", f"{run}/started/1", run)
    assert event.source == "/kronstream/namespaces/default/scheduledjobs/job"
    assert (event.namespace, event.platform, event.depth, event.trace) == ("default", "platform-123", 3, None)
    assert event.time is not None
    assert abs(event.time - store.now()) < 5_000
    assert (data["status"], data["finished_at"], data["duration_ms"], data["reason"]) == ("running", None, None, None)
    await ended(store, claim)
    event, data = await last(store)
    assert event.id == f"{run}/succeeded/1"
    assert data.pop("started_at") <= data.pop("finished_at")
    assert data == {
        "run_id": run,
        "job_id": UID,
        "job_name": "job",
        "namespace": "default",
        "nominal_time": data["nominal_time"],
        "status": "success",
        "reason": None,
        "attempt": 1,
        "trigger": "schedule",
        "duration_ms": 5,
        "message": "",
        "consecutive_failures": 0,
    }
    assert await kinds(store) == ["late", "started", "succeeded"]


async def test_a_success_ends_the_failures_in_a_row(store: Store) -> None:
    await listening(store, "succeeded", "failed")
    await dispatched(store, 2)
    first, second = await taken(store)
    await store.queue.finish(card(), [failure(first)])
    assert (await last(store))[1]["consecutive_failures"] == 1
    await ended(store, second)
    assert (await last(store))[1]["consecutive_failures"] == 0


async def test_a_run_is_tried_again_and_fails(store: Store) -> None:
    await listening(store)
    await dispatched(store)
    (claim,) = await taken(store)
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)])
    event, data = await last(store)
    assert (event.type, event.id) == ("kronstream.run.retrying", f"{claim.run}/retrying/1")
    assert (data["status"], data["reason"], data["message"], data["finished_at"]) == ("retrying", "error", "no", None)
    await store.queue.sweep()
    (again,) = await taken(store)
    assert (await last(store))[0].id == f"{claim.run}/started/2"
    assert (await last(store))[1]["reason"] is None
    await store.queue.finish(card(), [failure(again)])
    event, data = await last(store)
    assert (event.id, data["reason"], data["message"]) == (f"{claim.run}/failed/2", "error", "no")
    assert data["consecutive_failures"] == 1
    # what is told twice is told under one id
    await store.queue.finish(card(), [failure(again)])
    assert await kinds(store) == ["late", "started", "retrying", "started", "failed"]


async def test_a_lost_worker_is_told(store: Store) -> None:
    await listening(store, "retrying", "failed")
    await dispatched(store, work_fields={"retry": Retry(limit=1, initial=0)})
    for expected in ("retrying", "failed"):
        await taken(store)
        await store.advance(LEASE + 1)
        await store.queue.sweep()
        event, data = await last(store)
        assert event.type == f"kronstream.run.{expected}"
        assert data["reason"] == "worker_lost"
        assert "stopped sending heartbeats" in data["message"]
        await store.queue.sweep()


async def test_a_run_is_cancelled(store: Store) -> None:
    await listening(store, "cancelled")
    (nominal,) = await dispatched(store)
    assert await store.requests.cancel([rid(nominal)], "somebody") == [Change.OK]
    event, data = await last(store)
    assert (event.id, data["status"], data["reason"]) == (f"{rid(nominal)}/cancelled/0", "cancelled", "requested")
    assert (data["started_at"], data["duration_ms"]) == (None, None)


async def test_a_run_of_a_deleted_job_is_told_too(store: Store) -> None:
    await listening(store, "succeeded", "cancelled")
    await dispatched(store, 2)
    (claim,) = await taken(store, 1)
    await store.ledger.forget([UID])
    assert await kinds(store) == ["cancelled"]
    await ended(store, claim)
    event, data = await last(store)
    assert (event.type, data["job_name"], data["run_id"]) == ("kronstream.run.succeeded", "job", claim.run)


async def test_a_deadly_run_is_told(store: Store) -> None:
    await listening(store, "dead")
    await dispatched(store, deliveries=1)
    (claim,) = await taken(store)
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0, killed=True)])
    event, data = await last(store)
    assert (event.type, data["reason"], data["message"]) == ("kronstream.run.dead", "too_many_deliveries", "no")


async def test_a_slow_run_is_told_once(store: Store) -> None:
    await listening(store, "slow")
    await dispatched(store, 2, expected=1)
    first, second = await taken(store)
    for _ in range(2):
        await store.queue.slow([first])
    await ended(store, first, replace(second))
    events = await told(store)
    assert [event.subject for event in events] == [first.run, second.run]
    assert events[0].data["status"] == "running"


async def test_a_late_run_is_told(store: Store) -> None:
    await listening(store, "late")
    begin = store.now()
    cursor = await adopted(store, cursor=begin - 10_000)
    item = dispatch(cursor, begin - 5_500, begin - 1_000, to=begin - 1_000)
    await store.ledger.dispatch(EPOCH, [item])
    (event,) = await told(store)
    assert (event.subject, event.id) == (rid(begin - 5_500), f"{rid(begin - 5_500)}/late/0")
    (cursor,) = await store.ledger.cursors([UID])
    delayed = dispatch(cursor or 0, begin - 900, to=begin - 900, delays=(1,))
    await store.ledger.dispatch(EPOCH, [delayed])
    assert len(await told(store)) == 1


async def test_a_jitter_makes_no_run_late(store: Store) -> None:
    await listening(store, "late")
    begin = store.now()
    cursor = await adopted(store, cursor=begin - 10_000)
    await store.ledger.dispatch(EPOCH, [dispatch(cursor, begin - 6_000, to=begin - 6_000, delays=(5_000,))])
    assert await told(store) == []


async def test_instants_without_a_run_are_told_with_their_reason(store: Store) -> None:
    await listening(store, "skipped")
    cursor = await adopted(store, policy="Forbid", platform="p", depth=2)
    missed = Skipped(Skip.MISSED, 3, cursor + 1_000, cursor + 3_000)
    item = dispatch(cursor, cursor + 4_000, cursor + 5_000, skips=(missed,))
    await store.ledger.dispatch(EPOCH, [item])
    first, second = await told(store)
    assert (first.id, first.platform, first.depth) == (f"{rid(cursor + 1_000)}/skipped/0", "p", 2)
    data = first.data
    assert (data["run_id"], data["reason"], data["count"], data["status"]) == (None, "Missed", 3, "skipped")
    assert data["nominal_time"] < data["last_nominal_time"]
    assert (second.id, second.data["reason"]) == (f"{rid(cursor + 5_000)}/skipped/0", "Overlap")
    assert (second.data["count"], second.data["trigger"]) == (1, "schedule")
    await ask(store, nominal=cursor + 6_000)
    _, data = await last(store)
    assert (data["reason"], data["trigger"], data["run_id"]) == ("Overlap", "manual", None)
    assert (await job(store)).skipped == {"Missed": 3, "Overlap": 2}


async def test_instants_that_an_edit_left_behind_are_told(store: Store) -> None:
    await listening(store, "skipped")
    cursor = await adopted(store)
    known = Expect(1, "0001.2026f", cursor)
    skips = (Skipped(Skip.EDITED, 2, cursor + 1_000, cursor + 2_000),)
    await adopted(store, generation=2, when="another", expect=known, skips=skips)
    event, data = await last(store)
    assert (data["reason"], data["count"], event.subject) == ("Edited", 2, rid(cursor + 1_000))


async def test_a_run_that_had_its_deadline_is_told_as_a_run(store: Store) -> None:
    await listening(store, "skipped")
    (nominal,) = await dispatched(store, starting_deadline=1)
    assert await taken(store) == []
    event, data = await last(store)
    assert (event.id, data["run_id"], data["reason"]) == (f"{rid(nominal)}/skipped/0", rid(nominal), "deadline")


async def test_an_events_run_goes_on_with_its_chain_and_trace(store: Store) -> None:
    await listening(store, "started", "succeeded", "skipped")
    await adopted(store, depth=7, policy="Forbid")
    await handling(store)
    asked = effect()
    assert asked.request
    asked = replace(asked, request=replace(asked.request, depth=4, trace="trace-1"))
    other = effect("2")
    assert other.request
    await route(store, asked, replace(other, request=replace(other.request, depth=5)))
    event, data = await last(store)
    assert (event.depth, event.subject, data["trigger"]) == (5, run_of("2"), "event")
    (claim,) = await taken(store)
    await ended(store, claim)
    for event in (await told(store))[1:]:
        assert (event.depth, event.trace, event.data["trigger"]) == (4, "trace-1", "event")
    # a run that nothing asked for has the job's word
    await more(store)
    await taken(store)
    assert (await last(store))[0].depth == 7


async def test_a_handlers_own_run_is_told_of_the_handler(store: Store) -> None:
    await listening(store, "succeeded")
    await handling(store, lane=Lane.MEDIUM)
    await route(store, effect(uid=HANDLER))
    await ended(store, *await taken(store))
    event, data = await last(store)
    assert event.source == "/kronstream/namespaces/default/eventhandlers/handler"
    assert (data["job_id"], data["job_name"]) == (HANDLER, "handler")


async def test_runs_that_end_together_are_told_each(store: Store) -> None:
    await listening(store, "succeeded")
    await dispatched(store, 5)
    claims = await taken(store)
    assert await store.queue.finish(card(), [success(claim) for claim in claims]) == [True] * 5
    assert [event.subject for event in await told(store)] == [claim.run for claim in claims]
