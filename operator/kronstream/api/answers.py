"""Answers: JSON of what was rendered, pages with their links, and what the document says of every call's faults."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from kronstream.api.problem import PROBLEM_TYPE, TITLES, TYPES


class FieldError(BaseModel):
    """One field at fault."""

    field: str
    message: str


class ProblemView(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] = Field(default=[], description="The fields at fault, where there are some")


def told(value: Any, status: int = 200, **headers: str) -> Response:
    """JSON of what was rendered."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return raw(body, status, **headers)


def raw(body: bytes, status: int = 200, **headers: str) -> Response:
    """JSON that is one already."""
    return Response(body, status, {name.replace("_", "-"): text for name, text in headers.items()}, "application/json")


def page(request: Request, body: bytes, total: int, limit: int, offset: int) -> Response:
    """A page of a list: how many there are in X-Total-Count, the other pages in Link (RFC 8288)."""
    last = max(0, (total - 1) // limit * limit)
    places = {"first": 0, "last": last}
    if offset + limit < total:
        places["next"] = offset + limit
    if offset > 0:
        places["prev"] = max(0, min(offset - limit, last))
    rest = [(name, text) for name, text in request.query_params.multi_items() if name not in ("limit", "offset")]
    path = request.scope.get("raw_path", b"").decode("ascii", "replace") or request.url.path
    begin = f"<{path}?{urlencode(rest)}{'&' if rest else ''}limit={limit}&offset="
    links = [f'{begin}{at}>; rel="{name}"' for name, at in places.items()]
    return raw(body, 200, X_Total_Count=str(total), Link=", ".join(links))


def faults(*more: int) -> dict[int | str, dict[str, Any]]:
    """The faults that a call may answer: what every call may, and these."""
    return {status: _fault(status) for status in sorted({400, 401, 403, 408, 413, 415, 429, 500, 503, *more})}


def _fault(status: int) -> dict[str, Any]:
    slug, title = TITLES[status]
    example = {
        "type": TYPES + slug,
        "title": title,
        "status": status,
        "detail": title,
        "instance": "/api/v1/scheduler/jobs",
    }
    return {
        "description": title,
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemView"}, "example": example}},
    }
