"""EventHandlers as the API server has them, and which of them an event finds, for those who look from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kronstream.domain.errors import Invalid
from kronstream.domain.event import Event
from kronstream.domain.eventpattern import Pattern
from kronstream.domain.matching import Index
from kronstream.operations.listener import Listener, listener_of
from kronstream.ports import HANDLER
from kronstream.resources.eventhandler import judge_handler, parse_handler


@dataclass(frozen=True, slots=True)
class Known:
    """One EventHandler; ``uid`` is ``eh.<UID>``, ``event`` the pattern as it is written.

    ``listener`` is None for a spec that cannot be used, of which ``fault`` says why.
    """

    uid: str
    namespace: str
    name: str
    event: str
    enabled: bool = True
    listener: Listener | None = None
    fault: Invalid | None = None

    @property
    def priority(self) -> int:
        """Higher acts first; 0 where it cannot be told."""
        return self.listener.priority if self.listener is not None else 0

    @property
    def action(self) -> str:
        """The action in a few words; empty where it cannot be told."""
        return self.listener.action if self.listener is not None else ""


def known(obj: Mapping[str, Any]) -> Known:
    """An object of the API server, read. Raises Invalid only for one whose metadata is not an object's."""
    meta = obj["metadata"]
    uid, namespace, name = HANDLER + meta["uid"], meta["namespace"], meta["name"]
    try:
        parsed = parse_handler(obj)
        judged = judge_handler(parsed.spec)
    except Invalid as fault:
        spec = obj.get("spec")
        event = spec.get("event") if isinstance(spec, dict) else None
        return Known(uid, namespace, name, event if isinstance(event, str) else "", fault=fault)
    spec = parsed.spec
    return Known(uid, namespace, name, spec.event, spec.enabled, listener_of(uid, parsed.meta, spec, judged))


class Hearers:
    """All handlers, and who of them hears an event that comes by a stream.

    ``namespaces`` are those whose handlers see events that name no namespace (none: all).
    """

    def __init__(self, handlers: Iterable[Known], namespaces: Iterable[str] = ()) -> None:
        self._known = {handler.uid: handler for handler in handlers}
        self._namespaces = frozenset(namespaces)

    def get(self, uid: str) -> Known | None:
        """The handler with this uid."""
        return self._known.get(uid)

    def find(self, event: Event, stream: str, *, outcome: bool = False) -> list[Listener]:
        """Those whose event it is, in the order in which they act; ``outcome`` for one that the store tells."""
        index: Index[Listener] = Index()
        for handler in self._known.values():
            if handler.listener is not None and not self._deaf(handler, handler.listener, event, stream, outcome):
                index.add(handler.listener)
        return index.find(event)

    def passed(self, event: Event, stream: str, *, outcome: bool = False) -> Iterator[tuple[Known, str]]:
        """Those that mean events of this type and are not asked, each with the reason."""
        for handler in sorted(self._known.values(), key=lambda one: (-one.priority, one.namespace, one.name)):
            listener = handler.listener
            if listener is None:
                if _means(handler.event, event.type):
                    yield handler, f"its spec cannot be used: {handler.fault}"
                continue
            if not listener.pattern.matches(event.type):
                continue
            why = self._deaf(handler, listener, event, stream, outcome) or _elsewhere(listener, event)
            if why:
                yield handler, why

    def _deaf(self, handler: Known, listener: Listener, event: Event, stream: str, outcome: bool) -> str:
        if not handler.enabled:
            return "enabled is false"
        if outcome and not listener.hears_outcomes:
            return "it is not told of runs: its event does not begin with kronstream"
        if not outcome and listener.stream != stream:
            return f"it listens to {listener.stream}, not {stream}"
        if self._namespaces and event.namespace is None and listener.namespace not in self._namespaces:
            return "an event without a namespace is for other namespaces' handlers (KRONSTREAM_EVENT_NAMESPACES)"
        return ""


def _elsewhere(listener: Listener, event: Event) -> str:
    """Why an event of its type is not for a handler: the index does not find it for the same reason."""
    if listener.platform is not None and listener.platform != event.platform:
        given = f"platform {event.platform}" if event.platform is not None else "no platform"
        return f"it is for platform {listener.platform}, and the event has {given}"
    if event.namespace is not None and event.namespace != listener.namespace:
        return f"the event is for namespace {event.namespace}"
    return ""


def _means(pattern: str, type: str) -> bool:  # noqa: A002 - CloudEvents' own word
    try:
        return Pattern.read(pattern).matches(type)
    except ValueError:
        return False
