"""What stands outside the base path: probes, metrics, the document and its page."""

from __future__ import annotations

from fastapi import APIRouter, Request
from prometheus_client.exposition import choose_encoder
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from kronstream.api.page import POLICY, docs_page
from kronstream.api.problem import Problem

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz(request: Request) -> Response:
    """Whether this process is well; its neighbours are no matter."""
    well, text = request.app.state.services.healthy()
    return PlainTextResponse(f"{text}\n", 200 if well else 503)


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Whether calls can be answered, and a line that says why not."""
    well, text = request.app.state.services.ready()
    return PlainTextResponse(f"{text}\n", 200 if well else 503)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """For Prometheus, where it has no port of its own."""
    if not request.app.state.services.measured:
        raise Problem(404, "metrics are at a port of their own: that of KRONSTREAM_API_METRICS_PORT")
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(request.app.state.services.registry), media_type=content_type)


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The document as a page that needs nothing from elsewhere."""
    return HTMLResponse(docs_page(request.app.openapi()), headers={"Content-Security-Policy": POLICY})
