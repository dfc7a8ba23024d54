"""What went wrong, as RFC 9457 says it: application/problem+json for every fault."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

PROBLEM_TYPE = "application/problem+json"
TYPES = "https://kronstream.dev/problems/"
RETRY = 5
"""Seconds after which what is away may be there again."""

TITLES = {
    400: ("invalid", "The request cannot be used"),
    401: ("unauthenticated", "It is not known who calls"),
    403: ("forbidden", "A right is missing"),
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "This is not done here"),
    406: ("not-acceptable", "Only JSON is answered"),
    408: ("too-slow", "The request came too slowly"),
    409: ("conflict", "It cannot be done now"),
    413: ("too-large", "The request is too large"),
    415: ("unsupported-type", "The content is of a type that is not read here"),
    429: ("too-many-requests", "Too many requests"),
    500: ("unforeseen", "Something unforeseen happened"),
    503: ("unavailable", "Something that is needed is away"),
}


class Problem(Exception):  # noqa: N818 - an answer
    """An answer that tells a fault; ``errors`` are (field, message), ``headers`` go with it."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def invalid(field: str, message: str) -> Problem:
    """One field that cannot be used."""
    return Problem(400, f"{field}: {message}" if field else message, [(field, message)])


def away(detail: str, seconds: int = RETRY) -> Problem:
    """Something is away; the same may be asked again."""
    return Problem(503, detail, headers={"Retry-After": str(seconds)})


def rendered(problem: Problem, instance: str) -> Response:
    """The answer; ``instance`` is the path that was asked for."""
    slug, title = TITLES.get(problem.status) or ("other", HTTPStatus(problem.status).phrase)
    content: dict[str, Any] = {
        "type": TYPES + slug,
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
    }
    if problem.errors:
        content["errors"] = [{"field": field, "message": message} for field, message in problem.errors]
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(body, problem.status, problem.headers, PROBLEM_TYPE)
