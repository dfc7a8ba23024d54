"""The EventHandlers that are in force, as a router holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kronstream.domain.errors import Invalid
from kronstream.domain.event import Event
from kronstream.domain.matching import Index
from kronstream.operations.listener import Listener
from kronstream.ports import Adoption

Conditions = tuple[Mapping[str, Any], ...]
Said = tuple[tuple[str, str], ...]
KINDS = ("Ready", "Stalled", "Listening")


@dataclass(slots=True)
class Handler:
    """What a router knows of one EventHandler; ``uid`` is ``eh.<UID>``.

    ``listener`` is None for a spec that cannot be used, of which ``fault`` says why. A handler that is not ``enabled``
    sees no events, but its stream is read on, so that it does not see those of meanwhile when it is again.
    """

    uid: str
    namespace: str
    name: str
    generation: int
    adoption: Adoption
    listener: Listener | None = None
    fault: Invalid | None = None
    enabled: bool = True
    action: str = ""
    status: Mapping[str, Any] = field(default_factory=dict)
    # from here on: what was written
    observed: int = -1
    written: int = 0
    written_at: float = 0.0
    # of the status that was looked at last: ten thousand are compared every second
    _looked_at: Mapping[str, Any] | None = field(default=None, init=False, repr=False, compare=False)
    _said: Said = field(default=(), init=False, repr=False, compare=False)

    @property
    def kube_uid(self) -> str:
        """The UID that the API server gave it."""
        return self.uid.partition(".")[2]

    @property
    def stream(self) -> str | None:
        """The stream it names; None for a spec that cannot be used."""
        return self.listener.stream if self.listener is not None else None

    @property
    def conditions(self) -> Conditions:
        """As the status tells them."""
        return tuple(self.status.get("conditions") or ())

    @property
    def said(self) -> Said:
        """Status and reason of each of our conditions in `KINDS`, as the status tells them; empty where it does not."""
        if self._looked_at is not self.status:
            self._looked_at, self._said = self.status, tuple(_said(self.conditions, kind) for kind in KINDS)
        return self._said

    def note(self, status: Mapping[str, Any]) -> None:
        """Take in what the status tells, whichever router wrote it."""
        self.status = status
        self.observed = status.get("observedGeneration", -1)


def _said(conditions: Conditions, kind: str) -> tuple[str, str]:
    found = next((one for one in conditions if one.get("type") == kind), {})
    return str(found.get("status", "")), str(found.get("reason", ""))


def _nothing() -> None:
    """Stands where the composition puts who is told of a change."""


class Table:
    """Handlers by UID, and for each stream an index of those that listen to it.

    ``outcomes`` is the stream in which the store tells how runs went, ``namespaces`` are those whose handlers see
    events without a namespace (none: all).
    """

    def __init__(self, outcomes: str, namespaces: tuple[str, ...] = ()) -> None:
        self.outcomes = outcomes
        self._namespaces = frozenset(namespaces)
        self._handlers: dict[str, Handler] = {}
        self._heard: dict[str, Index[Listener]] = {outcomes: Index()}
        self._streams: dict[str, int] = {}
        self.changed: Callable[[], None] = _nothing

    def __len__(self) -> int:
        return len(self._handlers)

    def __iter__(self) -> Iterator[Handler]:
        return iter(list(self._handlers.values()))

    def get(self, uid: str) -> Handler | None:
        """The handler with this UID."""
        return self._handlers.get(uid)

    def put(self, handler: Handler, *, back: bool = False) -> bool:
        """Take a generation into force; False for one that was overtaken, unless the API server went ``back`` to it."""
        before = self._handlers.get(handler.uid)
        if before is not None and before.generation > handler.generation and not back:
            return False
        if before is not None:
            self._retire(before)
            handler.written, handler.written_at = before.written, before.written_at
        self._handlers[handler.uid] = handler
        listener = handler.listener
        if listener is not None:
            self._streams[listener.stream] = self._streams.get(listener.stream, 0) + 1
        if listener is not None and handler.enabled:
            for stream in self._places(listener):
                self._heard.setdefault(stream, Index()).add(listener)
        self.changed()
        return True

    def drop(self, uid: str) -> Handler | None:
        """Remove a handler: it sees nothing any more."""
        found = self._handlers.pop(uid, None)
        if found is not None:
            self._retire(found)
            self.changed()
        return found

    def listeners(self, stream: str, event: Event) -> list[Listener]:
        """Those whose event it is, in the order in which they act."""
        index = self._heard.get(stream)
        found = index.find(event) if index is not None else []
        if self._namespaces and event.namespace is None:
            return [listener for listener in found if listener.namespace in self._namespaces]
        return found

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that handlers name."""
        return tuple(self._streams)

    def wants(self, type: str) -> bool:  # noqa: A002 - CloudEvents' own word
        """Whether anybody listens for outcomes of this type."""
        return self._heard[self.outcomes].hears(type)

    def _places(self, listener: Listener) -> set[str]:
        return {listener.stream, self.outcomes} if listener.hears_outcomes else {listener.stream}

    def _retire(self, handler: Handler) -> None:
        listener = handler.listener
        if listener is None:
            return
        self._streams[listener.stream] -= 1
        if not self._streams[listener.stream]:
            del self._streams[listener.stream]
        for stream in self._places(listener):
            index = self._heard.get(stream)
            if index is None:
                continue
            index.remove(listener.uid)
            if not len(index) and stream != self.outcomes:
                del self._heard[stream]
