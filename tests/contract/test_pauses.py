"""Pauses beside the spec: of a job, and by its failures. Nothing of a paused time fires later."""

import pytest

from builders import UID, adoption, card, dispatch
from contract.acts import adopted, ask, dispatched, ended, failure, job, more, taken
from contract.stores import EPOCH, Store
from kronstream.domain.retry import Retry
from kronstream.domain.run import Skip
from kronstream.ports import Change, JobState, Pause, Seed, Verdict, Word

pytestmark = pytest.mark.anyio

MINUTE = 60_000


async def pause(store: Store, until: int | None = None, uid: str = UID, **words: str) -> Change:
    words = {"by": "somebody", "reason": "a reason", **words}
    (answer,) = await store.requests.pause([uid], words["by"], words["reason"], until)
    return answer


async def resume(store: Store) -> Change:
    (answer,) = await store.requests.resume([UID])
    return answer


async def looked(store: Store, *instants: int) -> JobState:
    """An operator looks at what came due, perhaps late."""
    known = await job(store)
    item = dispatch(known.cursor, *instants, generation=known.generation)
    assert await store.ledger.dispatch(EPOCH, [item]) == [(Verdict.OK, 0)]
    return await job(store)


async def test_instants_of_a_pause_make_no_runs(store: Store) -> None:
    before = store.now()
    await adopted(store, cursor=before - 1000)
    seq = (await job(store)).seq
    assert await pause(store) is Change.OK
    known = await job(store)
    assert known.pause
    assert before <= known.pause.since <= store.now()
    assert known.pause == Pause(known.pause.since, None, "somebody", "a reason")
    assert known.seq == seq + 1
    since = known.pause.since
    await store.jump(MINUTE)
    known = await looked(store, since - 1, since, since + 1000)
    # what came due before it and is late starts in no pause either
    assert (known.skipped, known.runs) == ({"Paused": 3}, {"skipped": 3})
    assert known.last_skip
    assert (known.last_skip.reason, known.last_skip.last) == (Skip.PAUSED, since + 1000)
    assert await taken(store) == []


async def test_what_came_due_before_a_pause_is_made_up_for_after_it(store: Store) -> None:
    begin = store.now()
    await adopted(store, cursor=begin - 1000)
    await pause(store)
    known = await job(store)
    assert known.pause
    since = known.pause.since
    await store.jump(MINUTE)
    await store.requests.resume([UID])
    assert (await looked(store, since - 1, since, since + 1000)).skipped == {"Paused": 2}
    assert [claim.nominal for claim in await taken(store)] == [since - 1]


async def test_what_was_paused_is_not_caught_up_after_the_resume(store: Store) -> None:
    begin = store.now()
    await adopted(store, cursor=begin - 1000)
    await pause(store)
    await store.jump(MINUTE)
    assert await resume(store) is Change.OK
    assert await resume(store) is Change.SAME
    known = await job(store)
    assert known.pause
    assert known.pause.until is not None
    assert begin + MINUTE <= known.pause.until <= store.now()
    until = known.pause.until
    await store.jump(MINUTE)
    known = await looked(store, until - 1, until, until + 1)
    assert known.skipped == {"Paused": 1}
    assert [claim.nominal for claim in await taken(store)] == [until, until + 1]


async def test_a_pause_ends_by_itself_and_the_status_is_told(store: Store) -> None:
    await adopted(store, cursor=store.now() - 1000)
    until = store.now() + MINUTE
    assert await pause(store, until) is Change.OK
    known = await job(store)
    assert known.pause
    assert known.pause.until == until
    assert await store.queue.sweep() == 0
    assert (await job(store)).seq == known.seq
    await store.jump(MINUTE + 1000)
    await store.queue.sweep()
    assert (await job(store)).seq == known.seq + 1
    known = await looked(store, until - 1, until)
    assert known.skipped == {"Paused": 1}
    assert [claim.nominal for claim in await taken(store)] == [until]
    assert await resume(store) is Change.SAME


async def test_a_repeated_pause_changes_nothing_and_another_goes_on_from_the_first(store: Store) -> None:
    await adopted(store)
    await pause(store)
    first = await job(store)
    assert await pause(store) is Change.SAME
    assert await job(store) == first
    await store.jump(1000)
    until = store.now() + MINUTE
    assert await pause(store, until, by="another", reason="") is Change.OK
    assert first.pause
    assert (await job(store)).pause == Pause(first.pause.since, until, "another", "")


async def test_a_pause_that_nobody_looked_beyond_yet_becomes_part_of_the_next(store: Store) -> None:
    await adopted(store, cursor=store.now() - 1000)
    await pause(store)
    since = (await job(store)).pause
    assert since
    await store.jump(1000)
    await resume(store)
    await store.jump(1000)
    await pause(store)
    known = await job(store)
    assert known.pause
    assert known.pause.since == since.since
    assert (await looked(store, since.since)).skipped == {"Paused": 1}


async def test_a_pause_that_was_looked_beyond_is_over(store: Store) -> None:
    await adopted(store, cursor=store.now() - 1000)
    await pause(store)
    await resume(store)
    await store.jump(2000)
    await looked(store, store.now() - 1)
    await pause(store)
    known = await job(store)
    assert known.pause
    assert known.pause.since >= known.cursor


async def test_what_would_have_ended_already_and_what_is_unknown_is_refused(store: Store) -> None:
    await adopted(store)
    assert await pause(store, store.now() - 1) is Change.PAST
    assert (await job(store)).pause is None
    assert await pause(store, uid="unknown") is Change.GONE
    assert await store.requests.resume(["unknown"]) == [Change.GONE]
    assert await resume(store) is Change.SAME


async def test_a_paused_job_runs_when_it_is_asked_to(store: Store) -> None:
    await adopted(store)
    await pause(store)
    assert await ask(store) == (Word.STARTED, "")


async def test_what_was_queued_before_the_pause_runs(store: Store) -> None:
    instants = await dispatched(store)
    await pause(store)
    assert [claim.nominal for claim in await taken(store)] == instants


async def test_a_pause_outlives_edits(store: Store) -> None:
    await adopted(store)
    await pause(store)
    before = (await job(store)).pause
    await store.ledger.adopt([adoption(generation=2, backlog=3)])
    assert (await job(store)).pause == before


async def test_a_pause_comes_back_from_the_status(store: Store) -> None:
    until = store.now() + MINUTE
    fields = {"psn": str(until - 2 * MINUTE), "pun": str(until), "pby": "somebody", "prs": "a reason"}
    await adopted(store, cursor=until - MINUTE, seed=Seed(fields))
    known = await job(store)
    assert known.pause == Pause(until - 2 * MINUTE, until, "somebody", "a reason")
    await store.jump(MINUTE + 1000)
    await store.queue.sweep()
    assert (await job(store)).seq == known.seq + 1
    assert (await looked(store, until - 1, until)).skipped == {"Paused": 1}


async def test_skips_and_failures_come_back_from_the_status(store: Store) -> None:
    ahead = store.now() + MINUTE
    await adopted(store, seed=Seed({"psn": "1", "pun": "", "pau": "1", "cf": "3", "sx": f"{ahead},{ahead + 1}"}))
    known = await job(store)
    assert known.pause == Pause(1, None, failures=True)
    assert known.skip_next == (ahead, ahead + 1)
    assert await resume(store) is Change.OK
    assert (await job(store)).consecutive_failures == 0


async def failed(store: Store, times: int = 1) -> JobState:
    await more(store, times, generation=(await job(store)).generation)
    for claim in await taken(store):
        await store.queue.finish(card(), [failure(claim)])
    return await job(store)


async def test_failures_in_a_row_pause_a_job(store: Store) -> None:
    await adopted(store, suspend_after=2, work_fields={"retry": Retry(limit=0)})
    assert (await failed(store)).pause is None
    begin = store.now()
    known = await failed(store)
    assert known.pause
    assert begin <= known.pause.since <= store.now()
    assert known.pause == Pause(known.pause.since, None, "kronstream", "2 runs in a row failed", failures=True)
    await store.jump(MINUTE)
    assert (await looked(store, store.now() - 1)).skipped == {"Paused": 1}


async def test_a_success_begins_the_count_anew(store: Store) -> None:
    await adopted(store, suspend_after=2, work_fields={"retry": Retry(limit=0)})
    await failed(store)
    await more(store)
    await ended(store, *await taken(store))
    assert (await failed(store)).pause is None


@pytest.mark.parametrize("how", ["resume", "edit"])
async def test_a_resume_or_an_edit_ends_it_and_begins_the_count_anew(store: Store, how: str) -> None:
    await adopted(store, suspend_after=2, work_fields={"retry": Retry(limit=0)})
    await failed(store, 2)
    if how == "resume":
        assert await resume(store) is Change.OK
    else:
        await adopted(store, generation=2, suspend_after=2, work_fields={"retry": Retry(limit=0)})
    known = await job(store)
    assert known.pause
    assert known.pause.until is not None
    assert (known.pause.failures, known.consecutive_failures) == (False, 0)
    assert (await failed(store)).pause == known.pause
    again = (await failed(store)).pause
    assert again
    assert again.failures


async def test_an_edit_does_not_end_what_a_person_paused(store: Store) -> None:
    await adopted(store, suspend_after=1, work_fields={"retry": Retry(limit=0)})
    await failed(store)
    await pause(store)
    await adopted(store, generation=2)
    known = await job(store)
    assert known.pause
    assert (known.pause.until, known.pause.by, known.pause.failures) == (None, "somebody", False)


async def test_failures_go_on_from_a_pause_that_would_have_ended(store: Store) -> None:
    await adopted(store, suspend_after=1, work_fields={"retry": Retry(limit=0)})
    await more(store)
    await pause(store, store.now() + MINUTE)
    before = (await job(store)).pause
    assert before
    await store.jump(1000)
    claims = await taken(store)
    assert claims
    await store.queue.finish(card(), [failure(claim) for claim in claims])
    known = await job(store)
    assert known.pause
    assert known.pause.failures
    assert known.pause.since == before.since


async def test_words_may_hold_any_character(store: Store) -> None:
    await adopted(store)
    await pause(store, by="a|b", reason="one\ntwo \udcff")
    known = await job(store)
    assert known.pause
    assert (known.pause.by, known.pause.reason) == ("a|b", "one\ntwo ?")


async def test_a_pause_leaves_nothing_behind(store: Store) -> None:
    await adopted(store)
    await pause(store, store.now() + MINUTE)
    await store.ledger.forget([UID])
    assert await store.undying(UID) == set()
