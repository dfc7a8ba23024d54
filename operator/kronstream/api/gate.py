"""What every request passes on its way in, and every answer on its way out, round the application."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from kronstream.api import idempotency
from kronstream.api.departure import Departure
from kronstream.api.faults import problem_of
from kronstream.api.intake import MAX_BYTES, Left, judge_json, read_body
from kronstream.api.measures import Measures
from kronstream.api.problem import Problem, away, rendered
from kronstream.api.services import Services
from kronstream.domain.trace import named
from kronstream.ports.reviews import Caller

log = logging.getLogger(__name__)
audit = logging.getLogger("kronstream.audit")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BASE = "/api/v1/scheduler"
EVENTS = f"{BASE}/events"
STREAM = f"{BASE}/stream"
CALLBACK = re.compile(rf"{BASE}/executions/([0-9A-Za-z.-]{{1,120}})/complete")
RECEIVER = "token:"
BATCH_BYTES = 1_048_576
TIME_LIMIT = 30.0
BODY_LIMIT = 30.0
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
LEAVE = {"Retry-After": "1", "Connection": "close"}
STRICT = (b"strict-transport-security", b"max-age=31536000")


class Gate:
    """An ASGI application round another: who calls, how often, with what body, for how long, and whether before."""

    def __init__(self, app: App, services: Services) -> None:
        self._app = app
        self._services = services
        self._measures = Measures(services.registry)
        self._headers = [*HEADERS, *([STRICT] if services.secure else [])]
        self._places = services.concurrency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._headers)
        begin = time.perf_counter()
        self._measures.under_way.inc()
        try:
            await self._pass(scope, receive, answer)
        except Left:
            answer.status = 499
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) or not isinstance(error, Exception):
                raise
            await self._tell(scope, receive, answer, error)
        finally:
            self._measures.under_way.dec()
            self._measure(scope, answer.status, time.perf_counter() - begin)

    async def _pass(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        path: str = scope["path"]
        if not path.startswith(BASE):
            await self._app(scope, receive, answer)
            return
        if path == STREAM:  # these are counted apart
            await self._judged(scope, receive, answer)
            return
        if not self._places:
            raise Problem(503, "too many requests are under way; ask another replica, or again", headers=LEAVE)
        self._places -= 1
        try:
            await self._judged(scope, receive, answer)
        finally:
            self._places += 1

    async def _judged(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        path: str = scope["path"]
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if self._services.identity.open:
            _judge_neighbour(headers, self._services.origins)
        caller = await self._caller(scope, path, headers)
        if foreign := self._services.foreign():
            raise away(foreign)
        if path == STREAM:
            await self._app(scope, receive, answer)
            return
        body = await _whole(headers, receive, BATCH_BYTES if path == EVENTS else MAX_BYTES)
        if body and path != EVENTS:
            judge_json(headers.get("content-type", ""), body)
        try:
            await self._once(scope, receive, answer, headers, body, caller)
        except Left:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered, and what may have been done is told
            await self._tell(scope, receive, answer, error)
        if scope["method"] in WRITES:
            audit.info("%s %s %s %d", caller.name, scope["method"], _shown(scope), answer.status)

    async def _caller(self, scope: Scope, path: str, headers: dict[str, str]) -> Caller:
        address = str((scope.get("client") or ("?",))[0])
        called = CALLBACK.fullmatch(path) if scope["method"] == "POST" else None
        # the token of the run's attempt says enough
        caller = (
            Caller(f"{RECEIVER}{called[1]}")
            if called
            else await self._services.identity.caller(headers.get("authorization"), address)
        )
        scope.setdefault("state", {})["caller"] = caller
        scope["state"]["key"] = headers.get(idempotency.HEADER, "")
        if self._services.limit is not None:
            unknown = self._services.identity.open or called
            await self._services.limit.count(address if unknown else caller.name)
        return caller

    async def _once(
        self, scope: Scope, receive: Receive, answer: _Answer, headers: dict[str, str], body: bytes, caller: Caller
    ) -> None:
        """Let a request with a key be done once."""
        services = self._services
        target = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        # who has not the token of an attempt finds no key of its receiver
        who = (
            f"{caller.name}\x1f{headers.get('kronstream-token', '')}"
            if caller.name.startswith(RECEIVER)
            else caller.name
        )
        keyed = idempotency.keyed(headers, who, scope["method"], target, body)
        if keyed is None:
            await self._timed(scope, receive, answer, body)
            return
        known = await idempotency.begun(services.answers, keyed)
        if known is not None:
            await known(scope, receive, answer)
            return
        answer.keep = True
        try:
            await self._timed(scope, receive, answer, body)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered
            await self._tell(scope, receive, answer, error)
        allowed = scope["state"].get("allowed", False)
        try:
            await idempotency.ended(
                services.answers, keyed, answer.status, answer.headers, bytes(answer.body), allowed=allowed
            )
        finally:
            await answer.leave()

    async def _timed(self, scope: Scope, receive: Receive, answer: _Answer, body: bytes) -> None:
        """Run the application for 30 s at most; what only reads ends when its caller goes away."""
        gone = asyncio.Event()
        sent = False

        async def given() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        departure = Departure(receive, gone) if scope["method"] in ("GET", "HEAD") else None
        try:
            async with asyncio.timeout(TIME_LIMIT) as limit:
                await self._app(scope, given, answer)
        except asyncio.CancelledError:
            if departure is None or not departure.told():
                raise
            raise Left from None
        except TimeoutError:
            if not limit.expired():
                raise
            raise away(f"the request took longer than {TIME_LIMIT:.0f} s and was given up") from None
        finally:
            if departure is not None:
                departure.close()

    async def _tell(self, scope: Scope, receive: Receive, answer: _Answer, error: Exception) -> None:
        told = scope.get("state", {}).get("told", False)
        problem = problem_of(error) or (None if told else unforeseen(error))
        if problem is not None and not answer.begun:
            await rendered(problem, _shown(scope))(scope, receive, answer)

    def _measure(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "") or "none"
        method = scope["method"] if scope["method"] in METHODS else "other"
        told = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), None)
        self._measures.count(method, route, status, seconds, named(told))


class _Answer:
    """Sends an answer with the headers that every one has; with ``keep`` it stays here until ``leave``, so that whoever
    has it finds it kept."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._more = headers
        self.begun = False
        self.keep = False
        self.status = 500
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self._held: list[Message] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun, self.status = True, message["status"]
            given = list(message.get("headers", ()))
            names = {name.lower() for name, _ in given}
            more = [pair for pair in (*self._more, POLICY) if pair[0] not in names]
            message = {**message, "headers": [*given, *more]}
            if self.keep:
                self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in given}
        elif message["type"] == "http.response.body" and self.keep:
            self.body += message.get("body", b"")
        if self.keep:
            self._held.append(message)
        else:
            await self._send(message)

    async def leave(self) -> None:
        """Send what was held."""
        self.keep = False
        for message in self._held:
            await self._send(message)


async def _whole(headers: dict[str, str], receive: Receive, most: int) -> bytes:
    """The body of a request. Raises Problem, also where it comes too slowly, and Left."""
    try:
        async with asyncio.timeout(BODY_LIMIT):
            return await read_body(headers, receive, most)
    except TimeoutError:
        detail = f"the body was not there after {BODY_LIMIT:g} s; send it faster"
        raise Problem(408, detail, headers={"Connection": "close"}) from None


def unforeseen(error: BaseException) -> Problem:
    """What nobody foresaw: logged under an id, which is all that leaves."""
    number = uuid.uuid4().hex[:12]
    log.error("a request failed unforeseen (%s)", number, exc_info=error)
    return Problem(500, f"something unforeseen happened; the log tells more under {number}")


def _judge_neighbour(headers: dict[str, str], origins: tuple[str, ...]) -> None:
    """Without authentication no page of another origin may call through somebody's browser."""
    host = urlsplit(f"//{headers.get('host', '')}").hostname
    if host is not None and host not in LOOPBACK:
        raise Problem(403, "--auth none serves loopback addresses only; call localhost or 127.0.0.1")
    origin = headers.get("origin")
    if origin is not None and origin not in origins and _host(origin) not in LOOPBACK:
        raise Problem(403, "pages of this origin may not call; allow it with --cors-origin")


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""


def _shown(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    return raw.decode("ascii", "replace")[:400]
