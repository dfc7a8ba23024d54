"""Executions: get, list, do again, cancel, and the word of those who did the work elsewhere."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from kronstream.api.answers import faults, page, told
from kronstream.api.desk import AtDesk
from kronstream.api.queries import judge_query
from kronstream.api.rights import Act
from kronstream.api.routes.control import Said
from kronstream.api.routes.parameters import BASE, IdempotencyKey, JobId, Limit, Offset, RunId
from kronstream.api.views.execution import ExecutionView, execution_view, spec_of
from kronstream.domain.run import State

router = APIRouter(prefix=BASE, tags=["Executions"], dependencies=[Depends(judge_query)])


class RetriedView(BaseModel):
    """The new execution."""

    execution_id: str
    status: State
    duration_ms: int | None


@router.get(
    "/jobs/{job_id}/executions",
    response_model=list[ExecutionView],
    responses=faults(404),
    summary="List a job's executions",
)
async def of_job(
    request: Request,
    job_id: JobId,
    desk: AtDesk,
    status: Annotated[State | None, Query(description="Only those in this state.")] = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> Response:
    """A job's executions, the newest first: those that wait or run, then the ended ones.

    Those of a deleted job are listed by its UID until their retention ends, or its namespace is deleted.
    """
    uid, row = await desk.history(job_id, Act.LIST_RUNS)
    found, total = await desk.services.executions.page(uid, limit, offset, status)
    spec = spec_of(row)
    views = told([execution_view(run, spec) for run in found])
    return page(request, bytes(views.body), total, limit, offset)


@router.get(
    "/executions/{execution_id}", response_model=ExecutionView, responses=faults(404), summary="Get an execution"
)
async def get(execution_id: RunId, desk: AtDesk) -> Response:
    """An execution, also one whose job was deleted, until its retention ends."""
    run = await desk.execution(execution_id, Act.GET_RUN)
    return told(execution_view(run, spec_of(desk.services.catalogue.get(run.uid))))


@router.post(
    "/executions/{execution_id}/retry",
    response_model=RetriedView,
    responses=faults(404, 409),
    summary="Do an execution again",
)
async def retry(execution_id: RunId, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """A new execution with the payload and the due instant of one that is over, linked to it by `retry_of`."""
    del key
    old = await desk.execution(execution_id, Act.RUN)
    new = await desk.services.executions.retry(old.id, desk.once, desk.caller.name)
    return told({"execution_id": new.id, "status": new.state.value, "duration_ms": new.duration})


@router.post(
    "/executions/{execution_id}/cancel",
    status_code=202,
    response_model=Said,
    responses=faults(404, 409),
    summary="Cancel an execution",
)
async def cancel(execution_id: RunId, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """Cancel an execution that is not over; the handler of one that runs is told to end."""
    del key
    run = await desk.execution(execution_id, Act.CANCEL)
    done = await desk.services.executions.cancel(run.id, desk.caller.name)
    return told({"message": "Execution cancelled" if done else "Execution is being cancelled"}, 202)
