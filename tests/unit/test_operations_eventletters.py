"""Dead letters of events: looked at, replayed through the present handlers, dropped."""

import json
from typing import Any

import pytest

from kronstream.domain.event import CHAIN_LIMIT
from kronstream.domain.outcomeevent import event_of
from kronstream.operations import Refused
from kronstream.operations.refused import Why
from kronstream.operations.triggered import Outcome
from kronstream.ports import Ending, EventLetter, Settled
from unit.eventdesk import CREATE, OUTCOMES, Desk, manifest, paid

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def bury(desk: Desk, text: str, **fields: Any) -> str:
    """A letter; its id."""
    given = {"reason": "TooManyDeliveries", "stream": "stream:events", "entry": "1-0", **fields}
    await desk.store.event_letters.bury([EventLetter(text=text, **given)])
    return (await desk.letters.page(1))[0][0].id


def text(id: str = "1", **fields: Any) -> str:  # noqa: A002 - CloudEvents' own word
    return json.dumps(paid(id, **fields).dump())


async def refusal(question: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await question
    return caught.value


async def test_letters_are_listed_shown_and_dropped(desk: Desk) -> None:
    first = await bury(desk, "{", reason="NotJson", message="is not JSON")
    ids = [first] + [await bury(desk, text(str(number))) for number in range(3)]

    newest, count = await desk.letters.page(2)
    older, _ = await desk.letters.page(100, newest[-1].id)

    assert ([letter.id for letter in newest + older], count) == (ids[::-1], 4)
    assert (await desk.letters.show(first)).message == "is not JSON"
    await desk.letters.drop(first)
    for question in (
        desk.letters.show(first),
        desk.letters.drop(first),
        desk.letters.replay("nonsense", desk.handlers),
    ):
        assert (await refusal(question)).why is Why.GONE
    assert (await desk.letters.page())[1] == 3


async def test_at_least_one_and_at_most_a_hundred_are_shown(desk: Desk) -> None:
    await desk.store.event_letters.bury([EventLetter("NotJson", text=str(number)) for number in range(120)])

    assert [len((await desk.letters.page(limit))[0]) for limit in (-1, 0, 1, 1_000)] == [1, 1, 1, 100]


async def test_a_letter_of_no_handler_comes_to_all_of_them_again(desk: Desk) -> None:
    uid = await desk.job()
    await desk.apply(manifest("acted"))
    await desk.trigger.fire(paid(), desk.handlers)
    await desk.apply(manifest("new"), manifest("filters", filter="event.data.total > 10"))
    letter = await bury(desk, text())

    answers = await desk.letters.replay(letter, desk.handlers)

    assert [(one.name, one.outcome.value, one.before) for one in answers] == [
        ("acted", "started", True), ("filters", "filtered", False), ("new", "started", False),
    ]  # fmt: skip
    assert len(await desk.runs(uid)) == 2
    assert (await desk.letters.page())[1] == 0


async def test_a_letter_goes_to_the_handlers_of_its_stream(desk: Desk) -> None:
    await desk.job()
    await desk.apply(manifest("here", source={"stream": "stream:orders"}), manifest("there"))

    answers = await desk.letters.replay(await bury(desk, text(), stream="stream:orders"), desk.handlers)

    assert [one.name for one in answers] == ["here"]


async def failed(desk: Desk, name: str = "creates") -> str:
    """The letter of an action that failed for good."""
    await desk.trigger.fire(paid(), desk.handlers)
    (waiting,) = await desk.store.effects.take_due(10, 1_000)
    await desk.store.effects.settle([Settled(waiting.item, waiting.token, Ending.FAILED, message="quota")])
    ((letter,), _) = await desk.letters.page()
    assert letter.handler == f"eh.uid-{name}"
    return letter.id


async def test_an_action_that_failed_is_done_again_by_its_handler_alone(desk: Desk) -> None:
    uid = await desk.job()
    await desk.apply(
        manifest("creates", action=CREATE, dedupe={"key": "event.data.total", "window": "1h"}), manifest("runs")
    )
    letter = await failed(desk)
    before = desk.store.event_letters

    (answer,) = await desk.letters.replay(letter, desk.handlers)

    assert (answer.name, answer.outcome, answer.before) == ("creates", Outcome.QUEUED, False)
    (waiting,) = await desk.store.effects.take_due(10, 1_000)
    assert json.loads(waiting.body)["event"]["data"] == {"total": 5}
    assert (await before.count(), len(await desk.runs(uid))) == (0, 1)


async def test_a_letter_that_is_replayed_twice_acts_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.apply(manifest("creates", action=CREATE))
    letter = await failed(desk)

    async def lost(_: str) -> bool:
        raise ConnectionError

    monkeypatch.setattr(desk.store.event_letters, "drop", lost)
    with pytest.raises(ConnectionError):
        await desk.letters.replay(letter, desk.handlers)
    monkeypatch.undo()
    (answer,) = await desk.letters.replay(letter, desk.handlers)

    assert answer.before
    assert len(await desk.store.effects.take_due(10, 1_000)) == 1


async def test_what_a_filter_could_not_judge_is_judged_by_the_one_that_is_there_now(desk: Desk) -> None:
    uid = await desk.job()
    await desk.apply(manifest("runs", filter="event.data.sum > 3"))
    letter = await bury(desk, text(), reason="FilterError", handler="eh.uid-runs")

    refused = await refusal(desk.letters.replay(letter, desk.handlers))
    await desk.apply(manifest("runs", filter="event.data.total > 3", generation=2))
    (answer,) = await desk.letters.replay(letter, desk.handlers)

    assert (refused.why, "there is no 'sum'" in str(refused)) == (Why.CONFLICT, True)
    assert await desk.runs(uid) == [answer.run]


async def test_a_letter_stays_where_nothing_was_done(desk: Desk) -> None:
    await desk.job()
    await desk.apply(manifest("runs"), in_force=False)
    letter = await bury(desk, text(), handler="eh.uid-runs", reason="FilterError")

    refused = await refusal(desk.letters.replay(letter, desk.handlers))

    assert refused.why is Why.AWAY
    assert "default/runs: no router has this generation of it in force yet" in str(refused)
    assert (await desk.letters.page())[1] == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{", "is not JSON"),
        ('{"a": "1"}', "specversion: is missing"),
        (text(data="x" * 70_000), "only its first 65536 bytes were kept"),
        (text(time=4_000_000_000_000), "ahead of now"),
    ],
)
async def test_what_is_no_event_is_refused(desk: Desk, given: str, words: str) -> None:
    letter = await bury(desk, given, reason="NotJson")

    refused = await refusal(desk.letters.replay(letter, desk.handlers, now=1_795_000_000_000))

    assert refused.why is Why.INVALID
    assert words in str(refused)
    assert "drop it" in str(refused)
    assert (await desk.letters.page())[1] == 1


async def test_a_body_that_is_none_is_refused(desk: Desk) -> None:
    letter = await bury(desk, "[]", stream="", handler="eh.uid-runs")

    assert (await refusal(desk.letters.replay(letter, desk.handlers))).why is Why.INVALID


async def test_a_chain_that_was_too_long_begins_anew(desk: Desk) -> None:
    uid = await desk.job()
    await desk.apply(manifest("runs"))
    letter = await bury(desk, text(extensions={"chaindepth": CHAIN_LIMIT}), reason="ChainTooDeep")

    (answer,) = await desk.letters.replay(letter, desk.handlers)

    assert await desk.runs(uid) == [answer.run]


async def test_what_the_store_told_of_a_run_is_replayed_to_those_that_listen_for_runs(desk: Desk) -> None:
    await desk.job()
    fields = {
        "kind": "failed", "run": "u-1-s1000", "uid": "u-1", "ns": "default", "nm": "nightly", "at": "1000",
        "st": "failed", "why": "error", "att": "1", "cf": "3", "dp": "10",
    }  # fmt: skip
    await desk.apply(
        manifest("alerts", "kronstream.run.failed", filter="event.data.consecutive_failures == 3"),
        manifest("deaf", "*.run.failed"),
    )

    letter = await bury(desk, json.dumps(fields), stream=OUTCOMES, reason="ChainTooDeep")
    answers = await desk.letters.replay(letter, desk.handlers)

    assert [(one.name, one.outcome) for one in answers] == [("alerts", Outcome.STARTED)]
    # one that could be read is kept as the event that it is
    told = json.dumps(event_of({**fields, "run": "u-1-s2000"}).dump())
    letter = await bury(desk, told, stream=OUTCOMES, reason="ChainTooDeep")
    answers = await desk.letters.replay(letter, desk.handlers)
    assert [(one.name, one.outcome) for one in answers] == [("alerts", Outcome.STARTED)]
    broken = await bury(desk, "[]", stream=OUTCOMES)
    assert (await refusal(desk.letters.replay(broken, desk.handlers))).why is Why.INVALID
