"""Every ScheduledJob as a watch tells of it, found by UID and by name, listed by indexes: no request scans anything."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kronstream.operations.rows import OUTCOMES, Form, Object, Row, Standing, read_row

ON_THEIR_WAY = 3  # statuses from before a job was paused or resumed that may come after it
FORGOTTEN = 10_000  # deleted ones that are remembered, so that a late word of them does not bring them back
Place = tuple[int, str, str, str]
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs are asked for; '' and None mean any."""

    namespace: str = ""
    form: Form | None = None
    standing: Standing | None = None
    platform: str = ""
    tag: str = ""

    def keys(self) -> list[Key]:
        """The indexes that have them."""
        asked = (("form", self.form), ("standing", self.standing), ("platform", self.platform), ("tag", self.tag))
        return [(self.namespace, kind, str(value)) for kind, value in asked if value] or [(self.namespace, "", "")]

    def fits(self, row: Row) -> bool:
        """Whether a row is one of them."""
        return (
            self.namespace in ("", row.namespace)
            and self.form in (None, row.form)
            and self.standing in (None, row.standing)
            and self.platform in ("", row.platform)
            and (not self.tag or self.tag in row.tags)
        )


def paused(obj: Object, pause: Mapping[str, Any] | None) -> Object:
    """An object as its status will tell it once it knows of a pause, or of its end (None)."""
    status = {name: value for name, value in (obj.get("status") or {}).items() if name != "paused"}
    held = "Spec" if obj["spec"].get("suspend") is True else "No"
    told = {"suspended": held} if pause is None else {"suspended": "Paused", "paused": dict(pause)}
    return {**obj, "status": {**status, **told}}


class Catalogue:
    """Rows by what they are asked for by. ``complete`` tells whether every job is known."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._names: dict[tuple[str, str], Row] = {}
        self._places: dict[Key, list[Place]] = defaultdict(list)
        self._touched: dict[str, int] = {}
        self._clock = 0
        self._gone: set[str] = set()
        self._held: dict[str, tuple[Mapping[str, Any] | None, int]] = {}
        self._order: deque[str] = deque()
        self._runs: Counter[str] = Counter()
        self._queues: Counter[str] = Counter()
        self.complete = False

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, uid: str) -> Row | None:
        """The job with a UID."""
        return self._rows.get(uid)

    def named(self, namespace: str, name: str) -> Row | None:
        """The job of a name."""
        return self._names.get((namespace, name))

    def page(self, wanted: Wanted, limit: int, offset: int) -> tuple[list[Row], int]:
        """Jobs, the newest first, and how many there are. One filter costs no more than the page."""
        keys = wanted.keys()
        key = min(keys, key=lambda one: len(self._places.get(one, ())))
        places = self._places.get(key, [])
        if len(keys) == 1:
            return [self._rows[place[3]] for place in places[offset : offset + limit]], len(places)
        found = [row for place in places if wanted.fits(row := self._rows[place[3]])]
        return found[offset : offset + limit], len(found)

    def counts(self, namespace: str = "") -> dict[str, int]:
        """How many jobs stand how."""
        return {word.value: len(self._places.get((namespace, "standing", word.value), ())) for word in Standing}

    def runs(self) -> dict[str, int]:
        """How many runs of all jobs ended how, as their statuses tell."""
        return {word: self._runs[word] for word in OUTCOMES}

    def queues(self) -> list[str]:
        """The queues that jobs name."""
        return sorted(queue for queue, count in self._queues.items() if count)

    def put(self, obj: Object, managed: int | None = None) -> Row | None:
        """What the API server told of a job; the row that is known then, None for one that was deleted. ``managed`` is
        when its spec last changed, for an object that does not tell."""
        row = read_row(self._as_held(obj))
        row.updated = row.updated if managed is None else managed
        if row.uid in self._gone or obj["metadata"].get("deletionTimestamp"):
            return None
        known = self._rows.get(row.uid)
        self._clock += 1
        self._touched[row.uid] = self._clock
        if known is not None and known.version > row.version:
            return known
        self._enter(row, known)
        return row

    def hold(self, obj: Object, pause: Mapping[str, Any] | None, managed: int) -> None:
        """A job was paused, or resumed (None), a moment before its status tells so. What comes meanwhile and is from
        before that does not take it back."""
        self._held.pop(obj["metadata"]["uid"], None)
        known = self._rows.get(obj["metadata"]["uid"])
        if known is not None and known.version > read_row(obj).version:  # a watch told more since the caller looked
            obj, managed = known.object, known.updated
        self.put(paused(obj, pause), managed)
        self._held[obj["metadata"]["uid"]] = (pause, ON_THEIR_WAY)

    def _as_held(self, obj: Object) -> Object:
        pause, left = self._held.pop(obj["metadata"]["uid"], (None, 0))
        tells = bool((obj.get("status") or {}).get("paused"))
        if not left or tells == (pause is not None):
            return obj
        self._held[obj["metadata"]["uid"]] = (pause, left - 1)
        return paused(obj, pause)

    def drop(self, uid: str) -> None:
        """The job was deleted."""
        if uid not in self._gone:
            self._gone.add(uid)
            self._order.append(uid)
            if len(self._order) > FORGOTTEN:
                self._gone.discard(self._order.popleft())
        self._remove(uid)

    def begin(self) -> int:
        """A complete list is asked for; the mark is for ``replace``."""
        return self._clock

    def replace(self, mark: int, objects: Iterable[Any]) -> None:
        """A complete list: it is right about everything that nobody told of since it was asked for."""
        listed: set[str] = set()
        for obj in objects:
            row = read_row(self._as_held(obj))
            listed.add(row.uid)
            known = self._rows.get(row.uid)
            late = known is not None and self._touched.get(row.uid, 0) > mark
            if row.uid not in self._gone and not late and not obj["metadata"].get("deletionTimestamp"):
                self._enter(row, known)
        for uid in [uid for uid in self._rows if uid not in listed and self._touched.get(uid, 0) <= mark]:
            self._remove(uid)
        self.complete = True

    def __iter__(self) -> Iterator[Row]:
        return iter(tuple(self._rows.values()))

    def _enter(self, row: Row, known: Row | None) -> None:
        old = set(_keys(known)) if known is not None else set()
        new = set(_keys(row))
        for key in old - new:  # its place in them is the same for ever
            self._take(key, row.place)
        namesake = self._names.get((row.namespace, row.name))
        if namesake is not None and namesake.uid != row.uid and namesake.version <= row.version:
            self._remove(namesake.uid)  # the name has another owner: that one is gone
        for key in new - old:
            insort(self._places[key], row.place)
        self._sum(row, known)
        self._rows[row.uid] = row
        self._names[row.namespace, row.name] = row

    def _remove(self, uid: str) -> None:
        self._held.pop(uid, None)
        row = self._rows.pop(uid, None)
        self._touched.pop(uid, None)
        if row is None:
            return
        self._sum(None, row)
        if self._names.get((row.namespace, row.name)) is row:
            del self._names[row.namespace, row.name]
        for key in set(_keys(row)):
            self._take(key, row.place)

    def _sum(self, new: Row | None, old: Row | None) -> None:
        for row, sign in ((new, 1), (old, -1)):
            if row is not None:
                self._queues[row.queue] += sign
                for word, count in zip(OUTCOMES, row.runs, strict=True):
                    self._runs[word] += sign * count

    def _take(self, key: Key, place: Place) -> None:
        places = self._places[key]
        at = bisect_left(places, place)
        if at < len(places) and places[at] == place:
            del places[at]
        if not places:
            del self._places[key]


def _keys(row: Row) -> Iterator[Key]:
    for namespace in ("", row.namespace):
        yield namespace, "", ""
        yield namespace, "form", row.form.value
        yield namespace, "standing", row.standing.value
        if row.platform:
            yield namespace, "platform", row.platform
        for tag in row.tags:
            yield namespace, "tag", tag
