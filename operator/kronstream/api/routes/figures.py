"""Figures: of a job, of the whole scheduler; its workers and queues."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kronstream.api.answers import faults, told
from kronstream.api.bodies.orders import PauseBody
from kronstream.api.desk import AtDesk, Desk
from kronstream.api.problem import invalid
from kronstream.api.queries import judge_query
from kronstream.api.rights import Act
from kronstream.api.routes.control import Said
from kronstream.api.routes.parameters import BASE, IdempotencyKey, JobId
from kronstream.api.views.stamps import stamp
from kronstream.domain import duration
from kronstream.operations.figures import figures
from kronstream.ports import Backlog, QueuePause, WorkerCard

router = APIRouter(prefix=BASE, tags=["Figures"], dependencies=[Depends(judge_query)])

LOOKED_AT = 5_000
LONGEST = 366 * 86_400_000
MOST_QUEUES = 1_000
QUEUE = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
QueueName = Annotated[str, Path(pattern=QUEUE, max_length=63, description="The queue.")]


class JobFigures(BaseModel):
    """Of the last 5000 runs of either kind in the window; percentiles and delays are milliseconds."""

    job_id: str
    window: str
    runs: int
    outcomes: dict[str, int]
    success_rate: float | None
    duration_ms: dict[str, int | None] = Field(description="p50, p95, p99")
    start_delay_ms: dict[str, int | None] = Field(description="From when a run was due until it started: p50, p99")


class LaneView(BaseModel):
    """What waits in a queue's lane."""

    queue: str
    lane: str
    waiting: int
    taken: int
    oldest_ms: int | None


class QueueView(BaseModel):
    """A queue: whether it is paused, and what waits in its lanes."""

    name: str
    paused: dict[str, Any] | None
    lanes: list[LaneView]


class WorkerView(BaseModel):
    """A live worker and its statistics."""

    consumer_name: str
    queues: dict[str, int]
    concurrency: int
    functions: list[str]
    messages_processed: int
    messages_succeeded: int
    messages_failed: int
    uptime_seconds: int
    last_heartbeat: str | None


class Totals(BaseModel):
    """The scheduler's totals."""

    jobs: dict[str, int]
    runs: dict[str, int]
    queues: list[LaneView]
    workers: list[WorkerView]
    dead_letters: dict[str, int]


@router.get("/jobs/{job_id}/stats", response_model=JobFigures, responses=faults(404), summary="Figures of a job")
async def of_job(
    job_id: JobId, desk: AtDesk, window: Annotated[str, Query(max_length=32, description="Such as 24h.")] = "24h"
) -> Response:
    """Runs by outcome, success rate, percentiles of duration and start delay, over a window that ends now."""
    row = await desk.job(job_id, Act.LIST_RUNS)
    try:
        span = duration.parse(window)
    except ValueError as fault:
        raise invalid("window", f"{fault}; write a number with a unit, such as 24h") from None
    if not 1_000 <= span <= LONGEST:
        raise invalid("window", f"{window} is not used; write a window from 1s to 366d")
    timings = await desk.services.executions.timings(row.uid, desk.services.now() - span, LOOKED_AT)
    found = figures(timings)
    return told(
        {
            "job_id": row.uid,
            "window": window,
            "runs": len(timings),
            "outcomes": found.outcomes,
            "success_rate": found.rate,
            "duration_ms": found.durations,
            "start_delay_ms": found.delays,
        }
    )


@router.get("/stats", response_model=Totals, responses=faults(), summary="The scheduler's totals")
async def totals(desk: AtDesk) -> Response:
    """Jobs by status, runs by outcome, what waits in each lane, workers, dead letters."""
    await desk.may(Act.GET_STATS)
    services = desk.services
    jobs = services.jobs.counts()
    cards = await services.ledger.workers()
    backlogs = await services.queues.backlogs(_names(desk, cards, ()))
    letters = {"run": await services.letters.count(), "event": await services.event_letters.count()}
    return told(
        {
            "jobs": jobs | {"total": sum(jobs.values())},
            "runs": services.catalogue.runs(),
            "queues": [_lane(one) for one in backlogs],
            "workers": [_worker(card) for card in cards],
            "dead_letters": letters,
        }
    )


@router.get("/workers", response_model=list[WorkerView], responses=faults(), summary="Live workers")
async def workers(desk: AtDesk) -> Response:
    """Workers whose last heartbeat is younger than their lease."""
    await desk.may(Act.GET_WORKERS)
    return told([_worker(card) for card in await desk.services.ledger.workers()])


@router.get("/queues", response_model=list[QueueView], responses=faults(), summary="Queues")
async def queues(desk: AtDesk) -> Response:
    """Queues that jobs name or workers serve, whether they are paused, and what waits in them."""
    await desk.may(Act.GET_QUEUES)
    services = desk.services
    paused = await services.queues.paused()
    names = _names(desk, await services.ledger.workers(), paused)
    lanes = [_lane(one) for one in await services.queues.backlogs(names)]
    return told(
        [
            {"name": name, "paused": _pause(paused.get(name)), "lanes": [one for one in lanes if one["queue"] == name]}
            for name in names
        ]
    )


@router.post("/queues/{name}/pause", response_model=Said, responses=faults(404), summary="Pause a queue")
async def pause(name: QueueName, desk: AtDesk, body: PauseBody | None = None, key: IdempotencyKey = None) -> Response:
    """Begin no runs of a queue; those that execute go on. Safe to repeat."""
    del key
    await desk.may(Act.UPDATE_QUEUES, name=name)
    if body is not None and body.until is not None:
        raise invalid("until", "is not used with queues; remove it and resume the queue")
    await desk.services.queues.pause(name, desk.caller.name, body.reason if body else "")
    return told({"message": "Queue paused successfully"})


@router.post("/queues/{name}/resume", response_model=Said, responses=faults(404), summary="Resume a queue")
async def resume(name: QueueName, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """Begin runs of a queue again. Safe to repeat."""
    del key
    await desk.may(Act.UPDATE_QUEUES, name=name)
    await desk.services.queues.resume(name)
    return told({"message": "Queue resumed successfully"})


def _names(desk: Desk, cards: list[WorkerCard], more: Any) -> list[str]:
    names = {"default", *desk.services.catalogue.queues(), *more, *(name for card in cards for name in card.queues)}
    return sorted(names)[:MOST_QUEUES]


def _pause(pause: QueuePause | None) -> dict[str, Any] | None:
    return None if pause is None else {"by": pause.by, "reason": pause.reason, "since": stamp(pause.since)}


def _lane(backlog: Backlog) -> dict[str, Any]:
    waiting = backlog.entries - backlog.taken
    return {
        "queue": backlog.queue,
        "lane": backlog.lane.value,
        "waiting": max(0, waiting),
        "taken": backlog.taken,
        "oldest_ms": backlog.oldest,
    }


def _worker(card: WorkerCard) -> dict[str, Any]:
    return {
        "consumer_name": card.consumer,
        "queues": dict(card.queues),
        "concurrency": card.concurrency,
        "functions": sorted(card.functions),
        "messages_processed": card.processed,
        "messages_succeeded": card.succeeded,
        "messages_failed": card.failed,
        "uptime_seconds": card.uptime_seconds,
        "last_heartbeat": stamp(card.last_beat) if card.last_beat else None,
    }
