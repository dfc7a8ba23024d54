"""The limit of an API on FastAPI and uvicorn: routes that answer bytes which are there already.

``python -m benchmarks.bareapi PORT SIZE...`` serves a route ``/SIZE`` for every size of a body in bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvicorn
from fastapi import FastAPI, Response

JSON = "application/json"


def reader(body: bytes) -> Callable[[], Coroutine[Any, Any, Response]]:
    """A route that answers a body."""

    async def read() -> Response:
        return Response(body, media_type=JSON)

    return read


def writer(answer: bytes) -> Callable[[dict[str, Any]], Coroutine[Any, Any, Response]]:
    """A route that takes a JSON object and answers a body."""

    async def write(body: dict[str, Any]) -> Response:
        del body
        return Response(answer, media_type=JSON)

    return write


def application(sizes: list[int]) -> FastAPI:
    """Routes for these sizes, GET and POST."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/readyz", reader(b"{}"))
    for size in sizes:
        body = b'"' + b"x" * (size - 2) + b'"'
        app.add_api_route(f"/{size}", reader(body), methods=["GET"])
        app.add_api_route(f"/{size}", writer(body), methods=["POST"])
    return app


if __name__ == "__main__":
    port, *sizes = map(int, sys.argv[1:])
    uvicorn.run(application(sizes), host="127.0.0.1", port=port, loop="uvloop", log_config=None, access_log=False)
