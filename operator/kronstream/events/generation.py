"""From an object of the API server to a generation of a handler, and to its adoption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kronstream.domain.errors import Invalid
from kronstream.domain.run import Lane
from kronstream.domain.work import Work
from kronstream.events.seed import seed_of
from kronstream.events.table import Handler
from kronstream.operations.listener import listener_of, retry_of
from kronstream.ports import HANDLER, Adoption
from kronstream.resources.eventhandler import judge_handler, parse_handler
from kronstream.resources.eventspec import EventSpec
from kronstream.resources.instant import parse as parse_instant

REVISION = "0001"


def read(obj: Mapping[str, Any], scope: str = "") -> Handler:
    """A handler with the adoption of its generation. One whose spec cannot be used has a fault, and holds nothing.

    ``scope`` names the namespaces that its router looks after.

    Raises Invalid only for an object whose metadata is not an object's.
    """
    meta = obj["metadata"]
    status = obj.get("status") or {}
    handler = Handler(
        uid=HANDLER + meta["uid"],
        namespace=meta["namespace"],
        name=meta["name"],
        generation=meta.get("generation", 1),
        adoption=_held(meta, status, scope),
    )
    handler.note(status)
    try:
        parsed = parse_handler(obj)
        judged = judge_handler(parsed.spec)
    except Invalid as fault:
        handler.fault = fault
        return handler
    spec = parsed.spec
    handler.enabled, handler.action = spec.enabled, spec.action.text
    handler.listener = listener_of(handler.uid, parsed.meta, spec, judged)
    outcomes = handler.listener.outcomes if handler.enabled else ()
    handler.adoption = replace(_adoption(handler.adoption, spec), outcomes=outcomes)
    return handler


def seeded(handler: Handler) -> Adoption:
    """The adoption for a store that may have forgotten the handler: it goes on from what the status tells now."""
    return replace(handler.adoption, seed=seed_of(handler.status))


def _held(meta: Mapping[str, Any], status: Mapping[str, Any], scope: str) -> Adoption:
    """The adoption of a spec that cannot be used: the generation is in force, and nothing acts by it."""
    return Adoption(
        uid=HANDLER + meta["uid"],
        namespace=meta["namespace"],
        name=meta["name"],
        generation=meta.get("generation", 1),
        revision=REVISION,
        when="",
        cursor=parse_instant(meta["creationTimestamp"]),
        invalid=True,
        scope=scope,
        seed=seed_of(status),
    )


def _adoption(held: Adoption, spec: EventSpec) -> Adoption:
    """With what runs of the handler's own execute: a workflow, an agent; for the other actions nothing."""
    given = spec.action.execution
    if given is None or spec.action.create_job is not None:
        work = Work(held.namespace, held.name, "")
        return replace(held, invalid=False, work=work.dump())
    work = Work(
        namespace=held.namespace,
        name=held.name,
        function=given.handler.offered,
        payload=given.payload,
        timeout=given.timeout_ms,
        retry=retry_of(given.retry.limit, given.retry.backoff, given.retry.only_on, given.retry.not_on),
        platform_id=spec.platform_id,
        call=given.handler.call,
        account=given.service_account_name,
        total_timeout=given.total_timeout_ms,
        expected=given.expected_within_ms,
    )
    return replace(
        held,
        invalid=False,
        queue=given.queue,
        lane=Lane(given.priority),
        # how much may wait is the whole store's word, not that of one handler
        backlog=100_000,
        expected=given.expected_within_ms,
        total=given.total_timeout_ms,
        function=work.function,
        platform=spec.platform_id,
        work=work.dump(),
    )
