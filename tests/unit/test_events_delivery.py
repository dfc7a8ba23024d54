"""Entries are acknowledged once the store has answered for all of them; who is behind catches up and asks again."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from kronstream.domain.event import CHAIN_LIMIT
from kronstream.events import delivery as deliveries
from kronstream.events.hearing import MOST_DELIVERIES
from kronstream.ports import Effect, Entry, Fate, FateWord
from kronstream.resources.cloudevent import read_event
from kronstream.testing.eventlog import OUTCOMES
from unit.eventstage import CREATE_JOB, JOB_UID, KEY, STREAM, EventStage, event, manifest, soon, uid
from unit.fakecluster import NOW

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "AGAIN", 0.001)
    monkeypatch.setattr(deliveries, "AWAY", 0.001)


async def joined(*objects: dict[str, Any]) -> EventStage:
    stage = EventStage()
    await stage.open(*objects)
    await stage.log.join(STREAM, "0")
    return stage


async def pending(stage: EventStage, stream: str = STREAM) -> int:
    return (await stage.log.lag(stream)).pending


class Answers:
    """Stands before the store: the first answers are these, or raised, then the store's own."""

    def __init__(self, stage: EventStage, *first: Sequence[Fate] | Exception) -> None:
        self.first = list(first)
        self.asked: list[list[Effect]] = []
        self._own = stage.effects.route
        stage.effects.route = self.route  # type: ignore[method-assign]

    async def route(self, epoch: str, effects: Sequence[Effect]) -> list[Fate]:
        self.asked.append(list(effects))
        if not self.first:
            return await self._own(epoch, effects)
        answer = self.first.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)


async def test_an_event_runs_its_job_and_is_acknowledged() -> None:
    stage = await joined(manifest())
    await stage.adopt_job(payload={"own": 1})

    await stage.deliver(event(data={"n": 1}))

    (run,) = stage.store.runs.values()
    assert json.loads(run.payload or "") == {"own": 1, "event_data": {"n": 1}, "event_name": "order.created"}
    assert (await stage.state()).succeeded == 1
    assert await pending(stage) == 0
    assert len(stage.log.entries(STREAM)) == 1, "nothing is deleted from a stream that others may read"
    assert len(stage.hand) == 0


async def test_the_same_event_acts_once() -> None:
    stage = await joined(manifest(), manifest(uid(2)))
    await stage.adopt_job()

    await stage.deliver(event(), event(), event(id="2"))

    assert len(stage.store.runs) == 4
    assert (await stage.state()).triggered == 2


async def test_what_passes_by_is_counted_and_acknowledged() -> None:
    stage = await joined(manifest(filter="event.data.n > 1"))
    await stage.adopt_job()

    await stage.deliver(event(data={"n": 1}), event(data={"n": 2}, id="2"), event(id="3"), event("other.type", id="4"))

    state = await stage.state()
    assert (state.filtered, state.errors, state.succeeded) == (1, 1, 1)
    assert state.last_error is not None
    assert state.last_error.event == "3"
    (letter,) = await stage.letters.listed(10)
    assert (letter.reason, letter.handler, letter.text) == ("FilterError", KEY, event(id="3"))
    assert await pending(stage) == 0


async def test_of_one_event_that_many_cannot_judge_a_few_letters_are_kept() -> None:
    stage = await joined(*(manifest(uid(n), filter="event.data.missing == 1") for n in range(30)))

    await stage.deliver(event())

    assert await stage.letters.count() == deliveries.LETTERS
    assert [(await stage.state(f"eh.{uid(n)}")).errors for n in range(30)] == [1] * 30


async def test_a_failing_handler_hides_none_of_the_others() -> None:
    stage = await joined(
        manifest(uid(1), priority=9, action={"runJob": {"name": "nobody"}}),
        manifest(uid(2), priority=5, filter="event.data.missing"),
        manifest(uid(3)),
    )
    await stage.adopt_job()

    await stage.deliver(event())

    assert (await stage.state(f"eh.{uid(3)}")).succeeded == 1
    assert (await stage.state(f"eh.{uid(1)}")).waiting == 1


async def test_unreadable_events_are_kept_and_acknowledged() -> None:
    stage = await joined(manifest())

    await stage.deliver("no json", event(specversion="3"))
    entries = [Entry(STREAM, f"{NOW}-9", {"event": event()}, MOST_DELIVERIES + 1)]
    await stage.carry(entries)

    assert [one.reason for one in await stage.letters.listed(10)] == ["TooManyDeliveries", "UnknownVersion", "NotJson"]
    assert await pending(stage) == 0
    assert stage.registry.get_sample_value("kronstream_events_buried_total", {"reason": "NotJson"}) == 1


async def test_a_handler_that_the_store_does_not_know_is_adopted_and_asked_again() -> None:
    stage = await joined(manifest())
    await stage.adopt_job()
    del stage.store.jobs[KEY]

    await stage.deliver(event())

    assert (await stage.state()).succeeded == 1


async def test_who_is_behind_reads_the_handler_and_judges_anew() -> None:
    stage = await joined(manifest())
    await stage.adopt_job()
    other = EventStage(manifest(generation=2, filter="event.data.n == 1"))
    other.ledger, other.adopting._ledger = stage.ledger, stage.ledger
    other.adopting.observe(None, manifest(generation=2, filter="event.data.n == 1"))
    await other.adopting._step()
    stage.handlers.put(manifest(generation=2, filter="event.data.n == 1"))

    await stage.deliver(event(data={"n": 2}), event(data={"n": 1}, id="2"))

    state = await stage.state()
    assert (state.generation, state.succeeded, state.filtered) == (2, 1, 1)
    found = stage.table.get(KEY)
    assert found is not None
    assert found.generation == 2
    assert await pending(stage) == 0


async def test_who_is_behind_asks_once_for_all_events_of_a_handler() -> None:
    stage = await joined(manifest())
    await stage.adopt_job()
    stage.store.jobs[KEY].generation = 2
    stage.handlers.put(manifest(generation=2))
    asked = 0
    own = stage.handlers.get

    async def get(namespace: str, name: str) -> Any:
        nonlocal asked
        asked += 1
        return await own(namespace, name)

    stage.handlers.get = get  # type: ignore[method-assign]

    await stage.deliver(*(event(id=str(n)) for n in range(50)))

    assert (await stage.state()).succeeded == 50
    assert asked == 1


async def test_who_cannot_catch_up_keeps_the_event_until_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "TRIES", 2)
    stage = await joined(manifest())
    await stage.adopt_job()
    stage.store.jobs[KEY].generation = 2
    stage.handlers.refusal = OSError("away")

    await stage.deliver(event(), event("other.type", id="2"))

    # more often than an event may be delivered to routers that end over it
    for _ in range(2 * MOST_DELIVERIES):
        assert await pending(stage) == len(stage.hand) == 1
        await stage.carry([])

    stage.handlers.refusal = None
    stage.handlers.put(manifest(generation=2))
    await stage.carry([])
    assert (await stage.state()).succeeded == 1
    assert await stage.letters.count() == 0
    assert await pending(stage) == len(stage.hand) == 0


async def test_a_run_of_an_edited_job_is_made_from_it_as_it_is_now() -> None:
    stage = await joined(manifest())
    await stage.adopt_job(payload={"version": 1})
    await stage.deliver(event())
    await stage.adopt_job(generation=2, payload={"version": 2})

    await stage.deliver(event(id="2"))

    versions = [json.loads(run.payload or "")["version"] for run in stage.store.runs.values()]
    assert versions == [1, 2]
    assert (await stage.state()).failed == 0


async def test_a_job_that_was_made_anew_is_found_by_the_next_attempt() -> None:
    stage = await joined(manifest())
    await stage.adopt_job()
    await stage.deliver(event())
    await stage.ledger.forget([JOB_UID])

    await stage.deliver(event(id="2"))

    assert (await stage.state()).waiting == 1
    assert stage.targets.get(("default", "target")) is None


async def test_nothing_is_acknowledged_before_the_store_answers() -> None:
    stage = await joined(manifest())
    await stage.adopt_job()
    answers = Answers(stage, RedisConnectionError("away"), TimeoutError(), RedisConnectionError("away"))
    stage.log.add(STREAM, {"event": event()})
    read = await stage.log.read([STREAM], "router-1", 10, 0)
    acked: list[int] = []
    own = stage.log.ack

    async def ack(stream: str, ids: Sequence[str]) -> None:
        acked.append(len(answers.asked))
        await own(stream, ids)

    stage.log.ack = ack  # type: ignore[method-assign]

    await stage.carry(read)

    assert acked == [4], "acknowledged after the fourth question, which was the first that was answered"
    assert (await stage.state()).succeeded == 1


async def test_a_full_store_holds_the_event_until_there_is_room() -> None:
    stage = await joined(manifest(action=CREATE_JOB))
    answers = Answers(stage, *[[Fate(FateWord.FULL)]] * 5)

    await stage.deliver(event())

    assert len(answers.asked) == 6
    assert (await stage.state()).waiting == 1
    assert not stage.delivery.full


async def test_the_outcomes_are_deleted_once_they_are_worked_on() -> None:
    stage = await joined(manifest(event="kronstream.run.failed"))
    await stage.adopt_job()
    await stage.log.join(OUTCOMES, "0")
    fields = {"kind": "failed", "run": f"{JOB_UID}-s1", "ns": "default", "uid": JOB_UID, "nm": "falls", "at": str(NOW)}
    stage.log.add(OUTCOMES, fields)

    await stage.carry(await stage.log.read([OUTCOMES], "router-1", 10, 0))

    assert stage.log.entries(OUTCOMES) == []
    (run,) = stage.store.runs.values()
    assert json.loads(run.payload or "")["event_data"]["job_name"] == "falls"


@pytest.mark.parametrize(("depth", "reason"), [("1", "FilterError"), (str(CHAIN_LIMIT), "ChainTooDeep")])
async def test_a_letter_of_an_outcome_has_the_event_that_can_be_replayed(depth: str, reason: str) -> None:
    stage = await joined(manifest(event="kronstream.run.failed", filter="event.data.missing == 1"))
    await stage.log.join(OUTCOMES, "0")
    fields = {"kind": "failed", "run": f"{JOB_UID}-s1", "ns": "default", "uid": JOB_UID, "nm": "falls", "at": str(NOW)}
    stage.log.add(OUTCOMES, {**fields, "dp": depth})

    await stage.carry(await stage.log.read([OUTCOMES], "router-1", 10, 0))

    (letter,) = await stage.letters.listed(10)
    assert letter.reason == reason
    told = read_event(letter.text)
    assert (told.type, told.depth, told.data["job_name"]) == ("kronstream.run.failed", int(depth), "falls")


async def test_a_thousand_handlers_of_one_event_are_asked_about_in_parts() -> None:
    stage = await joined(*(manifest(uid(n)) for n in range(1_000)))
    await stage.adopt_job(backlog=10_000)
    answers = Answers(stage)

    await stage.deliver(event())

    assert [len(asked) for asked in answers.asked] == [deliveries.CHUNK] * (1_000 // deliveries.CHUNK)
    assert len(stage.store.runs) == 1_000
    assert await pending(stage) == 0


async def test_the_room_works_until_it_is_cancelled() -> None:
    stage = await joined(manifest())
    await stage.adopt_job(backlog=10_000)
    room = asyncio.create_task(stage.delivery.run())
    for number in range(500):
        stage.log.add(STREAM, {"event": event(id=str(number))})
    stage.hand.put(await stage.log.read([STREAM], "router-1", 1_000, 0))

    await soon(lambda: len(stage.store.runs) == 500 and not len(stage.hand))

    room.cancel()
    await asyncio.wait([room])
    assert room.cancelled()
    assert await pending(stage) == 0
