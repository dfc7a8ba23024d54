"""What is done with a job beside editing it: pause, resume, run now, look ahead."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from starlette.responses import Response

from kronstream.api.answers import faults, told
from kronstream.api.bodies.base import moment
from kronstream.api.bodies.orders import PauseBody, PreviewBody, RunBody
from kronstream.api.desk import AtDesk
from kronstream.api.problem import Problem, invalid
from kronstream.api.queries import judge_query
from kronstream.api.rights import Act
from kronstream.api.routes.parameters import BASE, IdempotencyKey, JobId
from kronstream.api.views.preview import PreviewView, preview_view
from kronstream.domain.errors import Invalid
from kronstream.operations.jobs import Unfit
from kronstream.operations.nextruns import next_runs
from kronstream.operations.runs import NOT_GIVEN
from kronstream.resources import instant

router = APIRouter(prefix=BASE, tags=["Jobs"], dependencies=[Depends(judge_query)])


class Said(BaseModel):
    """What was done."""

    message: str


class StartedView(BaseModel):
    """The execution that was started."""

    execution_id: str


@router.post("/jobs/{job_id}/pause", response_model=Said, responses=faults(404, 409), summary="Pause a job")
async def pause(job_id: JobId, desk: AtDesk, body: PauseBody | None = None, key: IdempotencyKey = None) -> Response:
    """Hold a job, until it is resumed or until an instant. Nothing of a paused time fires later. Safe to repeat."""
    del key
    row = await desk.job(job_id, Act.PAUSE)
    reason = body.reason if body else ""
    until = moment("until", body.until) if body and body.until is not None else None
    by, now = desk.caller.name, desk.services.now()
    new = await desk.in_force(row, lambda: desk.services.pausing.pause(row.uid, by, reason, until))
    if new:
        told_of = {"by": by, "since": instant.render(now)} | ({"reason": reason} if reason else {})
        desk.services.jobs.hold(row, told_of | ({"until": instant.render(until)} if until is not None else {}))
    return told({"message": "Job paused successfully"})


@router.post("/jobs/{job_id}/resume", response_model=Said, responses=faults(404, 409), summary="Resume a job")
async def resume(job_id: JobId, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """Let a paused job go on. Nothing fires retroactively. Safe to repeat."""
    del key
    row = await desk.job(job_id, Act.PAUSE)
    if await desk.in_force(row, lambda: desk.services.pausing.resume(row.uid)):
        desk.services.jobs.hold(row, None)
    if row.object["spec"].get("suspend") is True:
        raise Problem(409, "spec.suspend of the resource holds the job; set it to false where the resource is kept")
    return told({"message": "Job resumed successfully"})


@router.post(
    "/jobs/{job_id}/run",
    status_code=201,
    response_model=StartedView,
    responses=faults(404, 409),
    summary="Run a job now",
)
async def run(job_id: JobId, desk: AtDesk, body: RunBody | None = None, key: IdempotencyKey = None) -> Response:
    """Start a run beside the schedule, with the job's payload or another. Limits on overlap hold for it, too."""
    del key
    row = await desk.job(job_id, Act.RUN)
    given = body if body is not None else RunBody()
    own = "payload" in given.model_fields_set
    if given.merge and not own:
        raise invalid("merge", "is not used without a payload; write one, or remove merge")
    payload: Any = given.payload if own else NOT_GIVEN
    once = desk.once
    started = await desk.in_force(
        row,
        lambda: desk.services.runs.run_now(
            row.uid, once, payload=payload, merge=given.merge, by=desk.caller.name, trace=given.trace_id
        ),
    )
    return told({"execution_id": started.run}, 201, Location=f"{BASE}/executions/{started.run}")


@router.get("/jobs/{job_id}/preview", response_model=PreviewView, responses=faults(404), summary="Next runs of a job")
async def preview(job_id: JobId, desk: AtDesk, n: Annotated[int, Query(ge=1, le=1_000)] = 20) -> Response:
    """When the job runs next, with what changed clocks, exclusions and jitter have to do with it."""
    row = await desk.job(job_id, Act.GET_JOB)
    identity = f"{row.namespace}/{row.name}"
    try:
        found = next_runs(row.object["spec"], identity, row.created, None, desk.services.now(), n)
    except Invalid as fault:
        raise Unfit([fault]) from None
    return told(preview_view(found))


@router.post("/preview", response_model=PreviewView, responses=faults(), summary="Next runs of a schedule")
async def preview_schedule(body: PreviewBody, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """When a schedule would run, without a job."""
    del key
    spec = _spec(body)
    namespace = body.namespace or desk.services.namespace
    begin = None if body.begin is None else instant.render(moment("from", body.begin))
    try:
        found = next_runs(spec, f"{namespace}/{body.name}", None, begin, int(time.time() * 1000), body.n)
    except Invalid as fault:
        raise Unfit([fault]) from None
    return told(preview_view(found))


def _spec(body: PreviewBody) -> dict[str, Any]:
    handler = {"handler": {"function": {"name": "preview"}}}
    if body.spec is not None:
        if body.schedule is not None or body.timezone is not None or body.execute_at is not None:
            raise invalid("spec", "is written beside schedule, timezone or execute_at; write one or the other")
        return {**handler, **body.spec}
    if (body.schedule is None) == (body.execute_at is None):
        raise invalid("schedule", "write exactly one of schedule, execute_at and spec")
    if body.execute_at is not None:
        return {**handler, "runAt": instant.render(moment("execute_at", body.execute_at))}
    zone = {} if body.timezone is None else {"timeZone": body.timezone}
    return {**handler, "schedule": body.schedule, **zone}
