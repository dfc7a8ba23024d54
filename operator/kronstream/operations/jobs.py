"""Jobs: made, found, listed, given another schedule, deleted. What is made here is a ScheduledJob like any other."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kronstream.domain.errors import Invalid
from kronstream.domain.run import digest
from kronstream.operations.catalogue import Catalogue, Wanted
from kronstream.operations.naming import derived, unique
from kronstream.operations.refused import Refused, Why
from kronstream.operations.rows import Form, Object, Row, form_of, read_row
from kronstream.ports.answers import Answers
from kronstream.ports.jobstore import JobStore, StoreRefusal, StoreWord
from kronstream.resources import Spec, instant, parse_spec
from kronstream.resources.judged import judge
from kronstream.resources.strict import NO_FIELD, shape_faults

REQUEST = "kronstream.dev/request"
"""The annotation that tells which request with a key made a job."""
REQUESTED_BY = "kronstream.dev/requested-by"
"""The annotation that tells who asked for a job, as the cluster knows them."""
AGAIN = 5
NAMES = 8
WHENS = ("schedule", "schedules", "rrule", "every", "runAt")


class Unfit(Exception):  # noqa: N818 - a verdict on a spec
    """A spec that cannot be used: everything that is wrong with it."""

    def __init__(self, faults: Sequence[Invalid]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Draft:
    """A job that somebody wants: ``spec`` as it stands in the resource, ``title`` what a person calls it, ``key`` what
    tells the same request from another ('' for none), ``by`` who asks."""

    namespace: str
    title: str
    spec: Mapping[str, Any]
    by: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class When:
    """Another time for a job: a cron expression with or without a zone, or one instant (milliseconds)."""

    schedule: str | None = None
    zone: str | None = None
    at: int | None = None


class Jobs:
    """One service for every door. All calls may raise StoreAway; ``now`` is the present in milliseconds."""

    def __init__(self, store: JobStore, catalogue: Catalogue, answers: Answers, now: Callable[[], int]) -> None:
        self._store = store
        self._catalogue = catalogue
        self._answers = answers
        self._now = now

    def page(self, wanted: Wanted, limit: int, offset: int) -> tuple[list[Row], int]:
        """Jobs, the newest first, and how many there are. Raises Refused while not all are known."""
        if not self._catalogue.complete:
            raise Refused(Why.AWAY, "not every job is known yet; try again in a moment")
        return self._catalogue.page(wanted, limit, offset)

    def counts(self) -> dict[str, int]:
        """How many jobs stand how. Raises Refused while not all are known."""
        if not self._catalogue.complete:
            raise Refused(Why.AWAY, "not every job is known yet; try again in a moment")
        return self._catalogue.counts()

    async def by_uid(self, uid: str) -> Row | None:
        """A job; one of which no watch has told yet is asked for."""
        row = self._catalogue.get(uid)
        if row is not None:
            return row
        where = await self._answers.whereabouts(uid)
        row = await self.by_name(*where) if where is not None else None
        return row if row is not None and row.uid == uid else None

    async def by_name(self, namespace: str, name: str) -> Row | None:
        """A job; one of which no watch has told yet is asked for."""
        row = self._catalogue.named(namespace, name)
        if row is not None:
            return row
        found = await self._store.get(namespace, name)
        return self._catalogue.put(found) if found is not None else None

    async def create(self, draft: Draft) -> Row:
        """Make a job under a name that nobody has; the same key makes one. Raises Refused, Unfit."""
        name = derived(draft.title)
        checked(draft.spec, self._now(), f"{draft.namespace}/{name}")
        mark = digest(draft.by, draft.key) if draft.key else ""
        seed = mark or secrets.token_hex(8)
        for number in range(NAMES):
            wanted = name if number == 0 else unique(name, f"{seed}.{number}")
            made = await self._make(draft, wanted, mark)
            if made is not None:
                row = self._catalogue.put(made) or read_row(made)
                await self._answers.made(row.uid, row.namespace, row.name)
                return row
        raise Refused(Why.CONFLICT, f"no name like {name} is free; choose another")

    async def reschedule(self, row: Row, when: When) -> Row:
        """Give a job another time. Raises Refused, also for a job of another type, and Unfit."""
        for _ in range(AGAIN):
            found = await self._store.get(row.namespace, row.name)
            if found is None or found["metadata"]["uid"] != row.uid:
                raise missing()
            steps = [*self._steps(found, when)]
            guard = {"op": "test", "path": "/metadata/generation", "value": found["metadata"]["generation"]}
            try:
                changed = await self._store.change(row.namespace, row.name, row.uid, [guard, *steps])
            except StoreRefusal as refusal:
                if refusal.word is StoreWord.CHANGED:
                    continue
                raise _refused(refusal, row.namespace) from None
            return self._catalogue.put(changed) or read_row(changed)
        raise Refused(Why.CONFLICT, "the job is being edited all the time; try again")

    async def delete(self, row: Row) -> None:
        """Delete a job; runs that execute finish. Raises Refused."""
        try:
            await self._store.delete(row.namespace, row.name, row.uid)
        except StoreRefusal as refusal:
            raise _refused(refusal, row.namespace) from None
        self._catalogue.drop(row.uid)

    def hold(self, row: Row, pause: Mapping[str, Any] | None) -> None:
        """A job was paused, or resumed (None), a moment before its status tells so."""
        self._catalogue.hold(row.object, pause, row.updated)

    async def _make(self, draft: Draft, name: str, mark: str) -> Object | None:
        """The job, None where another has the name."""
        notes = {REQUEST: mark, REQUESTED_BY: draft.by}
        job = {
            "apiVersion": "kronstream.dev/v1",
            "kind": "ScheduledJob",
            "metadata": {
                "namespace": draft.namespace,
                "name": name,
                "annotations": {key: text for key, text in notes.items() if text},
            },
            "spec": dict(draft.spec),
        }
        try:
            return await self._store.create(job)
        except StoreRefusal as refusal:
            if refusal.word is not StoreWord.EXISTS:
                raise _refused(refusal, draft.namespace) from None
        if not mark:
            return None
        known = await self._store.get(draft.namespace, name)
        notes = (known or {}).get("metadata", {}).get("annotations") or {}
        return known if notes.get(REQUEST) == mark else None

    def _steps(self, found: Object, when: When) -> Sequence[Mapping[str, Any]]:
        """The steps of a patch that change the time of a job, judged as a whole."""
        spec = dict(found["spec"])
        form, wanted = form_of(spec), Form.ONCE if when.at is not None else Form.CRON
        if form is not wanted:
            said = "takes schedule, a cron expression" if form is Form.CRON else "takes execute_at"
            told = f"it {said}" if form in (Form.CRON, Form.ONCE) else "edit its resource instead"
            raise Refused(Why.CONFLICT, f"the job is of type {form.value}: {told}")
        if form is Form.ONCE and (found.get("status") or {}).get("completionTime") is not None:
            raise Refused(Why.CONFLICT, "the job had its run; make another job, or run this one now")
        new: dict[str, Any] = (
            {"schedule": when.schedule} if when.at is None else {"runAt": at_or_now(when.at, self._now())}
        )
        if when.zone is not None:
            new["timeZone"] = when.zone
        gone = [name for name in WHENS if name in spec and name not in new]
        after = {**{name: value for name, value in spec.items() if name not in gone}, **new}
        created = instant.parse(found["metadata"]["creationTimestamp"])
        checked(after, created, f"{found['metadata']['namespace']}/{found['metadata']['name']}", known=spec)
        removed = [{"op": "remove", "path": f"/spec/{name}"} for name in gone]
        return [*removed, *({"op": "add", "path": f"/spec/{name}", "value": value} for name, value in new.items())]


def checked(spec: Mapping[str, Any], created: int, identity: str, known: Mapping[str, Any] | None = None) -> Spec:
    """The spec, if the operator could use it. Raises Unfit with everything that its shape lacks, or the first of what
    else is wrong. Fields that are none are no fault in a spec that was ``known`` before."""
    faults = [fault for fault in shape_faults(dict(spec), Spec) if known is None or fault.fault != NO_FIELD]
    if faults:
        raise Unfit(faults)
    try:
        read = parse_spec(dict(spec))
        judge(read, created, identity)
    except Invalid as fault:
        raise Unfit([fault]) from None
    return read


def at_or_now(at: int, now: int) -> str:
    """An instant as the resource writes it; one that has passed is the present."""
    return instant.render(max(at, now))


def missing() -> Refused:
    """There is no such job; whether there ever was is nobody's business."""
    return Refused(Why.GONE, "there is no such job")


def _refused(refusal: StoreRefusal, namespace: str) -> Refused:
    if refusal.word is StoreWord.GONE:
        return Refused(Why.GONE, f"there is no namespace {namespace}, or no such job in it")
    why = {StoreWord.INVALID: Why.INVALID, StoreWord.FORBIDDEN: Why.FORBIDDEN}.get(refusal.word, Why.CONFLICT)
    return Refused(why, f"the cluster refuses it: {refusal}")
