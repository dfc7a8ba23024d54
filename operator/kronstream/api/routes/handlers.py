"""Event handlers: look at them, and let an event have its effects by hand."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from kronstream.api.answers import faults, page, told
from kronstream.api.bodies.base import Body, shown
from kronstream.api.desk import AtDesk
from kronstream.api.problem import Problem, invalid
from kronstream.api.rights import Act
from kronstream.api.routes.jobs import ALL
from kronstream.api.routes.parameters import BASE, IdempotencyKey, Limit, Namespace, Offset
from kronstream.api.views.handler import (
    AnswerView,
    HandlerFigures,
    HandlerView,
    answer_view,
    handler_figures,
    handler_view,
)
from kronstream.domain.event import Event, instant
from kronstream.domain.run import digest
from kronstream.operations.refused import Refused, Why
from kronstream.resources.cloudevent import CloudEvent, Unreadable, of_value

router = APIRouter(prefix=BASE, tags=["Events"])

SOURCE = "/kronstream/api"
NAMES = {"type": "event_name", "id": "event_id", "platformid": "platform_id", "traceid": "trace_id"}
HandlerId = Annotated[
    str, Path(min_length=1, max_length=400, description="The handler's id (its UID), or `namespace:name`.")
]
EXAMPLE: dict[str, Any] = {
    "event_name": "workflow.completed",
    "data": {"workflow_id": "workflow-123", "status": "completed", "duration_ms": 45_000},
    "platform_id": "platform-123",
    "trace_id": "trace-456",
}


class TriggerBody(Body):
    """An event by hand."""

    model_config = shown(EXAMPLE)

    event_name: Annotated[str, Field(min_length=1, max_length=255)]
    """What happened: the event's type."""
    data: Any = None
    """Any JSON."""
    platform_id: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """The platform it belongs to; without one only global handlers see it."""
    trace_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """The trace it belongs to; kept with what it causes."""
    namespace: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """The namespace whose handlers alone see it; those of every namespace when left out."""
    event_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Its id: the same id of the same source is the same event, whichever way it comes. A new one when left out."""
    source: Annotated[str, Field(min_length=1, max_length=1_024)] = SOURCE
    """Where it happened, a URI reference."""
    subject: Annotated[str, Field(min_length=1, max_length=1_024)] | None = None
    """What it happened to."""
    extensions: Annotated[dict[str, str], Field(default_factory=dict, max_length=32)]
    """Further attributes, by names of their own."""
    stream: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """The stream whose handlers are meant; that of events that come by HTTP when left out."""


class TriggeredView(BaseModel):
    """What each handler made of the event; apart are those that mean its type, but were not asked, and why."""

    message: str
    event_id: str
    matched: list[AnswerView]
    apart: list[AnswerView]


class ReloadedView(BaseModel):
    """How many handlers are in force."""

    message: str
    count: int


@router.post("/events/trigger", response_model=TriggeredView, responses=faults(404, 409), summary="Trigger an event")
async def trigger(
    body: TriggerBody,
    desk: AtDesk,
    dry_run: Annotated[bool, Query(description="Only tell what each handler would do.")] = False,
    key: IdempotencyKey = None,
) -> Response:
    """Let an event have its effects now, and tell what each handler made of it. The right is needed in every namespace
    for an event that names none.
    """
    del key
    await desk.may(Act.TRIGGER, desk.namespace(body.namespace) if body.namespace is not None else "")
    services = desk.services
    event = _event(body, digest(desk.once), services.now())
    stream = body.stream or services.event_stream
    answers = await services.trigger.fire(event, services.shelf.hearers, stream=stream, dry_run=dry_run)
    matched = [answer_view(answer) for answer in answers if answer.matched]
    apart = [answer_view(answer) for answer in answers if not answer.matched]
    message = "Event was tried, nothing was made" if dry_run else "Event triggered successfully"
    return told({"message": message, "event_id": event.id, "matched": matched, "apart": apart})


@router.get("/event-handlers", response_model=list[HandlerView], responses=faults(404), summary="List event handlers")
async def listed(
    request: Request,
    desk: AtDesk,
    event: Annotated[str, Query(max_length=255, description="Only those that mean this type of event.")] = "",
    namespace: Namespace = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> Response:
    """Event handlers in the order in which they act."""
    chosen = "" if namespace == ALL else desk.namespace(namespace)
    await desk.may(Act.LIST_HANDLERS, chosen)
    if not desk.services.shelf.complete:
        raise Refused(Why.AWAY, "not every event handler is known yet; try again in a moment")
    found = desk.services.shelf.listed(chosen, event)
    views = told([handler_view(kept) for kept in found[offset : offset + limit]])
    return page(request, bytes(views.body), len(found), limit, offset)


@router.post("/event-handlers/reload", response_model=ReloadedView, responses=faults(), summary="Handlers in force")
async def reload(desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """How many handlers are in force. Changes come by themselves: there is nothing to reload."""
    del key
    await desk.may(Act.LIST_HANDLERS)
    return told({"message": "Event handlers are in force", "count": desk.services.shelf.in_force})


@router.get(
    "/event-handlers/{handler_id}", response_model=HandlerView, responses=faults(404), summary="Get an event handler"
)
async def get(handler_id: HandlerId, desk: AtDesk) -> Response:
    """An event handler."""
    return told(handler_view(await desk.handler(handler_id, Act.GET_HANDLER)))


@router.get(
    "/event-handlers/{handler_id}/stats",
    response_model=HandlerFigures,
    responses=faults(404),
    summary="Figures of an event handler",
)
async def of_handler(handler_id: HandlerId, desk: AtDesk) -> Response:
    """What became of its events, as its status tells."""
    return told(handler_figures(await desk.handler(handler_id, Act.GET_HANDLER)))


def _event(body: TriggerBody, identity: str, now: int) -> Event:
    own = {"platformid": body.platform_id, "traceid": body.trace_id, "namespace": body.namespace}
    for name in body.extensions:
        if name in own or name in CloudEvent.model_fields:
            raise invalid("extensions", f"{name!r} has a field of its own; write it there")
    optional = {**own, "subject": body.subject}
    told_of = {
        "specversion": "1.0",
        "id": identity if body.event_id is None else body.event_id,
        "source": body.source,
        "type": body.event_name,
        "time": instant(now),
        **{name: text for name, text in optional.items() if text is not None},
        **body.extensions,
    }
    if "data" in body.model_fields_set:
        told_of |= {"datacontenttype": "application/json", "data": body.data}
    try:
        return of_value(told_of, now)
    except Unreadable as error:
        field = NAMES.get(error.field, error.field)
        raise Problem(413 if error.reason == "TooLarge" else 400, str(error), [(field, error.fault)]) from None
