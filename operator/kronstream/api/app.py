"""The application: every call, and how every fault is answered."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Match

from kronstream import __version__
from kronstream.api.faults import EXPECTED, of_validation, problem_of
from kronstream.api.gate import Gate, unforeseen
from kronstream.api.openapi import document
from kronstream.api.problem import Problem, rendered
from kronstream.api.routes import (
    complete,
    control,
    events,
    executions,
    figures,
    handlers,
    jobs,
    letters,
    many,
    probes,
    stream,
)
from kronstream.api.services import Services

ROUTERS = tuple(
    part.router for part in (jobs, control, executions, complete, many, events, handlers, figures, letters, stream)
)
EXPOSED = ("X-Total-Count", "Link", "Location", "Retry-After", "Idempotency-Replayed")


def create_app(services: Services) -> Any:
    """The ASGI application over these services."""
    app = routed()
    app.state.services = services
    gate: Any = Gate(app, services)
    if services.origins:
        return CORSMiddleware(
            gate,
            allow_origins=services.origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=EXPOSED,
            max_age=600,
        )
    return gate


def routed() -> FastAPI:
    """The calls alone, from which the OpenAPI document is made, too."""
    app = FastAPI(
        title="kronstream",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    # as routes of the application itself: to pass each request through a router first takes as long as its answer
    for router in (*ROUTERS, probes.router):
        app.router.routes.extend(router.routes)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    for kind in (Problem, *EXPECTED, Exception):
        app.add_exception_handler(kind, _answer)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _unreadable)
    return app


async def _answer(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem is None:
        problem = unforeseen(error)
        request.state.told = True
    answer = rendered(problem, _path(request))
    if problem.status == 405:
        answer.headers["Allow"] = ", ".join(_methods(request))
    return answer


def _methods(request: Request) -> list[str]:
    """What may be done with the path of a request, of all calls that have it: each has a route of its own."""
    routes = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in routes for method in getattr(route, "methods", None) or ()})


async def _unreadable(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    return rendered(of_validation(list(found)), _path(request))


def _path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode("utf-8", "replace")
    return raw.decode("ascii", "replace")[:400]
