"""What happens to a job or an execution, as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from redis.exceptions import RedisError
from starlette.responses import Response, StreamingResponse

from kronstream.api.answers import faults
from kronstream.api.desk import AtDesk, Desk
from kronstream.api.problem import Problem, away
from kronstream.api.queries import judge_query
from kronstream.api.rights import Act
from kronstream.api.routes.parameters import BASE
from kronstream.api.views.execution import execution_view, spec_of
from kronstream.api.views.job import job_bytes
from kronstream.operations.refused import Refused
from kronstream.operations.rows import Row
from kronstream.ports import Execution
from kronstream.ports.jobstore import StoreAway
from kronstream.ports.reviews import Caller

router = APIRouter(prefix=BASE, tags=["Executions"], dependencies=[Depends(judge_query)])

LOOK = 0.5
QUIET = 15.0
JUDGED = 30.0
SHOWN = 20
MOST = 500
Again = Callable[[], Awaitable[Caller]]
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events `job` and `execution`, each with the whole of it as data; `end` when an execution "
            "is over, or the job was deleted.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **faults(404),
    },
    summary="Follow a job or an execution",
)
async def stream(
    request: Request,
    desk: AtDesk,
    job: Annotated[str | None, Query(max_length=400, description="A job: its id, or namespace:name.")] = None,
    execution: Annotated[str | None, Query(max_length=400, description="An execution's id.")] = None,
) -> Response:
    """What is told at first is how it stands; then every change."""
    if (job is None) == (execution is None):
        raise Problem(400, "write either job or execution", [("job", "write exactly one of job and execution")])
    if _Open.count >= MOST:
        raise away(f"{MOST} streams are open already; ask another replica, or later", 10)
    if execution is not None:
        run = await desk.execution(execution, Act.GET_RUN)
        return StreamingResponse(
            _Open.counted(_execution(desk, _again(request, desk), run)), 200, HEADERS, "text/event-stream"
        )
    row = await desk.job(job or "", Act.LIST_RUNS)
    return StreamingResponse(_Open.counted(_job(desk, _again(request, desk), row)), 200, HEADERS, "text/event-stream")


def _again(request: Request, desk: Desk) -> Again:
    """Asks once more who calls: the token, which its header alone holds, may end before the stream does."""
    token, address = request.headers.get("authorization"), request.client.host if request.client else "?"
    return lambda: desk.services.identity.caller(token, address)


class _Open:
    """How many streams are open in this process."""

    count = 0

    @classmethod
    async def counted(cls, events: AsyncIterator[str]) -> AsyncIterator[str]:
        cls.count += 1
        try:
            async for event in events:
                yield event
        finally:
            cls.count -= 1


async def _execution(desk: Desk, again: Again, run: Execution) -> AsyncIterator[str]:
    told = ""
    async for _ in _looks(desk, again, Act.GET_RUN, run.namespace, run.name):
        try:
            run = await desk.services.executions.get(run.id)
        except Refused:
            break
        except (RedisError, OSError, TimeoutError):
            continue  # it is followed again when Redis is there again
        text = _dump(execution_view(run, spec_of(desk.services.catalogue.get(run.uid))))
        yield _event("execution", text) if text != told else ""
        told = text
        if run.state.terminal:
            break
    if not desk.services.ending():  # else who listens comes again, to another replica
        yield _event("end", "{}")


async def _job(desk: Desk, again: Again, row: Row) -> AsyncIterator[str]:
    told: dict[str, str] = {}
    async for _ in _looks(desk, again, Act.LIST_RUNS, row.namespace, row.name):
        known = desk.services.catalogue.get(row.uid)
        if known is None:
            break
        texts = {"": job_bytes(known).decode()}
        try:
            runs, _ = await desk.services.executions.page(row.uid, SHOWN)
        except (RedisError, OSError, TimeoutError):
            continue
        texts |= {run.id: _dump(execution_view(run, spec_of(known))) for run in reversed(runs)}
        changes = [(key, text) for key, text in texts.items() if told.get(key) != text]
        yield "".join(_event("execution" if key else "job", text) for key, text in changes)
        told = texts
    if not desk.services.ending():  # else who listens comes again, to another replica
        yield _event("end", "{}")


async def _looks(desk: Desk, again: Again, act: Act, namespace: str, name: str) -> AsyncIterator[None]:
    """One for each look, until the caller's token is no more valid, or the right is gone."""
    loop = asyncio.get_running_loop()
    judged = loop.time()
    while not desk.services.ending():
        if loop.time() - judged > JUDGED:
            try:
                if not await desk.services.identity.allows(await again(), act.of(namespace, name)):
                    return
                judged = loop.time()
            except (Problem, StoreAway):
                return
        yield
        await asyncio.sleep(LOOK)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _event(kind: str, text: str) -> str:
    return f"event: {kind}\ndata: {text}\n\n"
