"""The word of those who did the work elsewhere: the address that Kronstream-Callback names."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from starlette.responses import Response

from kronstream.api.answers import faults, told
from kronstream.api.bodies.orders import CompletionBody
from kronstream.api.desk import AtDesk
from kronstream.api.problem import Problem, invalid
from kronstream.api.queries import judge_query
from kronstream.api.routes.control import Said
from kronstream.api.routes.parameters import BASE, RunId
from kronstream.operations.refused import Refused, Why
from kronstream.operations.reply import Unreadable, read

router = APIRouter(prefix=BASE, tags=["Executions"], dependencies=[Depends(judge_query)])


@router.post(
    "/executions/{execution_id}/complete",
    response_model=Said,
    responses=faults(404, 409),
    summary="Tell how work elsewhere ended",
)
async def complete(
    execution_id: RunId,
    body: CompletionBody,
    desk: AtDesk,
    kronstream_token: Annotated[str | None, Header(description="The token that came with the order.")] = None,
) -> Response:
    """End an attempt whose work goes on elsewhere (a service that answered 202, an agent, a workflow), or tell how far
    it is. The token that came with the order is what allows it; it is no right of the cluster.
    """
    token = body.token or kronstream_token
    if not token:
        raise Problem(401, "write the token of the order as `token`, or in a header Kronstream-Token")
    if not token.isascii() or not token.isprintable():
        raise invalid("token", "is none that was ever given; write the one that came with the order")
    try:
        answer = read({"run": execution_id, "token": token, **_fields(body)})
    except Unreadable as fault:
        raise Refused(Why.INVALID, str(fault)) from None
    externals = desk.services.externals
    if answer.completion is not None:
        known = await externals.complete(answer.run, answer.token, answer.completion)
    else:
        known = await externals.progress(answer.run, answer.token, answer.progress or "null")
    if not known:
        raise Refused(Why.CONFLICT, "the attempt is over, or has another token")
    if answer.completion is not None:  # once an attempt; how far it is may be told again and again
        desk.allow()
    return told({"message": "Progress noted" if answer.completion is None else "Execution completed"})


def _fields(body: CompletionBody) -> dict[str, str]:
    """The body as a reply in a stream would say it."""
    fields = {"v": "1", "status": body.status, "output": body.output}
    if body.status == "success":
        fields["result"] = json.dumps(body.result, ensure_ascii=False)
    elif body.status == "progress":
        fields["progress"] = json.dumps(body.progress, ensure_ascii=False)
    else:
        error = body.error if isinstance(body.error, str) else json.dumps(body.error or {}, ensure_ascii=False)
        fields |= {"error": error, "permanent": str(body.permanent).lower(), "codes": json.dumps(body.codes)}
        if body.retry_after is not None:
            fields["retry_after"] = str(body.retry_after)
    return fields
