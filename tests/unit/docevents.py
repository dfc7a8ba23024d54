"""What the program says to the examples of the page about events, in the page's own form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kronstream.cli.documents import read
from kronstream.domain import filter as expressions
from kronstream.domain.errors import Invalid
from kronstream.domain.event import Event
from kronstream.domain.eventpattern import Pattern
from kronstream.domain.eventpayload import payload
from kronstream.domain.eventstream import Readable
from kronstream.events.generation import read as read_handler
from kronstream.events.hearing import heard
from kronstream.events.sources import Source
from kronstream.events.table import Handler
from kronstream.events.view import judged
from kronstream.operations.routing import Heard
from kronstream.operations.triggered import Answer, Outcome
from kronstream.ports import Ending, Entry, EventLetter, Lag, Settled
from kronstream.resources import instant
from kronstream.resources.cloudevent import read_event
from kronstream.resources.eventhandler import judge_handler, parse_handler, parse_handler_spec
from unit.docpage import Table, code
from unit.eventdesk import Desk

ACTION = {"runJob": {"name": "bill"}}
CREATED = instant.parse("2026-11-23T10:00:00Z")
Cells = tuple[str, ...]


def fields(text: str) -> dict[str, Any]:
    """The fields that a text writes, as kubectl would read them."""
    (document,) = read(text)
    found: dict[str, Any] = document.value
    return found


def around(spec: dict[str, Any], name: str = "example") -> dict[str, Any]:
    """A handler with these fields, as the API server gives it."""
    return {
        "apiVersion": "kronstream.dev/v1",
        "kind": "EventHandler",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "generation": 1,
            "creationTimestamp": "2026-11-18T11:06:30Z",
        },
        "spec": {"event": "order.paid", "action": ACTION, **spec},
    }


def handler(text: str) -> dict[str, Any]:
    """The handler of an example: a whole one, or one around the part of a spec that the example is about."""
    found = fields(text)
    if "kind" not in found:
        return around(found)
    return {**found, "metadata": {**around({})["metadata"], **found["metadata"]}}


def good(obj: dict[str, Any]) -> None:
    """Raises Invalid for a handler that a router would not take."""
    judge_handler(parse_handler(obj).spec)


# timelines


async def timeline(spec: dict[str, Any], lines: Sequence[str]) -> list[str]:
    """The lines of a block, each with what becomes of its event."""
    desk = Desk()
    await desk.job("bill", backlog=1_000)
    desk.store.clock.now = CREATED
    await desk.apply(around(spec))
    acted: dict[str, str] = {}
    answers: list[tuple[str, str, Answer]] = []
    for number, line in enumerate(lines):
        at, data = line.split("  ")[:2]
        await _pass(desk, instant.parse(f"2026-11-23T{at}Z"), acted)
        event = Event(id=str(number), source="/docs", type="order.paid", data=json.loads(data))
        (answer,) = [one for one in await desk.trigger.fire(event, desk.handlers) if one.matched]
        answers.append((f"{at}  {data}", event.id, answer))
    await _pass(desk, desk.store.now() + 3_600_000, acted)
    return [f"{line}  {_said(answer, acted.get(number))}" for line, number, answer in answers]


async def _pass(desk: Desk, until: int, acted: dict[str, str]) -> None:
    """Let time pass, and let what comes due act."""
    memory = desk.store.memory
    while True:
        due = min(memory.items_due.values(), default=until)
        await desk.store.advance(max(min(due, until) - desk.store.now(), 0))
        for waiting in await desk.store.effects.take_due(10, 60_000):
            acted[json.loads(waiting.body)["event"]["id"]] = _clock(desk.store.now())
            await desk.store.effects.settle([Settled(waiting.item, waiting.token, Ending.DONE)])
        if due >= until:
            return


def _clock(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S")


def _said(answer: Answer, at: str | None) -> str:
    if at is not None:
        return f"acts at {at}"
    return {
        Outcome.STARTED: "acts",
        Outcome.DUPLICATE: "left out",
        Outcome.DROPPED: "left out",
        Outcome.DEBOUNCED: "is part of the burst",
    }[answer.outcome]


# tables


def patterns(table: Table, row: Cells) -> Cells:
    pattern = Pattern.read(code(row[0]))
    told = [code(one) for cell in row[1:] for one in cell.split(", ")]
    yes = ", ".join(f"`{one}`" for one in told if pattern.matches(one))
    no = ", ".join(f"`{one}`" for one in told if not pattern.matches(one))
    return row[0], yes, no


def payloads(table: Table, row: Cells) -> Cells:
    own = None if row[0] == "none" else json.loads(code(row[0]))
    found = payload(Event(id="1", source="/a", type="order.paid", data={"order": 7}), own)
    return row[0], f"`{json.dumps(found)}`"


def filters(table: Table, row: Cells) -> Cells:
    event = Event(id="1", source="/shop", type="order.paid", data={"total": 99.5, "tags": ["gift"]})
    verdict = expressions.compile(code(row[0])).holds(Heard(event, "").seen)
    told = "acts" if verdict.holds else "left out"
    return row[0], f"error: {verdict.why.removeprefix('cannot be told: ')}" if verdict.error else told


def letters(table: Table, row: Cells) -> Cells:
    found = heard(Entry("stream:events", "1-0", json.loads(code(row[0]))), CREATED, outcome=False)
    assert isinstance(found, EventLetter)
    return row[0], f"`{found.reason}`", f"`` {found.message} ``"


def _handler(**spec: Any) -> Handler:
    return read_handler(around(spec))


# as the real store says it: tests/integration/test_events_page.py
NO_STREAM = "is no stream in Redis but a key of another type; name another stream"
READ = Source("stream:events", joined=True, lag=Lag(0, None, "1-0"))
STATES: dict[str, tuple[Handler, list[Source], str]] = {
    "all is well": (_handler(), [READ], ""),
    "`enabled: false`": (_handler(enabled=False), [READ], ""),
    "the spec cannot be used": (_handler(filter="event.dta.total > 5"), [], ""),
    "the key of its stream is something else": (
        _handler(),
        [
            Source(
                "stream:events",
                fault="stream:events is no stream in Redis but a key of another type; name another stream",
            )
        ],
        "",
    ),
    "its stream is none that handlers may name": (
        _handler(source={"stream": "stream:hr"}),
        [Source("stream:hr", fault=Readable.of([], ["stream:events", "stream:shop:*"]).refusal("stream:hr") or "")],
        "",
    ),
    "no router reads the stream yet": (_handler(), [Source("stream:events")], ""),
    "Redis is away": (_handler(), [READ], "no answer from redis://redis:6379"),
}


def states(table: Table, row: Cells) -> Cells:
    ready = judged(*STATES[row[0]])[0]
    assert ready[0] == "Ready"
    return row[0], f"`{ready[1]}`", f"`{ready[2]}`", f"`` {ready[3]} ``"


def bad(table: Table, row: Cells) -> Cells:
    spec = around(fields(code(row[0])))["spec"]
    try:
        parsed = parse_handler_spec(spec)
    except Invalid as fault:
        return row[0], "`kubectl apply`", f"`` {fault} ``"
    try:
        judge_handler(parsed)
    except Invalid as fault:
        return row[0], "the status", f"`` {fault} ``"
    raise AssertionError(f"{row[0]} is good")


def event_in(text: str) -> Event:
    """The event of a structured text."""
    return read_event(text, CREATED)
