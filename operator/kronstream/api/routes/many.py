"""Orders about many runs: by filter, or for instants of the past; and how far they are."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import Response

from kronstream.api.answers import faults, told
from kronstream.api.bodies.base import moment
from kronstream.api.bodies.orders import BackfillBody, FilterBody
from kronstream.api.desk import AtDesk, Desk
from kronstream.api.problem import invalid
from kronstream.api.queries import judge_query
from kronstream.api.rights import Act
from kronstream.api.routes.jobs import ALL
from kronstream.api.routes.parameters import BASE, IdempotencyKey, JobId
from kronstream.api.views.stamps import stamp
from kronstream.domain import duration
from kronstream.domain.run import State
from kronstream.operations.bulk import PREFIX, Filter, Order, OrderKind
from kronstream.operations.refused import Refused, Why
from kronstream.ports import Backfill

router = APIRouter(prefix=BASE, tags=["Operations"], dependencies=[Depends(judge_query)])


class BegunView(BaseModel):
    """The operation that was begun; none for a dry run."""

    operation_id: str | None
    count: int
    instants: list[str] | None = None


class OperationView(BaseModel):
    """How far an operation is: so many executions are meant, were done, could not be."""

    operation_id: str
    kind: str
    job_id: str | None
    namespace: str | None = None
    state: str
    count: int
    done: int
    failed: int
    started_by: str | None = None
    created_at: str | None = None
    completed_at: str | None = None


@router.post(
    "/executions:retry", status_code=202, response_model=BegunView, responses=faults(404, 409), summary="Do many again"
)
async def retry_many(body: FilterBody, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """Do the executions of a job, or of a namespace, again that are over and fit the filter, 10,000 at most. It goes on
    when its starter is gone.
    """
    del key
    return await _order(desk, body, "retry", Act.RUN)


@router.post(
    "/executions:cancel", status_code=202, response_model=BegunView, responses=faults(404, 409), summary="Cancel many"
)
async def cancel_many(body: FilterBody, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """Cancel the executions of a job, or of a namespace, that are not over and fit the filter, 10,000 at most. It goes
    on when its starter is gone.
    """
    del key
    return await _order(desk, body, "cancel", Act.CANCEL)


@router.post(
    "/jobs/{job_id}/backfill", status_code=202, response_model=BegunView, responses=faults(404, 409), summary="Backfill"
)
async def backfill(job_id: JobId, body: BackfillBody, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """Make the runs of a schedule for instants of the past, at a pace. It goes on when its starter is gone."""
    del key
    row = await desk.job(job_id, Act.BACKFILL)
    begin, end = moment("from", body.begin), moment("to", body.end)
    backfills = desk.services.backfills
    if body.dry_run:
        found = await desk.in_force(row, lambda: backfills.preview(row.uid, begin, end, body.max_runs))
        instants = [stamp(at) for at in found.instants]
        return told({"operation_id": None, "count": found.total, "instants": instants}, 202)
    once, pace = desk.once, _pace(body.pace)
    made = await desk.in_force(
        row,
        lambda: backfills.start(
            row.uid, once, begin, end, interval=pace, concurrent=body.concurrent, max_runs=body.max_runs,
            by=desk.caller.name,
        ),
    )  # fmt: skip
    return told({"operation_id": made.id, "count": made.total}, 202, Location=f"{BASE}/operations/{made.id}")


@router.get(
    "/operations/{operation_id}", response_model=OperationView, responses=faults(404), summary="How far an operation is"
)
async def operation(operation_id: str, desk: AtDesk) -> Response:
    """A backfill, or an order about many executions."""
    found = await _known(desk, operation_id, Act.LIST_RUNS)
    return told(_backfill(found) if isinstance(found, Backfill) else _operation(found))


@router.delete("/operations/{operation_id}", status_code=204, responses=faults(404, 409), summary="End an operation")
async def end(operation_id: str, desk: AtDesk) -> Response:
    """Do no more of a backfill, or of an order about many executions. Runs that were started go on. It takes the right
    to begin one.
    """
    found = await _known(desk, operation_id, Act.BACKFILL)
    if isinstance(found, Order):
        await desk.services.bulk.end(found.id)
        return Response(status_code=204)
    if not await desk.services.backfills.cancel(found.id, desk.caller.name):
        raise Refused(Why.CONFLICT, "the backfill is over")
    return Response(status_code=204)


async def _order(desk: Desk, body: FilterBody, kind: OrderKind, act: Act) -> Response:
    wanted = _filter(body, kind)
    uid, namespace, name = await _scope(desk, body, act)
    runs = await desk.services.bulk.find(kind, wanted, uid, namespace)
    if body.dry_run:
        return told({"operation_id": None, "count": len(runs)}, 202)
    order = Order("", kind, namespace, 0, uid, name, desk.caller.name)
    begun = await desk.services.bulk.start(order, runs, desk.once)
    return told({"operation_id": begun.id, "count": begun.count}, 202, Location=f"{BASE}/operations/{begun.id}")


def _filter(body: FilterBody, kind: OrderKind) -> Filter:
    """Which executions are meant. Raises Problem."""
    begin = None if body.begin is None else moment("from", body.begin)
    end = None if body.end is None else moment("to", body.end)
    wanted = Filter(None if body.status is None else State(body.status), begin, end)
    if wanted.state is not None and not wanted.states(kind):
        raise invalid("status", f"an execution that is {wanted.state.value} cannot be {_DONE[kind]}; choose another")
    return wanted


async def _scope(desk: Desk, body: FilterBody, act: Act) -> tuple[str, str, str]:
    """UID, namespace and name of the job that is meant, the namespace alone without one. Raises Problem, Refused."""
    if body.job is not None:
        if body.namespace is not None:
            raise invalid("namespace", "is not used with a job, which has its own; remove it")
        row = await desk.job(body.job, act)
        await desk.may(Act.LIST_RUNS, row.namespace, row.name)
        return row.uid, row.namespace, row.name
    if body.status is None:
        raise invalid("status", "is missing; without a job, write which executions are meant")
    namespace = "" if body.namespace == ALL else desk.namespace(body.namespace)
    await desk.may(act, namespace)
    await desk.may(Act.LIST_RUNS, namespace)
    return "", namespace, ""


_DONE = {"retry": "done again", "cancel": "cancelled"}


async def _known(desk: Desk, operation: str, act: Act) -> Backfill | Order:
    """An operation, if the caller may do this with it; to end one takes what it took to begin it."""
    if operation.startswith(PREFIX):
        found = await desk.services.bulk.get(operation[:64])
        of_order = Act.RUN if found.kind == "retry" else Act.CANCEL
        await desk.may(of_order if act is Act.BACKFILL else act, found.namespace, found.name)
        return found
    if not operation.isalnum() or len(operation) > 64:
        raise Refused(Why.GONE, "there is no such operation")
    backfill = await desk.services.backfills.get(operation)
    await desk.job(backfill.uid, act)
    return backfill


def _pace(text: str) -> int:
    try:
        return duration.parse(text)
    except ValueError as fault:
        raise invalid("pace", f"{fault}; write a number with a unit, such as 10s") from None


def _operation(found: Order) -> dict[str, Any]:
    return {
        "operation_id": found.id,
        "kind": found.kind,
        "job_id": found.uid or None,
        "namespace": found.namespace or None,
        "state": found.state,
        "count": found.count,
        "done": found.done,
        "failed": found.refused,
        "started_by": found.by or None,
        "created_at": stamp(found.created),
        "completed_at": stamp(found.finished),
    }


def _backfill(found: Backfill) -> dict[str, Any]:
    return {
        "operation_id": found.id,
        "kind": "backfill",
        "job_id": found.uid,
        "namespace": None,
        "state": found.state,
        "count": found.total,
        "done": found.succeeded,
        "failed": found.failed,
        "started_by": found.by or None,
        "created_at": stamp(found.created),
        "completed_at": stamp(found.finished),
    }
