"""Triggering by hand: who matched, in which order, who left the event out and why, and what was made."""

from dataclasses import replace
from typing import Any

import pytest

from kronstream.domain.event import CHAIN_LIMIT
from kronstream.domain.run import digest
from kronstream.operations import Refused
from kronstream.operations.eventhandlers import Hearers, known
from kronstream.operations.making import job_of
from kronstream.operations.refused import Why
from kronstream.operations.routing import kept
from kronstream.operations.triggered import Answer, Outcome
from kronstream.ports import FateWord
from unit.eventdesk import AGENT, CREATE, Desk, manifest, paid

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk() -> Desk:
    return Desk()


def said(answers: list[Answer]) -> list[tuple[str, str]]:
    return [(answer.name, answer.outcome.value) for answer in answers]


async def test_those_that_match_act_in_their_order(desk: Desk) -> None:
    uid = await desk.job()
    await desk.apply(
        manifest("b-runs"),
        manifest("a-runs"),
        manifest("creates", action=CREATE, priority=5),
        manifest("asks", action=AGENT, priority=-1),
    )

    answers = await desk.trigger.fire(paid(), desk.handlers)

    assert said(answers) == [("creates", "queued"), ("a-runs", "started"), ("b-runs", "started"), ("asks", "started")]
    assert {answer.run for answer in answers[1:3]} == set(await desk.runs(uid))
    assert [answers[3].run] == await desk.runs("eh.uid-asks")
    assert [answer.action for answer in answers] == [
        "createJob cleanup:artifacts", "runJob job", "runJob job", "dispatchAgent reviewer",
    ]  # fmt: skip
    assert [answer.job for answer in answers[1:]] == ["job", "job", None]


async def test_the_job_that_a_router_makes_has_the_name_that_is_told(desk: Desk) -> None:
    await desk.apply(manifest("creates", action=CREATE))

    (answer,) = await desk.trigger.fire(paid(), desk.handlers)

    (waiting,) = await desk.store.effects.take_due(10, 1_000)
    listener = desk.known[0].listener
    assert listener is not None
    made = job_of(listener, kept(waiting.body), waiting.item, 0)
    assert answer.job == made["metadata"]["name"]
    assert made["spec"]["payload"] == {"retention_days": 30, "event_data": {"total": 5}, "event_name": "order.paid"}


async def test_the_same_event_has_its_effects_once(desk: Desk) -> None:
    uid = await desk.job()
    await desk.apply(manifest("runs"), manifest("creates", action=CREATE))

    first = await desk.trigger.fire(paid(), desk.handlers)
    again = await desk.trigger.fire(paid(), desk.handlers)

    assert [replace(answer, before=True) for answer in first] == again
    assert len(await desk.runs(uid)) == 1


async def test_what_leaves_an_event_out_says_why(desk: Desk) -> None:
    await desk.job()
    await desk.apply(
        manifest("filters", filter="event.data.total > 10"),
        manifest("fails", filter="event.data.sum > 10"),
        manifest("passes", filter="event.data.total == 5"),
    )

    answers = await desk.trigger.fire(paid(), desk.handlers)

    assert said(answers) == [("fails", "error"), ("filters", "filtered"), ("passes", "started")]
    assert answers[0].why.startswith("filter cannot be told: there is no 'sum'")
    assert answers[1].why == "filter is false: event.data.total > 10"


async def test_those_that_are_not_asked_say_why(desk: Desk) -> None:
    await desk.apply(
        manifest("other", platformId="p-2"),
        manifest("off", enabled=False),
        manifest("elsewhere", source={"stream": "stream:orders"}),
        manifest("broken", filter="event.data.total >"),
        manifest("away", namespace="team-b"),
        manifest("another-type", "order.lost"),
        in_force=False,
    )
    event = paid(extensions={"platformid": "p-1", "namespace": "default"})

    answers = await desk.trigger.fire(event, desk.handlers)

    assert {answer.outcome for answer in answers} == {Outcome.APART}
    assert not any(answer.matched for answer in answers)
    why = {answer.name: answer.why for answer in answers}
    assert why.pop("broken").startswith("its spec cannot be used: spec.filter: ")
    assert why == {
        "away": "the event is for namespace default",
        "elsewhere": "it listens to stream:orders, not stream:events",
        "off": "enabled is false",
        "other": "it is for platform p-2, and the event has platform p-1",
    }


async def test_events_without_a_namespace_are_for_those_that_may_see_them(desk: Desk) -> None:
    await desk.job()
    await desk.apply(manifest("here"), manifest("there", namespace="team-b"))

    hearers = Hearers(desk.known, ["default"])
    answers = await desk.trigger.fire(paid(), hearers)

    assert said(answers) == [("here", "started"), ("there", "apart")]
    assert "KRONSTREAM_EVENT_NAMESPACES" in answers[1].why


async def test_a_dry_run_makes_nothing(desk: Desk) -> None:
    uid = await desk.job()
    await desk.apply(
        manifest("runs"),
        manifest("misses", action={"runJob": {"name": "no-such"}}),
        manifest("creates", action=CREATE, dedupe={"key": "event.data.total", "window": "1m"}),
        manifest("large", action={"createJob": {**CREATE["createJob"], "payload": {"text": "x" * 65_500}}}),
    )

    answers = await desk.trigger.fire(paid(), desk.handlers, dry_run=True)

    assert said(answers) == [("creates", "planned"), ("large", "failed"), ("misses", "failed"), ("runs", "planned")]
    assert answers[0].why == "unless dedupe holds it back"
    assert answers[0].job is not None
    assert "bytes of JSON" in answers[1].why
    assert answers[2].why == "there is no ScheduledJob no-such in namespace default"
    assert await desk.runs(uid) == []
    assert await desk.store.effects.backlog() == (0, 0)
    state = await desk.store.effects.describe(["eh.uid-runs"])
    assert state[0] is not None
    assert state[0].triggered == 0


async def test_rules_hold_for_what_is_triggered(desk: Desk) -> None:
    await desk.job()
    await desk.apply(
        manifest("dedupes", dedupe={"key": "event.data.total", "window": "1m"}),
        manifest("bursts", debounce={"quiet": "1s"}),
        manifest("paces", rateLimit={"count": 1, "per": "1m"}),
        manifest("waits", rateLimit={"count": 1, "per": "1m", "over": "Delay"}),
    )

    await desk.trigger.fire(paid("1"), desk.handlers)
    answers = await desk.trigger.fire(paid("2"), desk.handlers)

    assert said(answers) == [
        ("bursts", "debounced"), ("dedupes", "duplicate"), ("paces", "dropped"), ("waits", "delayed"),
    ]  # fmt: skip
    assert answers[0].why.startswith("it waits for a quiet moment, at present until 20")
    assert answers[3].why.startswith("rateLimit lets it wait until 20")


async def test_an_action_that_cannot_be_had_is_told(desk: Desk) -> None:
    await desk.job("broken", invalid=True)
    await desk.apply(
        manifest("misses", action={"runJob": {"name": "no-such"}}),
        manifest("holds", action={"runJob": {"name": "broken"}}),
    )

    answers = await desk.trigger.fire(paid(), desk.handlers)

    assert said(answers) == [("holds", "failed"), ("misses", "failed")]
    assert answers[0].why == "the spec of its job cannot be used (Stalled)"
    assert answers[1].why == "there is no ScheduledJob no-such in namespace default"


async def test_a_job_that_forbids_a_second_run_skips_it(desk: Desk) -> None:
    await desk.job(policy="Forbid", max_concurrent=1)
    await desk.apply(manifest("runs"))

    await desk.trigger.fire(paid("1"), desk.handlers)
    (answer,) = await desk.trigger.fire(paid("2"), desk.handlers)

    assert (answer.outcome, answer.run) == (Outcome.SKIPPED, None)
    assert answer.why == "another run is not over, and concurrencyPolicy forbids a second one"


async def test_a_full_backlog_leaves_nothing_out(desk: Desk) -> None:
    await desk.job(backlog=1)
    await desk.apply(manifest("runs"))

    told = [said(await desk.trigger.fire(paid(str(number)), desk.handlers)) for number in range(3)]

    assert told == [[("runs", "started")]] * 3


async def test_a_generation_that_is_not_in_force_is_told(desk: Desk) -> None:
    await desk.job()
    await desk.apply(manifest("new"), in_force=False)
    await desk.apply(manifest("old", generation=2))
    desk.known = [one for one in desk.known if one.name != "old"] + [known(manifest("old"))]

    answers = await desk.trigger.fire(paid(), desk.handlers)

    assert said(answers) == [("new", "not_in_force"), ("old", "not_in_force")]
    assert [answer.run for answer in answers] == [None, None]


async def test_a_job_that_is_edited_meanwhile_is_run_as_it_is_now(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = await desk.job(payload={"version": 1})
    await desk.apply(manifest("runs"))
    route, words = desk.store.effects.route, []

    async def meanwhile(epoch: str, effects: Any) -> Any:
        if not words:
            await desk.job(payload={"version": 2}, generation=2)
        fates = await route(epoch, effects)
        words.extend(fate.word for fate in fates)
        return fates

    monkeypatch.setattr(desk.store.effects, "route", meanwhile)
    (answer,) = await desk.trigger.fire(paid(), desk.handlers)

    assert words == [FateWord.MOVED, FateWord.STARTED]
    record = await desk.store.records.get(answer.run or "")
    assert record is not None
    assert record.uid == uid
    assert '"version":2' in (record.payload or "")


async def test_a_lost_store_refuses(desk: Desk) -> None:
    await desk.job()
    await desk.apply(manifest("runs"))
    await desk.store.wipe()

    with pytest.raises(Refused) as refused:
        await desk.trigger.fire(paid(), desk.handlers)

    assert refused.value.why is Why.AWAY


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"extensions": {"chaindepth": CHAIN_LIMIT}}, "10 actions led to this event"),
        ({"data": "x" * 70_000}, "bytes of JSON and 65536 are allowed"),
    ],
)
async def test_an_event_that_nobody_may_act_on_is_refused(desk: Desk, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        await desk.trigger.fire(paid(**fields), desk.handlers)

    assert refused.value.why is Why.INVALID


async def test_many_handlers_are_asked_in_their_order(desk: Desk) -> None:
    await desk.job(backlog=10_000)
    names = [f"h-{number:03}" for number in range(450)]
    await desk.apply(*(manifest(name) for name in names))

    answers = await desk.trigger.fire(paid(), desk.handlers)

    assert [answer.name for answer in answers] == names
    assert {answer.outcome for answer in answers} == {Outcome.STARTED}


async def test_redo_is_one_handlers_and_once(desk: Desk) -> None:
    uid = await desk.job()
    await desk.apply(manifest("runs", dedupe={"key": "event.data.total", "window": "1m"}), manifest("other"))
    await desk.trigger.fire(paid(), desk.handlers)
    item = digest("again", "eh.uid-runs")

    answers = [await desk.trigger.redo(paid(), "eh.uid-runs", desk.handlers, item) for _ in range(2)]

    assert said(answers) == [("runs", "started")] * 2
    assert [answer.before for answer in answers] == [False, True]
    assert len(await desk.runs(uid)) == 3


@pytest.mark.parametrize(
    ("spec", "why"), [({"enabled": False}, "is not enabled"), ({"filter": "event.data.total >"}, "spec.filter: ")]
)
async def test_redo_wants_a_handler_that_acts(desk: Desk, spec: dict[str, Any], why: str) -> None:
    await desk.apply(manifest("runs", **spec))

    with pytest.raises(Refused, match=why):
        await desk.trigger.redo(paid(), "eh.uid-runs", desk.handlers, "item")
    with pytest.raises(Refused, match="EventHandler uid-none is not known"):
        await desk.trigger.redo(paid(), "eh.uid-none", desk.handlers, "item")
