"""Executions, made and cancelled: `create` runs a job now or a run again, `delete` cancels."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from kronstream.domain.depth import too_deep
from kronstream.domain.run import State, Trigger, digest, run_id
from kronstream.operations import Refused, Runs
from kronstream.operations.runs import NOT_GIVEN, Started
from kronstream.ports import Change, Execution, Listing
from kronstream.runsapi.names import API_VERSION, GROUP, KIND, PLURAL
from kronstream.runsapi.objects import Object, execution, metadata
from kronstream.runsapi.reading import Reading
from kronstream.runsapi.refusal import Refusal, invalid, of_service, success

GIVEN = ("job", "payload", "mergePayload", "retryOf", "traceId")
MOST_TEXT = 255


class Changing:
    """What is asked of single runs, by the one service of operations."""

    def __init__(self, listing: Listing, runs: Runs) -> None:
        self._listing = listing
        self._reading = Reading(listing)
        self._runs = runs

    async def create(self, namespace: str, body: bytes, by: str, *, dry: bool) -> Object:
        """Start the run that an object asks for; the execution. Raises Refusal.

        A name is not the object's, which is made from the run: it is the key under which the run is started once.
        """
        spec, name = wanted(body, namespace)
        try:
            uid, started = await self._start(namespace, spec, name, by, dry=dry)
        except Refused as refused:
            raise of_service(refused, name) from None
        if started.known:
            raise Refusal(
                "AlreadyExists",
                f'executions.{GROUP} "{name}" already exists: under this name {started.run} was started',
                name=name,
            )
        (record,) = [None] if dry else await self._listing.read([started.run], whole=True)
        if record is None:
            record = await self._planned(namespace, uid, started.run, spec, by)
        return execution(record)

    async def _start(
        self, namespace: str, spec: Mapping[str, Any], name: str, by: str, *, dry: bool
    ) -> tuple[str, Started]:
        key, trace = name or uuid4().hex, spec.get("traceId", "")
        if "retryOf" in spec:
            record = await self._retried(namespace, spec)
            if dry:
                return record.uid, Started(run_id(record.uid, Trigger.RETRY, digest(record.id, key)))
            return record.uid, await self._runs.retry(record.id, key, by=by, trace=trace)
        uid = await self._listing.job_named(namespace, spec["job"])
        if uid is None:
            raise Refusal("NotFound", f'scheduledjobs.kronstream.dev "{spec["job"]}" not found', name=spec["job"])
        if dry:
            return uid, Started(run_id(uid, Trigger.MANUAL, digest(key)))
        payload, merge = spec.get("payload", NOT_GIVEN), spec.get("mergePayload", False)
        return uid, await self._runs.run_now(uid, key, payload=payload, merge=merge, by=by, trace=trace)

    async def _retried(self, namespace: str, spec: Mapping[str, Any]) -> Execution:
        (record,) = await self._listing.read([spec["retryOf"]], whole=False)
        if record is None or record.namespace != namespace:
            raise invalid("spec.retryOf", f"there is no execution {spec['retryOf'][:80]!r} in namespace {namespace}")
        if spec.get("job", record.name) != record.name:
            raise invalid("spec.job", f"the execution is one of {record.name!r}; write that, or leave it out")
        if not record.state.terminal:
            raise Refusal("Conflict", f"run {record.id} is not over ({record.state.value}); cancel it or wait")
        return record

    async def _planned(self, namespace: str, uid: str, run: str, spec: Mapping[str, Any], by: str) -> Execution:
        """What would be made, or was and is over and gone already."""
        now, retried = await self._listing.now(), spec.get("retryOf")
        trigger = Trigger.RETRY if retried else Trigger.MANUAL
        job = spec.get("job") or (await self._reading.record(namespace, spec["retryOf"])).name
        payload = json.dumps(spec["payload"]) if "payload" in spec else None
        return Execution(
            id=run, uid=uid, namespace=namespace, name=job, state=State.QUEUED, trigger=trigger, nominal=now,
            generation=0, attempt=0, dispatched=now, started=None, finished=None, duration=None, reason=None,
            result=None, error=None, output="", worker=None, retry_of=retried, requested_by=by,
            trace=spec.get("traceId"), payload=payload,
        )  # fmt: skip

    async def delete(self, namespace: str, name: str, body: bytes, by: str, *, dry: bool) -> Object:
        """Cancel a run that is not over; its record stays. Raises Refusal."""
        record = await self._reading.record(namespace, name)
        options = parsed(body) if body.strip() else {}
        expected = (options.get("preconditions") or {}) if isinstance(options, dict) else {}
        meta = metadata(record)
        for field in ("uid", "resourceVersion"):
            if isinstance(expected, dict) and expected.get(field) not in (None, meta[field]):
                raise Refusal("Conflict", f"the execution has another {field} now: {meta[field]}", name=name)
        if record.state.terminal:
            raise _over(record)
        if not dry:
            (change,) = await self._runs.cancel([name], by)
            if change in (Change.OVER, Change.GONE):
                raise _over(await self._reading.record(namespace, name))
        # without the object's UID: kubectl would wait until an object of it is gone, and the record stays
        return success({"group": GROUP, "kind": PLURAL, "name": name})


def _over(record: Execution) -> Refusal:
    return Refusal(
        "Conflict",
        f"run {record.id} is over ({record.state.value}): there is nothing to cancel; its record goes when the job's "
        "spec.history says",
        name=record.id,
    )


def parsed(body: bytes) -> Any:
    """The JSON of a body. Raises Refusal."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal("BadRequest", "the body is not JSON") from None
    return value


def wanted(body: bytes, namespace: str) -> tuple[dict[str, Any], str]:
    """The spec and the name of an object that is to be created. Raises Refusal."""
    value = parsed(body)
    if not isinstance(value, dict) or (value.get("apiVersion"), value.get("kind")) != (API_VERSION, KIND):
        raise Refusal("BadRequest", f"the object must have apiVersion {API_VERSION} and kind {KIND}")
    meta = value.get("metadata") or {}
    if not isinstance(meta, dict) or meta.get("namespace") not in (None, "", namespace):
        raise Refusal("BadRequest", f"metadata.namespace: the request is for namespace {namespace}; write that")
    name = meta.get("name") or ""
    if name != "" and not _text(name):
        raise invalid("metadata.name", f"write at most {MOST_TEXT} printable characters, or leave it out")
    return wanted_spec(value.get("spec")), name


def wanted_spec(spec: object) -> dict[str, Any]:
    """What may be said of a run that is to be started. Raises Refusal."""
    if not isinstance(spec, dict) or not ("job" in spec or "retryOf" in spec):
        raise invalid("spec", "write job: the ScheduledJob to run now, or retryOf: the execution to do again")
    for field in spec:
        if field not in GIVEN:
            raise invalid(f"spec.{field[:80]}", f"cannot be given; write {', '.join(GIVEN)}")
    for field in ("job", "retryOf", "traceId"):
        if field in spec and not _text(spec[field]):
            raise invalid(f"spec.{field}", f"write a text of 1 to {MOST_TEXT} printable characters")
    if "mergePayload" in spec and not isinstance(spec["mergePayload"], bool):
        raise invalid("spec.mergePayload", "write true or false")
    if "retryOf" in spec and ("payload" in spec or "mergePayload" in spec):
        raise invalid("spec.payload", "a run that is done again has the payload that it had; leave it out")
    if too_deep(spec.get("payload")):
        raise invalid("spec.payload", "is nested more than 32 levels deep; write it flatter")
    if spec.get("mergePayload") and "payload" not in spec:
        raise invalid("spec.mergePayload", "there is nothing to merge; write payload, too")
    return spec


def _text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MOST_TEXT and value.isprintable()
