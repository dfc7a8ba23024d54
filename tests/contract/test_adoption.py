"""Which generation of a job is in force, and what happens to its cursor."""

from dataclasses import replace

import pytest

from builders import REVISION, UID, WHEN, adoption, card, dispatch, now, success, work
from contract.acts import adopted, dispatched, job, more
from contract.stores import EPOCH, Store
from kronstream.domain.plan import Skipped
from kronstream.domain.run import Skip
from kronstream.ports import Adopted, Conflict, Expect, Gone, LastRun, Request, Seed, Stale, Verdict, Word

pytestmark = pytest.mark.anyio

OTHER = '{"every":2000,"anchor":0}'


async def adopt(store: Store, **fields: object) -> Adopted | Stale | Conflict | Gone:
    (answer,) = await store.ledger.adopt([adoption(**fields)])
    return answer


def expect(cursor: int, generation: int = 1) -> Expect:
    return Expect(generation, REVISION, cursor)


async def test_a_new_job_starts_where_its_adoption_says(store: Store) -> None:
    cursor = store.now() - 5000
    assert await adopt(store, cursor=cursor, suspended=True) == Adopted(cursor, None, None)
    known = await job(store)
    assert (known.namespace, known.name, known.generation, known.revision, known.cursor) == (
        "default",
        "job",
        1,
        REVISION,
        cursor,
    )
    assert (known.suspended, known.invalid, known.runs, known.skipped, known.last, known.last_skip) == (
        True,
        False,
        {},
        {},
        None,
        None,
    )
    assert await store.ledger.known() == [UID]
    assert await store.ledger.describe(["unknown"]) == [None]
    assert await store.ledger.cursors([UID, "unknown"]) == [cursor, None]


async def test_nothing_is_answered_to_nothing(store: Store) -> None:
    assert await store.ledger.adopt([]) == []
    assert await store.ledger.dispatch(EPOCH, []) == []
    assert await store.ledger.describe([]) == []
    assert await store.ledger.cursors([]) == []
    assert await store.ledger.forget([]) == 0
    assert await store.queue.finish(card(), []) == []
    assert await store.queue.take(card(), "default", 0) == []
    await store.queue.release(card(), [])
    await store.ledger.clean([])


async def test_adopting_the_same_again_changes_nothing(store: Store) -> None:
    cursor = await adopted(store)
    before = await job(store)
    assert await adopt(store, cursor=store.now()) == Adopted(cursor, None, None)
    assert await job(store) == before


async def test_one_call_adopts_many(store: Store) -> None:
    uids = [f"job-{number}" for number in range(250)]
    answers = await store.ledger.adopt([adoption(uid, cursor=number) for number, uid in enumerate(uids)])
    assert answers == [Adopted(number, None, None) for number in range(250)]
    assert sorted(await store.ledger.known()) == sorted(uids)
    assert await store.ledger.cursors(uids) == list(range(250))


@pytest.mark.parametrize(("generation", "revision"), [(2, REVISION), (3, "0000.2026f")])
async def test_a_lower_generation_or_revision_is_stale(store: Store, generation: int, revision: str) -> None:
    cursor = await adopted(store, generation=3)
    before = await job(store)
    assert await adopt(store, generation=generation, revision=revision) == Stale(3, REVISION, cursor)
    assert await job(store) == before


@pytest.mark.parametrize(("generation", "revision"), [(4, "0000.2026f"), (3, "0002.2026f")])
async def test_a_higher_generation_or_revision_comes_into_force(store: Store, generation: int, revision: str) -> None:
    cursor = await adopted(store, generation=3)
    assert await adopt(store, generation=generation, revision=revision) == Adopted(cursor, None, None)
    known = await job(store)
    assert (known.generation, known.revision) == (generation, revision)


async def test_an_edit_of_anything_but_the_schedule_keeps_the_cursor(store: Store) -> None:
    cursor = await adopted(store)
    before = await job(store)
    answer = await adopt(store, generation=2, queue="gpu", backlog=5, work_fields={"payload": 1}, cursor=store.now())
    assert answer == Adopted(cursor, None, None)
    assert (await job(store)).seq > before.seq
    (due,) = await more(store, generation=2)
    (claim,) = await store.queue.take(card(queues={"gpu": 10}), "gpu", 10)
    assert (claim.nominal, claim.generation, claim.work.payload) == (due, 2, 1)


async def test_an_edit_of_the_schedule_moves_the_cursor_and_counts_what_was_due(store: Store) -> None:
    cursor = await adopted(store)
    refused = await adopt(store, generation=2, when=OTHER)
    assert refused == Conflict(1, REVISION, WHEN, cursor, suspended=False, invalid=False)
    assert (await job(store)).generation == 1
    skips = (Skipped(Skip.EDITED, 10, cursor + 1000, cursor + 10_000),)
    begin = store.now()
    edit: dict[str, object] = {"generation": 2, "when": OTHER, "expect": expect(cursor), "skips": skips}
    answer = await adopt(store, **edit)
    assert isinstance(answer, Adopted)
    assert begin <= answer.cursor <= store.now()
    known = await job(store)
    assert (known.skipped, known.runs, known.last_skip) == ({"Edited": 10}, {"skipped": 10}, skips[0])
    # a lost reply: the same again counts nothing twice
    assert await adopt(store, **edit) == answer
    assert await job(store) == known


@pytest.mark.parametrize("held", [False, True])
async def test_what_comes_due_after_the_count_and_before_the_store_hears_of_it_is_not_lost(
    store: Store, held: bool
) -> None:
    cursor = await adopted(store, suspended=held)
    counted = store.now() - 3_000
    known = replace(expect(cursor), counted=counted)
    edit: dict[str, object] = {} if held else {"when": OTHER}
    answer = await adopt(store, generation=2, expect=known, **edit)
    assert answer == Adopted(max(counted, cursor), None, None)
    assert counted > cursor


async def test_an_edit_counted_from_another_cursor_is_refused(store: Store) -> None:
    cursor = await adopted(store)
    (later,) = await more(store)
    refused = await adopt(store, generation=2, when=OTHER, expect=expect(cursor))
    assert refused == Conflict(1, REVISION, WHEN, later, suspended=False, invalid=False)


async def test_the_cursor_of_an_edited_schedule_never_falls(store: Store) -> None:
    ahead = store.now() + 30_000
    await adopted(store, cursor=ahead)
    assert await adopt(store, generation=2, when=OTHER, expect=expect(ahead)) == Adopted(ahead, None, None)


async def test_a_resume_moves_the_cursor_and_counts_what_was_due(store: Store) -> None:
    cursor = await adopted(store, suspended=True)
    refused = await adopt(store, generation=2)
    assert refused == Conflict(1, REVISION, WHEN, cursor, suspended=True, invalid=False)
    skips = (Skipped(Skip.SUSPENDED, 3, cursor + 1, cursor + 3),)
    begin = store.now()
    answer = await adopt(store, generation=2, expect=expect(cursor), skips=skips)
    assert isinstance(answer, Adopted)
    assert answer.cursor >= begin
    known = await job(store)
    assert (known.skipped, known.suspended) == ({"Suspended": 3}, False)


async def test_a_suspension_keeps_the_cursor(store: Store) -> None:
    cursor = await adopted(store)
    assert await adopt(store, generation=2, suspended=True) == Adopted(cursor, None, None)


async def test_a_spec_that_was_invalid_comes_back_like_a_resume(store: Store) -> None:
    cursor = await adopted(store)
    assert await adopt(store, generation=2, invalid=True, when="", work=None) == Adopted(cursor, None, None)
    assert (await job(store)).invalid
    # what was in force before the invalid one is what the fix is counted by
    refused = await adopt(store, generation=3, when=OTHER)
    assert refused == Conflict(2, REVISION, WHEN, cursor, suspended=False, invalid=True)
    skips = (Skipped(Skip.INVALID, 2, cursor + 1, cursor + 2),)
    answer = await adopt(store, generation=3, when=OTHER, expect=expect(cursor, 2), skips=skips)
    assert isinstance(answer, Adopted)
    assert answer.cursor > cursor
    known = await job(store)
    assert (known.invalid, known.skipped) == (False, {"Invalid": 2})


async def test_a_job_that_is_invalid_from_the_start(store: Store) -> None:
    cursor = await adopted(store, invalid=True, when="", work=None)
    refused = await adopt(store, generation=2)
    assert refused == Conflict(1, REVISION, "", cursor, suspended=False, invalid=True)
    answer = await adopt(store, generation=2, expect=expect(cursor))
    assert isinstance(answer, Adopted)
    assert await store.ledger.dispatch(EPOCH, [dispatch(answer.cursor, generation=2)]) == [(Verdict.OK, 0)]


async def test_a_restored_lower_generation_is_forced_by_naming_the_one_in_force(store: Store) -> None:
    cursor = await adopted(store, generation=7)
    assert await adopt(store, generation=5, expect=expect(cursor, 6)) == Stale(7, REVISION, cursor)
    assert await adopt(store, generation=5, expect=expect(cursor, 7)) == Adopted(cursor, None, None)
    assert (await job(store)).generation == 5
    assert await store.ledger.dispatch(EPOCH, [dispatch(cursor, cursor + 1, generation=5)]) == [(Verdict.OK, 0)]
    assert len(await store.queue.take(card(), "default", 10)) == 1


async def test_a_restored_lower_generation_with_another_schedule_moves_the_cursor(store: Store) -> None:
    cursor = await adopted(store, generation=7)
    answer = await adopt(store, generation=5, when=OTHER, expect=expect(cursor, 7))
    assert isinstance(answer, Adopted)
    assert answer.cursor > cursor


async def test_the_sequence_number_is_raised_never_lowered(store: Store) -> None:
    await adopted(store)
    await adopt(store, seq=500)
    raised = (await job(store)).seq
    assert raised >= 500
    await adopt(store, seq=3)
    assert (await job(store)).seq >= raised


async def test_a_new_job_goes_on_from_its_sequence_number(store: Store) -> None:
    await adopted(store, seq=500)
    assert (await job(store)).seq > 500
    await adopted(store, "seeded", seq=500, seed=Seed({"seq": "900"}))
    assert (await job(store, "seeded")).seq > 900


async def test_a_rebuild_raises_the_cursor_and_never_lowers_it(store: Store) -> None:
    cursor = await adopted(store)
    assert await adopt(store, rebuild=True, cursor=cursor + 3000) == Adopted(cursor + 3000, None, None)
    assert await adopt(store, rebuild=True, cursor=cursor) == Adopted(cursor + 3000, None, None)
    assert await store.ledger.cursors([UID]) == [cursor + 3000]


async def test_a_seed_brings_counters_back(store: Store) -> None:
    seed = Seed({"n:success": "41", "sk:Missed": "2", "cf": "3", "lok": "1000"})
    await adopted(store, seed=seed)
    known = await job(store)
    assert (known.runs, known.skipped, known.consecutive_failures, known.last_success) == (
        {"success": 41},
        {"Missed": 2},
        3,
        1000,
    )
    await more(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.finish(card(), [success(claim)])
    known = await job(store)
    assert (known.runs, known.consecutive_failures) == ({"success": 42}, 0)


async def test_a_seed_brings_back_what_a_status_shows(store: Store) -> None:
    ran = {"lr": f"{UID}-s1000", "lrst": "failed", "lrsta": "1001", "lrdur": "7", "lrmsg": "no", "lbad": "1008"}
    skips = {"skr": "Missed", "skn": "4", "ska": "2000", "skb": "5000"}
    once = {"once": f"{UID}-s1000", "done": "1008", "ls": "1000", "dn": "2", "dsum": "9"}
    (answer,) = await store.ledger.adopt([adoption(seed=Seed({**ran, **skips, **once}))])
    assert isinstance(answer, Adopted)
    assert (answer.once, answer.done) == (f"{UID}-s1000", 1008)
    known = await job(store)
    assert known.last == LastRun(f"{UID}-s1000", "failed", 1001, 7, "no")
    assert known.last_skip == Skipped(Skip.MISSED, 4, 2000, 5000)
    assert (known.last_failure, known.last_schedule, known.average_duration) == (1008, 1000, 4)


async def test_a_seed_brings_back_runs_that_had_no_payload_of_their_own(store: Store) -> None:
    plain = (f"{UID}-s1000", f"{UID}-bc0ffee00.2000", f"{UID}-m0000000000000000000a")
    lost = (f"{UID}-m0000000000000000000b", f"{UID}-r0000000000000000000c")
    await adopted(store, seed=Seed({}, (*lost, *reversed(plain)), asked=plain[2]))
    assert set((await job(store)).unfinished) == set(plain)
    for run in plain:
        record = await store.records.get(run)
        assert record is not None
    assert [(await store.records.get(run)) for run in lost] == [None, None]
    # and the one that was asked for is not started again
    again = Request(UID, plain[2], now(), value="v")
    assert await store.requests.request(EPOCH, [again]) == [(Word.KNOWN, "started")]


async def test_a_seed_is_for_unknown_jobs_only(store: Store) -> None:
    await adopted(store)
    await adopt(store, generation=2, seed=Seed({"n:success": "41"}, (f"{UID}-s1000",)))
    known = await job(store)
    assert (known.runs, known.unfinished) == ({}, ())


async def test_works_are_kept_while_a_run_needs_them(store: Store) -> None:
    await dispatched(store, work_fields={"payload": "old"})
    await adopt(store, generation=2, work_fields={"payload": "new"})
    assert await store.works(UID) == {1, 2}
    (claim,) = await store.queue.take(card(), "default", 10)
    assert claim.work.payload == "old"
    await adopt(store, generation=3)
    assert await store.works(UID) == {1, 3}
    await store.queue.finish(card(), [success(claim)])
    assert await store.works(UID) == {3}


async def test_an_invalid_generation_leaves_its_job_without_work(store: Store) -> None:
    await adopted(store)
    await adopt(store, generation=2, invalid=True, when="", work=None)
    assert await store.works(UID) == set()


async def test_a_new_revision_replaces_the_work_of_its_generation(store: Store) -> None:
    cursor = await adopted(store)
    await adopt(store, revision="0002.2026f", work=work(payload="re-read").dump())
    answers = await store.ledger.dispatch(EPOCH, [dispatch(cursor, cursor + 1, revision="0002.2026f")])
    assert answers == [(Verdict.OK, 0)]
    (claim,) = await store.queue.take(card(), "default", 10)
    assert claim.work.payload == "re-read"


async def test_an_invalid_generation_keeps_the_history_that_was_asked_for(store: Store) -> None:
    cursor = await adopted(store, cursor=store.now() - 40_000, keep_good=30)
    await store.ledger.dispatch(EPOCH, [dispatch(cursor, *(cursor + 1000 * number for number in range(1, 21)))])
    claims = await store.queue.take(card(), "default", 20)
    await store.queue.finish(card(), [success(claim) for claim in claims[:-1]])
    await adopt(store, generation=2, invalid=True, when="", work=None)
    await store.queue.finish(card(), [success(claims[-1])])
    assert len(await store.records.of_job(UID, 50)) == 20


async def test_a_pause_with_an_invalid_spec_in_it_is_one_pause(store: Store) -> None:
    cursor = await adopted(store, suspended=True)
    assert await adopt(store, generation=2, invalid=True, when="", work=None) == Adopted(cursor, None, None)
    assert (await job(store)).suspended
    refused = await adopt(store, generation=3)
    assert refused == Conflict(2, REVISION, WHEN, cursor, suspended=True, invalid=True)
