"""Dead letters: what was taken out of delivery, of runs and of events."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from starlette.responses import Response

from kronstream.api.answers import faults, told
from kronstream.api.desk import AtDesk
from kronstream.api.queries import judge_query
from kronstream.api.rights import Act
from kronstream.api.routes.parameters import BASE, IdempotencyKey
from kronstream.api.views.handler import AnswerView, answer_view
from kronstream.api.views.stamps import stamp
from kronstream.operations.refused import Refused, Why
from kronstream.ports import EventLetter, Letter

router = APIRouter(prefix=BASE, tags=["Dead letters"], dependencies=[Depends(judge_query)])

Kind = Literal["run", "event"]
LetterId = Annotated[str, Path(min_length=1, max_length=80, description="The letter's id, as the list tells it.")]
MOST = 100


class LetterView(BaseModel):
    """A dead letter. Of an event, text is the event as it came, cut."""

    id: str
    kind: Kind
    reason: str
    message: str
    at: str
    execution_id: str | None
    namespace: str | None
    job_name: str | None
    handler_id: str | None
    text: str | None


class ReplayedView(BaseModel):
    """What was started again."""

    execution_id: str | None
    matched: list[AnswerView] | None


@router.get("/dead-letters", response_model=list[LetterView], responses=faults(), summary="List dead letters")
async def listed(
    desk: AtDesk,
    kind: Annotated[Kind, Query(description="Of runs, or of events.")] = "run",
    limit: Annotated[int, Query(ge=1, le=MOST)] = 20,
    before: Annotated[str, Query(max_length=80, description="Only those before the letter with this id.")] = "",
) -> Response:
    """Dead letters, the newest first; `X-Total-Count` tells how many there are."""
    await desk.may(Act.GET_LETTERS)
    services = desk.services
    last = before.removeprefix(f"{kind}-")
    if kind == "run":
        found, total = await services.letters.page(limit, last)
        views = [_run(letter) for letter in found]
    else:
        events, total = await services.event_letters.page(limit, last)
        views = [_event(letter) for letter in events]
    answer = told(views, X_Total_Count=str(total))
    if len(views) == limit and views:
        answer.headers["Link"] = f'<{BASE}/dead-letters?kind={kind}&limit={limit}&before={views[-1]["id"]}>; rel="next"'
    return answer


@router.post(
    "/dead-letters/{letter_id}/replay",
    status_code=202,
    response_model=ReplayedView,
    responses=faults(404, 409),
    summary="Do a dead letter again",
)
async def replay(letter_id: LetterId, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """Do a dead run again, by its job as it is now, or let an event have its effects; the letter is gone then."""
    del key
    await desk.may(Act.UPDATE_LETTERS)
    kind, _, letter = letter_id.partition("-")
    if kind == "event":
        hearers = desk.services.shelf.hearers
        answers = await desk.services.event_letters.replay(letter, hearers, desk.services.now())
        return told({"execution_id": None, "matched": [answer_view(answer) for answer in answers]}, 202)
    started = await desk.services.letters.replay(_known(kind, letter), desk.caller.name)
    return told({"execution_id": started.run, "matched": None}, 202, Location=f"{BASE}/executions/{started.run}")


@router.delete("/dead-letters/{letter_id}", status_code=204, responses=faults(404), summary="Drop a dead letter")
async def drop(letter_id: LetterId, desk: AtDesk) -> Response:
    """Forget a dead letter."""
    await desk.may(Act.DELETE_LETTERS)
    kind, _, letter = letter_id.partition("-")
    if kind == "event":
        await desk.services.event_letters.drop(letter)
    else:
        await desk.services.letters.drop(_known(kind, letter))
    return Response(status_code=204)


def _known(kind: str, letter: str) -> str:
    if kind != "run":
        raise _gone()
    return letter


def _gone() -> Refused:
    return Refused(Why.GONE, "there is no such dead letter")


def _run(letter: Letter) -> dict[str, Any]:
    return {
        "id": f"run-{letter.id}",
        "kind": "run",
        "reason": letter.reason,
        "message": letter.fields.get("message", ""),
        "at": stamp(letter.at),
        "execution_id": letter.run or None,
        "namespace": letter.fields.get("namespace"),
        "job_name": letter.fields.get("name"),
        "handler_id": None,
        "text": None,
    }


def _event(letter: EventLetter) -> dict[str, Any]:
    return {
        "id": f"event-{letter.id}",
        "kind": "event",
        "reason": letter.reason,
        "message": letter.message,
        "at": stamp(letter.at),
        "execution_id": None,
        "namespace": None,
        "job_name": None,
        "handler_id": letter.handler.partition(".")[2] or None,
        "text": letter.text,
    }
