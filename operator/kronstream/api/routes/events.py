"""Events on their way in."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from kronstream.api.answers import faults, told
from kronstream.api.desk import AtDesk
from kronstream.api.queries import judge_query
from kronstream.api.rights import Act
from kronstream.api.routes.parameters import BASE, IdempotencyKey
from kronstream.operations.ingest import Rejected, read_request
from kronstream.resources.cloudevent import Unreadable

router = APIRouter(prefix=BASE, tags=["Events"], dependencies=[Depends(judge_query)])

EVENT = {
    "specversion": "1.0",
    "id": "4711",
    "source": "/billing",
    "type": "invoice.paid",
    "data": {"invoice": 42},
}


class AcceptedView(BaseModel):
    """The events that were taken, in order."""

    ids: list[str]


@router.post(
    "/events",
    status_code=202,
    response_model=AcceptedView,
    responses=faults(),
    summary="Send events",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": {"type": "object"}, "example": EVENT},
                "application/cloudevents-batch+json": {
                    "schema": {"type": "array", "items": {"type": "object"}},
                    "example": [EVENT],
                },
            },
        }
    },
)
async def ingest(request: Request, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """Send CloudEvents, in any of the three modes of their HTTP binding: structured, batch (all or nothing), binary.

    An event without the extension `namespace` is seen by the handlers of every namespace; to send one takes the right
    in all of them.
    """
    del key
    body, now = await request.body(), desk.services.now()
    try:
        events = read_request(request.headers, body, now)
    except Unreadable as error:
        status = 413 if error.reason == "TooLarge" else 400
        raise Rejected(status, str(error), error.field, error.reason) from None
    for namespace in {event.namespace or "" for event in events}:
        await desk.may(Act.TRIGGER, namespace)
    accepted = await desk.services.ingest.accept(request.headers, body, now)
    return told({"ids": list(accepted.ids)}, 202)
