"""An event has its effects once: runs, what is refused, what is counted."""

from dataclasses import replace

import pytest

from builders import UID, card
from contract.acts import adopted, ended, job, taken
from contract.handling import (
    HANDLER,
    OTHER,
    body_of,
    creation,
    due,
    effect,
    fates,
    handler,
    handling,
    item_of,
    route,
    run_of,
    settle,
)
from contract.stores import EPOCH, Store
from kronstream.domain.run import Trigger, trigger_of
from kronstream.ports import Dedupe, Ending, Epoch, Fate, FateWord, HandlerError, Seed, Tally, Word

pytestmark = pytest.mark.anyio

WEEK = 7 * 86_400_000


async def test_an_event_starts_a_run_at_once(store: Store) -> None:
    await adopted(store, work_fields={"payload": {"of": "job"}})
    await handling(store)
    before = await handler(store)
    assert await fates(store, effect()) == [Fate(FateWord.STARTED, run_of("1"))]
    (claim,) = await taken(store)
    assert (claim.run, claim.uid, claim.work.payload) == (run_of("1"), UID, {"own": []})
    assert trigger_of(claim.run) is Trigger.EVENT
    await ended(store, claim)
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.failed, known.waiting) == (1, 1, 0, 0)
    assert before.seq < known.seq
    assert known.last_trigger == known.last_success
    assert abs((known.last_trigger or 0) - store.now()) < 60_000
    assert (await job(store)).runs == {"success": 1}


async def test_an_event_that_finds_many_runs_waiting_is_not_left_out(store: Store) -> None:
    await adopted(store, backlog=1)
    await handling(store)
    assert await route(store, *(effect(str(number)) for number in range(3))) == [FateWord.STARTED] * 3
    assert (await job(store)).skipped == {}
    assert len(await taken(store, 3)) == 3


async def test_a_handlers_own_run_is_a_run_like_any_other(store: Store) -> None:
    await handling(store, work_fields={"function": "@workflow", "name": "handler"})
    assert await route(store, effect(uid=HANDLER)) == [FateWord.STARTED]
    (claim,) = await taken(store)
    assert (claim.uid, claim.work.function) == (HANDLER, "@workflow")
    assert len(claim.run) <= 63
    await ended(store, claim)
    known = await handler(store)
    assert known.seq == (await job(store, HANDLER)).seq
    assert (await job(store, HANDLER)).runs == {"success": 1}
    assert await store.ledger.dirty(handlers=True) == (0, [HANDLER])


async def test_the_same_event_again_does_nothing_and_is_told_the_first_answer(store: Store) -> None:
    await adopted(store, keep_good=0)
    await handling(store)
    await route(store, effect())
    assert await fates(store, effect()) == [Fate(FateWord.KNOWN, f"started:{run_of('1')}")]
    await ended(store, *await taken(store))
    assert await store.records.get(run_of("1")) is None
    assert await fates(store, effect()) == [Fate(FateWord.KNOWN, f"started:{run_of('1')}")]
    assert (await handler(store)).triggered == 1
    await store.advance(WEEK - 60_000)
    assert await route(store, effect()) == [FateWord.KNOWN]
    await store.advance(60_001)
    assert await route(store, effect()) == [FateWord.STARTED]


async def test_every_kind_of_answer_is_remembered(store: Store) -> None:
    await adopted(store, policy="Forbid")
    await handling(store)
    every = [
        effect("1", dedupe=Dedupe("k", 60_000)),
        effect("2", dedupe=Dedupe("k", 60_000)),
        effect("3"),
        effect("4", "unknown"),
        effect("5", None),
        creation("6"),
    ]
    words = ["started", "duplicate", "skipped", "gone", "gone", "queued"]
    first = await fates(store, *every)
    assert [fate.word for fate in first] == words
    again = await fates(store, *every)
    assert again == [Fate(FateWord.KNOWN, f"{fate.word.value}:{fate.detail}") for fate in first]


async def test_one_event_at_two_handlers_has_two_effects(store: Store) -> None:
    await adopted(store)
    await handling(store)
    await handling(store, OTHER)
    assert await route(store, effect(), effect(handler=OTHER)) == [FateWord.STARTED] * 2
    assert {claim.run for claim in await taken(store)} == {run_of("1"), run_of("1", handler=OTHER)}


async def test_what_the_jobs_policy_skips_counts_as_failed_and_is_no_dead_letter(store: Store) -> None:
    await adopted(store, policy="Forbid")
    await handling(store)
    assert await fates(store, effect(), effect("2")) == [
        Fate(FateWord.STARTED, run_of("1")),
        Fate(FateWord.SKIPPED, "Overlap"),
    ]
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.failed) == (2, 1, 1)
    assert known.last_error
    assert (known.last_error.message, known.last_error.event) == ("the run was skipped: Overlap", "2")
    assert (await job(store)).skipped == {"Overlap": 1}
    assert await store.event_letters.count() == 0


@pytest.mark.parametrize("uid", ["unknown", None, "invalid"])
async def test_a_run_whose_job_cannot_be_used_is_tried_again(store: Store, uid: str | None) -> None:
    await adopted(store, "invalid", invalid=True, when="", work=None)
    await handling(store)
    word = FateWord.HELD if uid == "invalid" else FateWord.GONE
    assert await fates(store, effect(uid=uid, retry_in=5000)) == [Fate(word, "")]
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.failed, known.waiting) == (1, 0, 0, 1)
    assert await due(store) == []
    await store.advance(5001)
    (waiting,) = await due(store)
    assert (waiting.item, waiting.attempt, waiting.body) == (item_of("1"), 2, body_of("1"))
    assert await settle(store, waiting)
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.failed, known.waiting) == (1, 1, 0, 0)


async def test_without_another_attempt_it_failed_and_is_a_dead_letter(store: Store) -> None:
    await handling(store)
    assert await route(store, effect(uid="unknown", retry_in=None)) == [FateWord.GONE]
    known = await handler(store)
    assert (known.triggered, known.failed, known.waiting) == (1, 1, 0)
    assert known.last_error
    assert known.last_error.message == "there is no such job"
    (letter,) = await store.event_letters.listed(10)
    assert (letter.reason, letter.message, letter.handler) == ("NoSuchJob", "there is no such job", HANDLER)
    assert letter.text == body_of("1")
    assert abs(letter.at - store.now()) < 60_000


async def test_a_job_that_cannot_be_used_is_the_reason_of_the_dead_letter(store: Store) -> None:
    await adopted(store, invalid=True)
    await handling(store)
    assert await route(store, effect(retry_in=None)) == [FateWord.HELD]
    (letter,) = await store.event_letters.listed(10)
    assert (letter.reason, letter.message) == ("JobInvalid", "the job cannot be used: its spec is invalid")


async def test_another_generation_of_the_job_is_told_and_nothing_is_kept(store: Store) -> None:
    await adopted(store, generation=3)
    await handling(store)
    asked = effect(dedupe=Dedupe("k", 60_000))
    assert asked.request
    asked = replace(asked, request=replace(asked.request, generation=2))
    assert await fates(store, asked) == [Fate(FateWord.MOVED, "3")]
    assert await route(store, effect(dedupe=Dedupe("k", 60_000))) == [FateWord.STARTED]
    assert (await handler(store)).triggered == 1


async def test_only_who_knows_the_present_handler_speaks_for_it(store: Store) -> None:
    await adopted(store)
    assert await fates(store, effect()) == [Fate(FateWord.UNKNOWN)]
    await handling(store, generation=2)
    assert await fates(store, effect()) == [Fate(FateWord.STALE, "2")]
    assert await fates(store, effect(generation=3)) == [Fate(FateWord.UNKNOWN)]
    assert await taken(store) == []
    assert await route(store, effect(generation=2)) == [FateWord.STARTED]
    await store.ledger.forget([HANDLER])
    assert await fates(store, effect("2", generation=2)) == [Fate(FateWord.DELETED)]
    assert await store.effects.describe([HANDLER]) == [None]


async def test_a_handler_that_goes_on_needs_no_second_word(store: Store) -> None:
    await handling(store, suspended=True)
    await handling(store, generation=2)
    await handling(store, generation=3, invalid=True, work=None)
    await handling(store, generation=4)
    assert (await handler(store)).generation == 4


async def test_handlers_are_no_jobs(store: Store) -> None:
    await adopted(store)
    await handling(store)
    assert await store.ledger.known() == [UID]
    assert await store.ledger.known(handlers=True) == [HANDLER]
    assert await store.ledger.dirty() == (0, [UID])
    assert await store.ledger.dirty(handlers=True) == (0, [HANDLER])
    await store.ledger.clean([(HANDLER, (await handler(store)).seq)])
    assert await store.ledger.dirty(handlers=True) == (0, [])
    assert await store.effects.job_named("default", "handler") is None


async def test_what_passes_by_is_counted(store: Store) -> None:
    await handling(store)
    before = await handler(store)
    await store.effects.tally([Tally(HANDLER, 3), Tally(HANDLER, 1, 2, "no such key", "e-7"), Tally(OTHER, 5)])
    known = await handler(store)
    assert (known.filtered, known.errors, known.triggered, known.failed) == (4, 2, 0, 0)
    assert known.seq > before.seq
    assert known.last_error
    assert (known.last_error.message, known.last_error.event) == ("no such key", "e-7")
    assert await store.effects.describe([OTHER]) == [None]


async def test_a_lost_store_routes_nothing_and_is_told_the_counts_again(store: Store) -> None:
    await adopted(store)
    await handling(store)
    await store.wipe()
    for epoch in (EPOCH, ""):
        with pytest.raises(Epoch):
            await fates(store, effect(), epoch=epoch)
    counts = {"e:t": "7", "e:ok": "5", "e:bad": "2", "e:f": "3", "e:dd": "4", "e:db": "6", "e:rl": "8", "e:er": "9"}
    last = {"e:lt": "11", "e:lok": "12", "e:lem": "no", "e:lee": "e-1", "e:lea": "13"}
    await handling(store, seed=Seed({**counts, **last}), seq=40)
    await store.reopen()
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.failed, known.filtered) == (7, 5, 2, 3)
    assert (known.deduplicated, known.debounced, known.rate_limited, known.errors) == (4, 6, 8, 9)
    assert (known.last_trigger, known.last_success) == (11, 12)
    assert known.last_error == HandlerError("no", "e-1", 13)
    assert known.seq > 40
    await adopted(store)
    assert await route(store, effect()) == [FateWord.STARTED]
    assert (await handler(store)).triggered == 8


async def test_a_run_that_a_worker_brought_back_is_not_started_again(store: Store) -> None:
    await adopted(store)
    await handling(store)
    await route(store, effect())
    (claim,) = await taken(store)
    await store.wipe()
    await adopted(store)
    await handling(store)
    await store.reopen()
    await store.queue.beat(card(), [claim])
    assert await fates(store, effect()) == [Fate(FateWord.KNOWN, f"started:{run_of('1')}")]


async def test_jobs_are_found_by_name(store: Store) -> None:
    assert await store.effects.job_named("default", "job") is None
    await adopted(store)
    assert await store.effects.job_named("default", "job") == UID
    assert await store.effects.job_named("other", "job") is None
    await adopted(store, "newer")  # deleted and made again
    await store.ledger.forget([UID])
    assert await store.effects.job_named("default", "job") == "newer"
    await store.ledger.forget(["newer"])
    assert await store.effects.job_named("default", "job") is None


async def test_runs_of_a_waiting_effect_are_started_once(store: Store) -> None:
    await adopted(store)
    await handling(store)
    await route(store, effect(uid=None, retry_in=0))
    (waiting,) = await due(store)
    request = effect().request
    assert request
    for word in (Word.STARTED, Word.KNOWN):
        (answer,) = await store.requests.request(EPOCH, [request])
        assert answer[0] is word
    assert await settle(store, waiting)
    assert not await settle(store, waiting)
    assert not await settle(store, waiting, Ending.FAILED)
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.failed) == (1, 1, 0)


async def test_routers_know_each_other(store: Store) -> None:
    assert await store.effects.beat("router-b") == ["router-b"]
    assert await store.effects.beat("router-a") == ["router-a", "router-b"]
    await store.advance(3001)
    assert await store.effects.beat("router-a") == ["router-a"]
    await store.effects.beat("router-b")
    await store.effects.leave("router-a")
    assert await store.effects.beat("router-b") == ["router-b"]


async def test_nothing_asked_is_nothing_answered(store: Store) -> None:
    assert await store.effects.route(EPOCH, []) == []
    assert await store.effects.settle([]) == []
    assert await store.effects.describe([]) == []
    assert await store.effects.take_due(10, 1000) == []
    assert await store.effects.tend() == 0
    assert await store.effects.backlog() == (0, 0)
    await store.effects.tally([])
