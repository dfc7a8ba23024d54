"""Effects that wait: windows of events of one key, paces, leases, further attempts, and how much may wait."""

import json
from dataclasses import replace

import pytest

from contract.acts import adopted, taken
from contract.handling import (
    HANDLER,
    LEASED,
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
    settle,
)
from contract.stores import Store
from kronstream.ports import Debounce, Dedupe, EffectKind, Ending, Fate, FateWord, Pace

pytestmark = pytest.mark.anyio

QUIET = Debounce("k", 10_000, 25_000)


async def ready(store: Store) -> None:
    await adopted(store)
    await handling(store)


# dedupe


async def test_of_one_key_one_event_acts_in_a_window(store: Store) -> None:
    await ready(store)
    words = await route(store, *(effect(key, dedupe=Dedupe("k", 60_000)) for key in "123"))
    assert words == [FateWord.STARTED, FateWord.DUPLICATE, FateWord.DUPLICATE]
    assert await route(store, effect("4", dedupe=Dedupe("other", 60_000))) == [FateWord.STARTED]
    await store.advance(50_000)
    assert await route(store, effect("5", dedupe=Dedupe("k", 60_000))) == [FateWord.DUPLICATE]
    await store.advance(10_001)
    assert await route(store, effect("6", dedupe=Dedupe("k", 60_000))) == [FateWord.STARTED]
    known = await handler(store)
    assert (known.triggered, known.deduplicated) == (3, 3)


async def test_a_key_is_the_handlers_own(store: Store) -> None:
    await ready(store)
    await handling(store, OTHER)
    same = Dedupe("k" * 256, 60_000)
    assert await route(store, effect(dedupe=same), effect(handler=OTHER, dedupe=same)) == [FateWord.STARTED] * 2


# debounce


async def test_a_burst_acts_once_when_it_is_over_with_the_last_event(store: Store) -> None:
    await ready(store)
    for key in "123":
        begin = store.now()
        (fate,) = await fates(store, effect(key, debounce=QUIET))
        assert fate.word is FateWord.DEBOUNCED
        assert begin + 10_000 <= int(fate.detail) <= store.now() + 10_000
        await store.advance(6_000)
        assert await due(store) == []
    await store.advance(4_001)
    (waiting,) = await due(store)
    assert (waiting.item, waiting.kind, waiting.body) == (item_of("1"), EffectKind.RUN, body_of("3"))
    assert waiting.attempt == 1
    assert await settle(store, waiting)
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.debounced, known.waiting) == (1, 1, 2, 0)
    assert await taken(store) == []


async def test_the_first_event_may_act_instead(store: Store) -> None:
    await ready(store)
    first = Debounce("k", 10_000, 25_000, last=False)
    await route(store, *(effect(key, debounce=first) for key in "123"))
    await store.advance(10_001)
    assert [waiting.body for waiting in await due(store)] == [body_of("1")]


async def test_a_burst_that_goes_on_acts_after_the_longest_wait(store: Store) -> None:
    await ready(store)
    for key in "1234":
        await route(store, effect(key, debounce=QUIET))
        await store.advance(5_000)
        assert await due(store) == []
    (fate,) = await fates(store, effect("5", debounce=QUIET))
    assert int(fate.detail) - store.now() <= 5_000
    await store.advance(5_001)
    assert [waiting.body for waiting in await due(store)] == [body_of("5")]


async def test_windows_of_other_keys_and_handlers_are_others(store: Store) -> None:
    await ready(store)
    await handling(store, OTHER)
    await route(store, effect("1", debounce=QUIET), effect("2", debounce=Debounce("j", 10_000, 25_000)))
    await route(store, effect("1", handler=OTHER, debounce=QUIET))
    await store.advance(10_001)
    assert len(await due(store)) == 3


async def test_a_window_that_was_taken_is_closed(store: Store) -> None:
    await ready(store)
    await route(store, effect("1", debounce=QUIET))
    await store.advance(10_001)
    (first,) = await due(store)
    assert await route(store, effect("2", debounce=QUIET)) == [FateWord.DEBOUNCED]
    assert await settle(store, first, Ending.RETRY, wait=50_000)
    await store.advance(10_001)
    (second,) = await due(store)
    assert (second.item, second.body) == (item_of("2"), body_of("2"))
    assert (await handler(store)).debounced == 0


async def test_a_repeated_event_does_not_lengthen_its_window(store: Store) -> None:
    await ready(store)
    (fate,) = await fates(store, effect("1", debounce=QUIET))
    await store.advance(9_000)
    assert await fates(store, effect("1", debounce=QUIET)) == [Fate(FateWord.KNOWN, f"debounced:{fate.detail}")]
    await store.advance(1_001)
    assert len(await due(store)) == 1


async def test_what_came_together_is_held_to_the_pace_when_it_is_over(store: Store) -> None:
    await ready(store)
    pace = Pace(1, 60_000)
    assert await route(store, effect("1", pace=pace)) == [FateWord.STARTED]
    assert await route(store, effect("2", pace=pace, debounce=QUIET)) == [FateWord.DEBOUNCED]
    await store.advance(10_001)
    assert await due(store) == []
    known = await handler(store)
    assert (known.triggered, known.rate_limited, known.waiting) == (1, 1, 0)
    slower = Pace(1, 60_000, delay=True)
    await route(store, effect("3", pace=slower, debounce=QUIET))
    await store.advance(10_001)
    assert await due(store) == []
    await store.advance(60_000)
    assert [waiting.body for waiting in await due(store)] == [body_of("3")]
    assert (await handler(store)).rate_limited == 2


# pace


async def test_what_is_over_the_pace_is_dropped(store: Store) -> None:
    await ready(store)
    pace = Pace(2, 60_000)
    words = await route(store, *(effect(key, pace=pace) for key in "1234"))
    assert words == [FateWord.STARTED, FateWord.STARTED, FateWord.DROPPED, FateWord.DROPPED]
    await store.advance(30_001)
    assert await route(store, effect("5", pace=pace), effect("6", pace=pace)) == [FateWord.STARTED, FateWord.DROPPED]
    assert await route(store, effect("3", pace=pace)) == [FateWord.KNOWN]
    known = await handler(store)
    assert (known.triggered, known.rate_limited, known.waiting) == (3, 3, 0)


async def test_or_put_off_each_to_its_time(store: Store) -> None:
    await ready(store)
    pace = Pace(2, 60_000, delay=True)
    begin = store.now()
    answers = await fates(store, *(effect(key, pace=pace) for key in "12345"))
    assert [fate.word for fate in answers] == [FateWord.STARTED] * 2 + [FateWord.DELAYED] * 3
    for wait, fate in zip((30_000, 60_000, 90_000), answers[2:], strict=True):
        assert begin + wait <= int(fate.detail) <= store.now() + wait
    assert await due(store) == []
    for key in "345":
        await store.advance(30_001)
        (waiting,) = await due(store)
        assert waiting.body == body_of(key)
        await settle(store, waiting)
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.rate_limited) == (5, 5, 3)


# leases and attempts


async def test_a_taken_effect_is_its_takers_until_the_lease_ends(store: Store) -> None:
    await ready(store)
    await route(store, creation())
    begin = store.now()
    (first,) = await due(store)
    assert (first.handler, first.kind, first.body, first.attempt) == (HANDLER, EffectKind.CREATE, body_of("1"), 1)
    assert abs(first.since - begin) < 5_000
    await store.advance(LEASED - 10_000)
    assert await due(store) == []
    await store.advance(10_001)
    (second,) = await due(store)
    assert (second.item, second.attempt) == (first.item, 2)
    assert not await settle(store, first)
    assert await settle(store, second)
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.waiting, known.open) == (1, 1, 0, 0)


async def test_a_failed_attempt_is_followed_by_another(store: Store) -> None:
    await ready(store)
    await route(store, creation())
    (first,) = await due(store)
    assert await settle(store, first, Ending.RETRY, wait=30_000, message="503 from the API server")
    assert not await settle(store, first, Ending.RETRY, wait=7_000)
    known = await handler(store)
    assert (known.failed, known.waiting) == (0, 1)
    assert known.last_error
    assert (known.last_error.message, known.last_error.event) == ("503 from the API server", "1")
    await store.advance(20_000)
    assert await due(store) == []
    await store.advance(10_001)
    (second,) = await due(store)
    assert second.attempt == 2
    assert await settle(store, second)
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.failed) == (1, 1, 0)


async def test_what_is_away_uses_no_attempt_up(store: Store) -> None:
    await ready(store)
    await route(store, creation())
    for _ in range(3):
        (waiting,) = await due(store)
        assert waiting.attempt == 1
        assert await settle(store, waiting, Ending.AWAY, message="refused")
    assert (await handler(store)).last_error
    (waiting,) = await due(store)
    assert await settle(store, waiting, Ending.RETRY, message="no")
    (waiting,) = await due(store)
    assert waiting.attempt == 2
    assert await settle(store, waiting, Ending.AWAY)
    (waiting,) = await due(store)
    assert waiting.attempt == 2
    assert await settle(store, waiting)
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.waiting) == (1, 1, 0)
    assert known.last_error
    assert known.last_error.message == "no"


async def test_what_creates_something_can_be_put_off(store: Store) -> None:
    await ready(store)
    await route(store, creation("1"), effect("2", debounce=Debounce("k", 0, 0)))
    (waiting,) = await store.effects.take_due(10, LEASED, 5_000)
    assert waiting.item == item_of("2")
    assert await due(store) == []
    assert (await handler(store)).triggered == 1
    await store.advance(5_001)
    (waiting,) = await due(store)
    assert (waiting.item, waiting.attempt) == (item_of("1"), 1)


async def test_what_is_given_up_is_a_dead_letter(store: Store) -> None:
    await ready(store)
    await route(store, creation(), effect("2", None, retry_in=0))
    by_item = {waiting.item: waiting for waiting in await due(store)}
    assert await settle(store, by_item[item_of("1")], Ending.FAILED, reason="Invalid", message="no such \ud800 field")
    assert await settle(store, by_item[item_of("2")], Ending.SKIPPED, message="Overlap")
    (letter,) = await store.event_letters.listed(10)
    assert (letter.reason, letter.message, letter.handler) == ("Invalid", "no such ? field", HANDLER)
    assert json.loads(letter.text) == {"event": {"id": "1", "data": []}}
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.failed, known.waiting, known.open) == (2, 0, 2, 0, 0)
    assert await store.effects.backlog() == (0, 0)


async def test_what_is_given_up_for_a_long_reason_can_be_read(store: Store) -> None:
    await ready(store)
    await route(store, creation())
    (waiting,) = await due(store)

    assert await settle(store, waiting, Ending.FAILED, message="x" + "é" * 600)

    (letter,) = await store.event_letters.listed(10)
    assert letter.message == "x" + "é" * 511


async def test_what_waits_is_counted_and_the_oldest_is_told(store: Store) -> None:
    await ready(store)
    assert (await handler(store)).oldest is None
    begin = store.now()
    await route(store, creation("1"))
    await store.advance(5_000)
    await route(store, creation("2"))
    known = await handler(store)
    assert known.waiting == 2
    assert known.oldest is not None
    assert abs(known.oldest - (store.now() - 5_000)) < 4_500 or known.oldest == begin
    assert await store.effects.backlog() == (2, len(body_of("1")) + len(body_of("2")))


@pytest.mark.parametrize(("effects", "size"), [(100_000, 0), (1, 268_435_456)])
async def test_only_so_much_may_wait(store: Store, effects: int, size: int) -> None:
    await ready(store)
    await route(store, effect("1", debounce=QUIET), effect("p", pace=Pace(1, 60_000, delay=True)))
    await store.burden(effects - 2 if effects > 1 else 0, size - 2 * len(body_of("1")) if size else 0)
    assert await route(store, creation("2")) == [FateWord.QUEUED]
    paced = effect("3", pace=Pace(1, 60_000, delay=True))
    windowed = effect("4", dedupe=Dedupe("k", 60_000), debounce=Debounce("j", 10_000, 25_000))
    many = [creation("5"), paced, windowed, effect("6", None)]
    assert await route(store, *many) == [FateWord.FULL] * 4
    # what has nothing to wait for goes on, and so does what takes another's place
    assert await route(store, effect("7"), effect("8", debounce=QUIET)) == [FateWord.STARTED, FateWord.DEBOUNCED]
    longer = replace(effect("9", debounce=QUIET), body=body_of("1" * 9))
    assert await route(store, longer) == [FateWord.DEBOUNCED if effects > 1 else FateWord.FULL]
    (waiting,) = await due(store)
    await settle(store, waiting)
    assert (await route(store, *many))[0] is FateWord.QUEUED
    known = await handler(store)
    assert (known.deduplicated, known.rate_limited) == (0, 0)


async def test_a_deleted_handlers_effects_are_dropped_and_its_runs_go_on(store: Store) -> None:
    await ready(store)
    await route(
        store, effect("r"), effect("d", debounce=QUIET), *(creation(f"c{key}", most_open=1) for key in range(5))
    )
    (leased,) = await due(store, 1)
    assert await store.ledger.forget([HANDLER]) == 1
    assert not await settle(store, leased)
    await store.advance(LEASED + 10_000)
    assert await due(store) == []
    assert await store.effects.tend() == 0
    assert await store.effects.backlog() == (0, 0)
    assert [claim.uid for claim in await taken(store)] != []
    await store.advance(8 * 86_400_000)
    assert await store.undying(HANDLER) == set()


async def test_a_handler_with_very_much_waiting_is_forgotten_bit_by_bit(store: Store) -> None:
    await ready(store)
    for first in range(0, 2_500, 500):
        await route(store, *(creation(f"c{key}", most_open=3) for key in range(first, first + 500)))
    assert await store.ledger.forget([HANDLER]) == 1
    for _ in range(4):
        await store.effects.tend(500)
        await store.advance(101)
    assert await store.effects.backlog() == (0, 0)
    assert await store.undying(HANDLER) == set()


async def test_a_clock_that_went_back_does_not_hold_up_what_waits(store: Store) -> None:
    await ready(store)
    await store.ledger.sweep()
    await route(store, effect("1", debounce=QUIET))
    await store.jump(-3_600_000)
    await store.ledger.sweep()
    await store.advance(10_001)
    assert len(await due(store)) == 1
