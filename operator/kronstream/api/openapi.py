"""The OpenAPI 3.1 document: from the calls, completed with what all of them have in common."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from kronstream.api.answers import ProblemView, faults
from kronstream.api.links import link

ABOUT = (
    "Jobs, their executions and events over HTTP. A job made here is a ScheduledJob: kubectl sees it at once, and what "
    "kubectl applies is served here. Instants are RFC 3339 in UTC with milliseconds. Every fault is answered as "
    "application/problem+json (RFC 9457), with the field at fault and what to write instead."
)
OPEN = ("/complete",)


def document(app: FastAPI) -> dict[str, Any]:
    """The document; made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, summary="A scheduler for Kubernetes",
                           description=ABOUT, routes=app.routes)  # fmt: skip
        schemas = made["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        problem = ProblemView.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs", {})
        schemas["ProblemView"] = problem
        made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, calls in made["paths"].items():
            for method, call in calls.items():
                call["responses"].pop("422", None)
                if method == "post" and not path.endswith(OPEN):
                    # any may come with an Idempotency-Key that is taken
                    call["responses"].setdefault("409", faults(409)[409])
                call["responses"] = dict(sorted(call["responses"].items()))
                _headers(call["responses"])
                if not path.endswith(OPEN):
                    call["security"] = [{"token": []}]
        link(made)
        app.openapi_schema = made
    return app.openapi_schema


def _headers(responses: dict[str, Any]) -> None:
    for status in ("429", "503"):
        if status in responses:
            wait = {"description": "Seconds to wait before asking again.", "schema": {"type": "integer"}}
            responses[status]["headers"] = {"Retry-After": wait}
