"""Jobs: make, get, list, give another time, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from kronstream.api.answers import faults, page, raw
from kronstream.api.bodies.base import moment
from kronstream.api.bodies.job import CronBody, JobBody, OnceBody, ScheduleBody
from kronstream.api.desk import AtDesk, Desk
from kronstream.api.problem import Problem, invalid
from kronstream.api.queries import judge_query
from kronstream.api.rights import Act
from kronstream.api.routes.parameters import BASE, IdempotencyKey, JobId, Limit, Namespace, Offset
from kronstream.api.views.job import JobView, job_bytes, jobs_bytes
from kronstream.operations.catalogue import Wanted
from kronstream.operations.jobs import Draft, When
from kronstream.operations.rows import Form, Standing

router = APIRouter(prefix=BASE, tags=["Jobs"], dependencies=[Depends(judge_query)])
ALL = "*"


@router.post("/jobs/cron", status_code=201, response_model=JobView, responses=faults(404, 409), summary="Make a job")
async def create_cron(body: CronBody, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """Make a job that runs by a cron expression. It is a ScheduledJob: kubectl sees it at once."""
    del key
    return await _create(desk, body, body.spec(desk.caller.name))


@router.post(
    "/jobs/once", status_code=201, response_model=JobView, responses=faults(404, 409), summary="Make a one-time job"
)
async def create_once(body: OnceBody, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """Make a job that runs once. An instant that has passed runs now."""
    del key
    return await _create(desk, body, body.spec(desk.caller.name, desk.services.now()))


@router.get("/jobs/{job_id}", response_model=JobView, responses=faults(404), summary="Get a job")
async def get(job_id: JobId, desk: AtDesk) -> Response:
    """A job with its next run, its counts and its average duration."""
    return raw(job_bytes(await desk.job(job_id, Act.GET_JOB)))


@router.get("/jobs", response_model=list[JobView], responses=faults(404), summary="List jobs")
async def listed(
    request: Request,
    desk: AtDesk,
    form: Annotated[Form | None, Query(alias="type", description="When they run.")] = None,
    status: Annotated[Standing | None, Query(description="How they stand.")] = None,
    platform_id: Annotated[str, Query(max_length=63, description="The platform they belong to.")] = "",
    tag: Annotated[str, Query(max_length=128, description="A tag that they have.")] = "",
    namespace: Namespace = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> Response:
    """Jobs, the newest first. `X-Total-Count` tells how many there are, `Link` where the other pages are."""
    chosen = "" if namespace == ALL else desk.namespace(namespace)
    await desk.may(Act.LIST_JOBS, chosen)
    rows, total = desk.services.jobs.page(Wanted(chosen, form, status, platform_id, tag), limit, offset)
    return page(request, jobs_bytes(rows), total, limit, offset)


@router.put(
    "/jobs/{job_id}/schedule", response_model=JobView, responses=faults(404, 409), summary="Give a job another time"
)
async def reschedule(job_id: JobId, body: ScheduleBody, desk: AtDesk) -> Response:
    """Another cron expression, with or without another zone, or another instant for a job that runs once."""
    row = await desk.job(job_id, Act.UPDATE_JOB)
    return raw(job_bytes(await desk.services.jobs.reschedule(row, _when(body))))


@router.delete("/jobs/{job_id}", status_code=204, responses=faults(404, 409), summary="Delete a job")
async def delete(
    job_id: JobId,
    desk: AtDesk,
    cancel: Annotated[bool, Query(description="Whether its unfinished executions are cancelled.")] = False,
) -> Response:
    """Delete a job. Executions that run finish, unless they are to be cancelled; their records stay until retention
    ends.
    """
    row = await desk.job(job_id, Act.DELETE_JOB)
    if cancel:
        await desk.may(Act.CANCEL, row.namespace, row.name)
    await desk.services.jobs.delete(row)
    if cancel:
        await desk.services.executions.cancel_all(row.uid, desk.caller.name)
    return Response(status_code=204)


async def _create(desk: Desk, body: JobBody, spec: dict[str, object]) -> Response:
    namespace = desk.namespace(body.namespace)
    await desk.may(Act.CREATE_JOB, namespace)
    draft = Draft(namespace, body.name, spec, by=desk.caller.name, key=desk.key)
    row = await desk.services.jobs.create(draft)
    return raw(job_bytes(row), 201, Location=f"{BASE}/jobs/{row.uid}")


def _when(body: ScheduleBody) -> When:
    if (body.schedule is None) == (body.execute_at is None):
        raise Problem(
            400,
            "write schedule for a job that runs by one, or execute_at for a job that runs once",
            [("schedule", "write exactly one of schedule and execute_at")],
        )
    if body.execute_at is not None:
        if body.timezone is not None:
            raise invalid("timezone", "is not used with execute_at, which carries its own offset; remove it")
        return When(at=moment("execute_at", body.execute_at))
    return When(body.schedule, body.timezone)
