"""Every EventHandler as a watch tells of it: found by UID and by name, listed, and who hears an event."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kronstream.domain.eventpattern import Pattern
from kronstream.operations.eventhandlers import Hearers, Known, known

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """One EventHandler: what it means, and its object as JSON."""

    uid: str
    known: Known
    version: int
    touched: int
    text: str = field(repr=False)

    @property
    def object(self) -> dict[str, Any]:
        """Its object."""
        return dict(json.loads(self.text))


class Shelf:
    """EventHandlers by UID. ``namespaces`` are those whose handlers see events that name none (none: all)."""

    def __init__(self, namespaces: Iterable[str] = ()) -> None:
        self._namespaces = tuple(namespaces)
        self._kept: dict[str, Kept] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._hearers: Hearers | None = None
        self._clock = 0
        self.complete = False

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def hearers(self) -> Hearers:
        """Who hears an event, as far as is known here."""
        if self._hearers is None:
            self._hearers = Hearers((kept.known for kept in self._kept.values()), self._namespaces)
        return self._hearers

    @property
    def in_force(self) -> int:
        """How many are enabled and can be used."""
        return sum(kept.known.enabled and kept.known.listener is not None for kept in self._kept.values())

    def get(self, uid: str) -> Kept | None:
        """The handler with a UID."""
        return self._kept.get(uid)

    def named(self, namespace: str, name: str) -> Kept | None:
        """The handler of a name."""
        return self._kept.get(self._names.get((namespace, name), ""))

    def listed(self, namespace: str = "", event: str = "") -> list[Kept]:
        """Handlers of a namespace ('': of all), which mean an event ('': any), in the order in which they act."""
        found = [kept for kept in self._kept.values() if namespace in ("", kept.known.namespace)]
        found = [kept for kept in found if not event or kept.known.event == event or _means(kept.known, event)]
        return sorted(found, key=lambda kept: (-kept.known.priority, kept.known.namespace, kept.known.name))

    def put(self, obj: Object) -> None:
        """What the API server told of a handler."""
        self._clock += 1
        self._enter(obj, self._clock)

    def drop(self, uid: str) -> None:
        """The handler was deleted."""
        kept = self._kept.pop(uid, None)
        if kept is not None:
            self._names.pop((kept.known.namespace, kept.known.name), None)
            self._hearers = None

    def begin(self) -> int:
        """A complete list is asked for; the mark is for ``replace``."""
        return self._clock

    def replace(self, mark: int, objects: Iterable[Any]) -> None:
        """A complete list: it is right about everything that nobody told of since it was asked for."""
        listed = set()
        for obj in objects:
            uid = obj["metadata"]["uid"]
            listed.add(uid)
            old = self._kept.get(uid)
            if (old is None or old.touched <= mark) and not obj["metadata"].get("deletionTimestamp"):
                self._enter(obj, mark)
        for uid in [uid for uid, kept in self._kept.items() if uid not in listed and kept.touched <= mark]:
            self.drop(uid)
        self.complete = True

    def _enter(self, obj: Object, touched: int) -> None:
        meta = obj["metadata"]
        uid, version = str(meta["uid"]), str(meta.get("resourceVersion", "0"))
        number = int(version) if version.isdigit() else 0
        old = self._kept.get(uid)
        if old is not None and touched > old.touched and old.version > number:
            return
        read = known(obj)
        text = json.dumps({name: obj.get(name) or {} for name in ("metadata", "spec", "status")}, ensure_ascii=False)
        self._kept[uid] = Kept(uid, read, number, touched, text)
        self._names[read.namespace, read.name] = uid
        self._hearers = None


def _means(handler: Known, event: str) -> bool:
    try:
        return Pattern.read(handler.event).matches(event)
    except ValueError:
        return False
