"""CloudEvents over HTTP, in the three modes of its binding: what a request holds is appended to a stream, or refused.

https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kronstream.domain.event import Event
from kronstream.ports import EventLog, LogAway, StreamFault
from kronstream.resources.cloudevent import MAX_BYTES, Unreadable, kind_of, of_value, parse, read_event, write_event
from kronstream.resources.eventheaders import PREFIX, charset, of_headers

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
ANY = "application/cloudevents"
BATCH_BYTES, BATCH_EVENTS = 1_048_576, 1_000
MOST_WAITING = 1_000_000
LOOK = 1_000  # milliseconds for which the length of the stream is taken to be what it was
RETRY_AFTER = 5


@dataclass(frozen=True, slots=True)
class Accepted:
    """The events are in the stream: their ids, in order, and those of their entries."""

    ids: tuple[str, ...]
    entries: tuple[str, ...]


class Rejected(Exception):  # noqa: N818 - a verdict on a request
    """The request cannot be used; ``status`` is 400, 413 or 415, ``field`` the header or attribute at fault, or ''."""

    def __init__(self, status: int, message: str, field: str = "", reason: str = "Invalid") -> None:
        super().__init__(message)
        self.status = status
        self.field = field
        self.reason = reason


class Unavailable(Exception):  # noqa: N818 - a verdict on the stream
    """Nothing is taken now (503); the same may be sent again after ``retry_after`` seconds."""

    def __init__(self, message: str, retry_after: int = RETRY_AFTER) -> None:
        super().__init__(message)
        self.status = 503
        self.retry_after = retry_after


class Ingest:
    """The way into one stream. ``most`` events may wait in it; then it takes no more until some were worked on."""

    def __init__(self, log: EventLog, stream: str, most: int = MOST_WAITING) -> None:
        self._log = log
        self._stream = stream
        self._most = most
        self._room = 0
        self._looked: int | None = None

    async def accept(self, headers: Mapping[str, str], body: bytes, now: int) -> Accepted:
        """Append what a request holds, all or nothing; ``now`` is in ms. Raises Rejected, Unavailable.

        After Unavailable it may be in the stream all the same: the one who sends it again sends the same ids.
        """
        try:
            events = read_request(headers, body, now)
            texts = _texts(events)
        except Unreadable as error:
            status = 413 if error.reason == "TooLarge" else 400
            raise Rejected(status, str(error), error.field, error.reason) from None
        if not events:
            return Accepted((), ())
        try:
            await self._reserve(len(texts), now)
            entries = await self._log.append(self._stream, texts)
        except LogAway as error:
            raise Unavailable(f"{error}; send it again") from None
        except StreamFault as error:
            raise Unavailable(f"events cannot be kept: {error}", 60) from None
        return Accepted(tuple(event.id for event in events), tuple(entries))

    async def _reserve(self, count: int, now: int) -> None:
        looked = self._looked
        if looked is None or not looked <= now < looked + LOOK or self._room < count:
            self._room = self._most - await self._log.backlog(self._stream)
            self._looked = now
        if self._room < count:
            raise Unavailable(f"{self._most} events wait in {self._stream} already; send it again later")
        self._room -= count


def read_request(headers: Mapping[str, str], body: bytes, now: int | None = None) -> list[Event]:
    """The events of a request in any of the three modes. Raises Unreadable, Rejected for what says another type."""
    named = {name.lower(): text for name, text in headers.items()}
    given = named.get("content-type", "")
    media_type = given.partition(";")[0].strip().lower()
    if not media_type.startswith(ANY):
        return [_binary(headers, body, now)]
    if media_type not in (STRUCTURED, BATCH):
        raise _unsupported(f"{media_type[:64]!r} is not known", f"write {STRUCTURED} or {BATCH}")
    if charset(given) not in ("utf-8", "us-ascii"):
        raise _unsupported("JSON is UTF-8", f"write {media_type}; charset=utf-8")
    most = BATCH_BYTES if media_type == BATCH else MAX_BYTES
    if len(body) > most:
        raise Unreadable("TooLarge", f"a request has {len(body)} bytes and {most} are allowed", "body")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Unreadable("NotJson", "is not UTF-8", "body") from None
    return _batch(text, now) if media_type == BATCH else [read_event(text, now)]


def _texts(events: list[Event]) -> list[str]:
    found = []
    for number, event in enumerate(events):
        try:
            found.append(write_event(event))
        except Unreadable as error:
            raise Unreadable(error.reason, error.fault, f"[{number}]" if len(events) > 1 else "") from None
    return found


def _binary(headers: Mapping[str, str], body: bytes, now: int | None) -> Event:
    known = {name: text for name, text in headers.items() if name.lower().startswith((PREFIX, "content-type"))}
    if not any(name.lower().startswith(PREFIX) for name in known):
        raise _unsupported("it is no event", f"write {STRUCTURED}, {BATCH}, or send the attributes as ce-* headers")
    if len(body) + sum(len(name) + len(text) for name, text in known.items()) > MAX_BYTES:
        raise Unreadable("TooLarge", f"its attributes and data have more than {MAX_BYTES} bytes")
    return of_headers(known, body, now)


def _batch(text: str, now: int | None) -> list[Event]:
    values = parse(text, BATCH_BYTES)
    if not isinstance(values, list):
        raise Unreadable("Invalid", f"a batch is a list of events, not {kind_of(values)}", "body")
    if len(values) > BATCH_EVENTS:
        raise Unreadable("TooLarge", f"a batch has {len(values)} events and {BATCH_EVENTS} are allowed", "body")
    found = []
    for number, value in enumerate(values):
        try:
            found.append(of_value(value, now))
        except Unreadable as error:
            where = f"[{number}].{error.field}" if error.field else f"[{number}]"
            raise Unreadable(error.reason, error.fault, where) from None
    return found


def _unsupported(fault: str, instead: str) -> Rejected:
    return Rejected(415, f"content-type: {fault}; {instead}", "content-type", "UnknownType")
