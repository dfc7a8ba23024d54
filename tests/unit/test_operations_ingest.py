"""CloudEvents over HTTP as a service: three modes, all or nothing, and never a yes to what is not kept."""

import contextlib
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kronstream.domain.event import Event
from kronstream.operations import Accepted, Ingest, Rejected, Unavailable
from kronstream.operations.ingest import BATCH, BATCH_BYTES, BATCH_EVENTS, STRUCTURED, read_request
from kronstream.resources.cloudevent import MAX_BYTES, Unreadable, read_event, write_event
from kronstream.resources.eventheaders import to_headers
from kronstream.testing import FixedClock, MemoryEventLog
from unit.anyevent import events

pytestmark = pytest.mark.anyio

NOW = 1_795_000_000_000
STREAM = "stream:events"
LEAST = {"specversion": "1.0", "id": "1", "source": "/s", "type": "a.b"}


class Door:
    def __init__(self, **limits: int) -> None:
        self.log = MemoryEventLog(FixedClock(NOW))
        self.ingest = Ingest(self.log, STREAM, **limits)

    async def send(self, value: Any, media_type: str = STRUCTURED, now: int = NOW) -> Accepted:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return await self.ingest.accept({"content-type": media_type}, body, now)

    async def refused(self, value: Any, media_type: str = STRUCTURED, **headers: str) -> Rejected:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        with pytest.raises(Rejected) as caught:
            await self.ingest.accept({"content-type": media_type} | told if media_type else told, body, NOW)
        assert self.log.entries(STREAM) == []
        return caught.value

    async def kept(self) -> list[Event]:
        await self.log.join(STREAM, "0")
        return [read_event(entry.fields["event"], NOW) for entry in await self.log.read([STREAM], "a", 10_000, 0)]


@pytest.mark.parametrize("media_type", [STRUCTURED, f"{STRUCTURED}; charset=UTF-8", "Application/CloudEvents+JSON"])
async def test_a_structured_event_is_kept(media_type: str) -> None:
    door = Door()
    accepted = await door.send(LEAST | {"data": {"a": "ä"}}, media_type)
    assert accepted.ids == ("1",)
    assert list(accepted.entries) == door.log.entries(STREAM)
    assert await door.kept() == [Event("1", "/s", "a.b", {"a": "ä"})]


async def test_a_binary_event_is_kept_whatever_the_case_of_its_headers() -> None:
    door = Door()
    headers = {"CE-SpecVersion": "1.0", "Ce-Id": "1", "ce-source": "/s", "CE-TYPE": "a.b", "Content-Type": "text/plain"}
    assert (await door.ingest.accept(headers | {"Host": "x", "X-Other": "ä"}, b"hello", NOW)).ids == ("1",)
    assert await door.kept() == [Event("1", "/s", "a.b", "hello", datacontenttype="text/plain")]


async def test_a_batch_is_kept_in_order() -> None:
    door = Door()
    accepted = await door.send([LEAST | {"id": str(n)} for n in range(BATCH_EVENTS)], BATCH)
    assert accepted.ids == tuple(str(n) for n in range(BATCH_EVENTS))
    assert [event.id for event in await door.kept()] == list(accepted.ids)
    assert await door.send([], BATCH) == Accepted((), ())


@pytest.mark.parametrize(
    ("bad", "status", "field"),
    [
        ({"id": "2"}, 400, "[1].specversion"),
        (LEAST | {"time": "now"}, 400, "[1].time"),
        (LEAST | {"time": "2030-01-01T00:00:00Z"}, 400, "[1].time"),
        (LEAST | {"data": "x" * MAX_BYTES}, 413, "[1]"),
        (1, 400, "[1]"),
        (None, 400, "[1]"),
        ([], 400, "[1]"),
    ],
)
async def test_a_batch_with_one_bad_event_keeps_none(bad: Any, status: int, field: str) -> None:
    fault = await Door().refused([LEAST, bad, LEAST | {"id": "3"}], BATCH)
    assert (fault.status, fault.field) == (status, field)


@pytest.mark.parametrize(
    ("media_type", "headers"),
    [
        ("", {}),
        ("application/json", {}),
        ("application/x-www-form-urlencoded", {"accept": "*/*"}),
        ("application/cloudevents", {}),
        ("application/cloudevents+avro", {"ce_id": "1"}),
        ("application/cloudevents-batch", {}),
        ("application/cloudevents-batch+xml", {}),
        (f"{STRUCTURED}; charset=utf-16", {}),
        (f"{BATCH}; charset=latin1", {}),
    ],
)
async def test_other_types_are_415_and_say_which_are_taken(media_type: str, headers: Mapping[str, str]) -> None:
    fault = await Door().refused(LEAST, media_type, **headers)
    assert (fault.status, fault.field) == (415, "content-type")
    assert "application/cloudevents" in str(fault)


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"", STRUCTURED, 400),
        (b"{", STRUCTURED, 400),
        (b"\xff", STRUCTURED, 400),
        (b'{"a": NaN}', STRUCTURED, 400),
        (b"[" * 60_000, STRUCTURED, 400),
        (b"[]", STRUCTURED, 400),
        (b"x" * 10_000_000, STRUCTURED, 413),
        (b"{}", BATCH, 400),
        (b"[" * 1_000_000, BATCH, 400),
        (b"[{}" + b",{}" * BATCH_EVENTS + b"]", BATCH, 413),
        (b"[" + b" " * BATCH_BYTES + b"]", BATCH, 413),
    ],
)
async def test_hostile_bodies_are_refused_at_once(body: bytes, media_type: str, status: int) -> None:
    begin = time.thread_time()
    fault = await Door().refused(body, media_type)
    assert fault.status == status
    assert len(str(fault)) < 500
    assert time.thread_time() - begin < 2


@pytest.mark.parametrize(
    ("headers", "body", "status", "field"),
    [
        ({"ce_id": "1"}, b"", 400, "ce-specversion"),
        ({"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/", "ce_type": "%FF"}, b"", 400, "ce-type"),
        ({"ce_specversion": "1.0", "ce_id": "x" * 100_000, "ce_source": "/", "ce_type": "a"}, b"", 413, ""),
        ({"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/", "ce_type": "a"}, b"x" * 10_000_000, 413, ""),
        ({"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/", "ce_type": "a"}, b"\xff" * 50_000, 413, ""),
        ({"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/", "ce_type": "a", "ce___class__": "x"}, b"", 400,
         "ce---class--"),
    ],
)  # fmt: skip
async def test_hostile_headers_are_refused(headers: dict[str, str], body: bytes, status: int, field: str) -> None:
    fault = await Door().refused(body, "", **headers)
    assert (fault.status, fault.field) == (status, field)


async def test_an_event_that_grows_when_it_is_written_is_still_read() -> None:
    door = Door()
    fault = await door.refused(
        b'{"specversion":"1.0","id":"1","source":"/","type":"a","data":[%s1]}' % (b"1E15," * 12_000)
    )
    assert fault.status == 413


@settings(max_examples=50)
@given(st.lists(events(), min_size=1, max_size=3))
async def test_what_is_accepted_is_read_as_it_was_sent(some: list[Event]) -> None:
    for event in some:
        text = write_event(event)
        assert read_request({"Content-Type": STRUCTURED}, text.encode()) == [event]
        headers, body = to_headers(event)
        (found,) = read_request(headers, body)
        assert (found.id, found.source, found.type, found.time) == (event.id, event.source, event.type, event.time)
    batch = f"[{','.join(write_event(event) for event in some)}]"
    assert read_request({"Content-Type": BATCH}, batch.encode()) == some


@given(
    st.dictionaries(st.text(max_size=12) | st.sampled_from(["ce-id", "ce-type", "Content-Type"]), st.text()),
    st.binary(),
)
async def test_nothing_that_is_sent_breaks_it(headers: dict[str, str], body: bytes) -> None:
    for media_type in (None, STRUCTURED, BATCH, "application/json"):
        told = headers if media_type is None else headers | {"Content-Type": media_type, "ce-specversion": "1.0"}
        with contextlib.suppress(Unreadable, Rejected):
            read_request(told, body, NOW)


async def test_a_log_that_is_away_is_503_and_never_a_yes() -> None:
    door = Door()
    door.log.away = True
    with pytest.raises(Unavailable) as caught:
        await door.send(LEAST)
    assert caught.value.status == 503
    assert caught.value.retry_after > 0
    door.log.away = False
    assert (await door.send(LEAST)).ids == ("1",)
    door.log.away = True
    with pytest.raises(Unavailable):  # the length is known, the append fails
        await door.send(LEAST)
    assert len(door.log.entries(STREAM)) == 1


async def test_a_stream_that_is_none_is_503() -> None:
    door = Door()
    door.log.others.add(STREAM)
    with pytest.raises(Unavailable, match="events cannot be kept"):
        await door.send(LEAST)


async def test_too_many_that_wait_are_back_pressure_until_some_were_worked_on() -> None:
    door = Door(most=3)
    await door.log.join(STREAM, "$")
    await door.send([LEAST, LEAST], BATCH)
    with pytest.raises(Unavailable, match="3 events wait") as caught:
        await door.send([LEAST, LEAST], BATCH)
    assert caught.value.retry_after > 0
    await door.send(LEAST)
    with pytest.raises(Unavailable):
        await door.send(LEAST)
    entries = await door.log.read([STREAM], "a", 2, 0)
    with pytest.raises(Unavailable):
        await door.send(LEAST)
    await door.log.ack(STREAM, [entry.id for entry in entries])
    await door.send([LEAST, LEAST], BATCH)
    with pytest.raises(Unavailable):
        await door.send(LEAST, now=NOW + 60_000)
