"""docs/delivery.md, "When something breaks": each accident is brought about, and counts as an attempt as told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from builders import card, success
from contract.acts import dispatched, failure, record, taken
from contract.stores import LEASE, ModelStore
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.ports import Claim
from kronstream.worker.slate import Held, Phase
from kronstream.worker.verdict import Verdict, after_death
from unit import docpage
from unit.docpage import ROOT
from unit.fakequeue import claim

(TABLE,) = [
    table for table in docpage.tables(ROOT / "docs" / "delivery.md") if table.heading == "When something breaks"
]


@pytest.mark.anyio
async def test_a_worker_that_comes_back_too_late_is_refused() -> None:
    store = ModelStore()
    (nominal,) = await dispatched(store)
    (old,) = await taken(store)
    await store.advance(LEASE + 1)
    await store.queue.sweep()
    await store.advance(1_000)
    await store.queue.sweep()
    (new,) = await taken(store, consumer="worker-2")
    assert new.run == old.run
    assert (await store.queue.beat(card(), [old])).lost == {old.run}
    assert await store.queue.finish(card(), [success(old)]) == [False]
    assert await store.queue.finish(card("worker-2"), [success(new)]) == [True]
    assert (await record(store, nominal)).state is State.SUCCESS


async def fails(store: ModelStore, one: Claim) -> None:
    await store.queue.finish(card(), [failure(one, state=State.RETRYING, retry_in=0)])


async def crashes_the_loop(store: ModelStore, one: Claim) -> None:
    await conclude(store, after_death([Held(0, Phase.LOOP, 0, one)], 0, "was killed by SIGSEGV", 0))


async def is_with_one_who_crashes(store: ModelStore, one: Claim) -> None:
    guilty = Held(0, Phase.LOOP, 0, claim("other"))
    verdict = after_death([guilty, Held(1, Phase.LOOP, 0, one)], 0, "was killed by SIGSEGV", 0)
    await conclude(store, Verdict([], verdict.released))


async def is_killed_alone(store: ModelStore, one: Claim) -> None:
    await conclude(store, after_death([Held(0, Phase.LOOP, 0, one)], None, "was killed by SIGKILL", 0))


async def is_killed_among_others(store: ModelStore, one: Claim) -> None:
    other = Held(0, Phase.LOOP, 0, claim("other"))
    await conclude(store, after_death([other, Held(1, Phase.LOOP, 0, one)], None, "was killed by SIGKILL", 0))


async def loses_its_worker(store: ModelStore, _: Claim) -> None:
    await store.advance(LEASE + 1)
    await store.queue.sweep()


async def loses_its_worker_but_not_its_work(store: ModelStore, one: Claim) -> None:
    assert await store.externals.attach(one)
    await loses_its_worker(store, one)


async def is_handed_back(store: ModelStore, one: Claim) -> None:
    await store.queue.release(card(), [one])


async def is_handed_over(store: ModelStore, one: Claim) -> None:
    await store.queue.beat(card("worker-2"), [])
    assert await store.queue.hand_over(card(), one, "worker-2")


async def conclude(store: ModelStore, verdict: Verdict) -> None:
    await store.queue.finish(card(), verdict.outcomes)
    await store.queue.release(card(), verdict.released)


Accident = Callable[[ModelStore, Claim], Awaitable[None]]
# by the first words of a row: what its column about the attempt says at first, and after "yes if" or "of the others"
ACCIDENTS: list[tuple[str, Accident, bool]] = [
    ("a handler raises", fails, True),
    ("an `async` function crashes", crashes_the_loop, True),
    ("an `async` function crashes", is_with_one_who_crashes, False),
    ("the process of a worker's `async` functions", is_killed_among_others, False),
    ("the process of a worker's `async` functions", is_killed_alone, True),
    ("a worker is killed, or", loses_its_worker, True),
    ("a worker is killed while", loses_its_worker_but_not_its_work, False),
    ("a worker is stopped", is_handed_back, False),
    ("a worker does not have the function", is_handed_over, False),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("words", "accident", "counted"), ACCIDENTS, ids=[one[1].__name__ for one in ACCIDENTS])
async def test_an_accident_counts_as_told(words: str, accident: Accident, counted: bool) -> None:
    store = ModelStore()
    await dispatched(store, function="echo", work_fields={"retry": Retry(limit=5, initial=0)})
    (one,) = await taken(store)
    await accident(store, one)
    await store.queue.sweep()
    await store.advance(1_000)
    await store.queue.sweep()
    (next_one,) = await taken(store, consumer="worker-2") or await store.queue.take_pending(
        card("worker-2"), "default", 1
    )
    assert (next_one.run, next_one.attempt) == (one.run, 2 if counted else 1)

    (row,) = [row for row in TABLE.rows if row[0].startswith(words)]
    both = {accident for prefix, accident, _ in ACCIDENTS if prefix == words}
    word = "yes" if counted else "no"
    if len(both) == 1:
        assert row[2].split(";")[0] == word
    else:
        assert word in row[2] or f"attempt {'not ' if not counted else ''}counted" in row[3]
