"""From a request to its answer: whose it is, what it is about, and which part does it."""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from redis.exceptions import RedisError

from kronstream.operations import Runs
from kronstream.ports import Listing
from kronstream.runsapi.changing import Changing
from kronstream.runsapi.discovery import ANSWERS
from kronstream.runsapi.measures import Measures
from kronstream.runsapi.names import PLURAL, ROOT
from kronstream.runsapi.objects import Object
from kronstream.runsapi.reading import Reading
from kronstream.runsapi.refusal import Refusal
from kronstream.runsapi.trust import Caller, Trust
from kronstream.runsapi.watching import Watching
from kronstream.runsapi.wish import Wish, form_of, switch, wish_of
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

PROBES = ("/healthz", "/livez", "/readyz")
MOST_WATCHES = 200
MOST_BODY = 262_144
CUT = '299 kronstream "more executions than are told at once: ask with a limit, and go on with metadata.continue"'
STORE_AWAY = (RedisError, OSError, TimeoutError)
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names: a collection (``name`` '') of a namespace (None: of all), or one execution."""

    namespace: str | None
    name: str


def target_of(path: str) -> Target | None:
    """The executions that a path names, None for any other path."""
    if not path.startswith(f"{ROOT}/"):
        return None
    parts = path.removeprefix(f"{ROOT}/").split("/")
    if parts == [PLURAL]:
        return Target(None, "")
    if len(parts) in (3, 4) and (parts[0], parts[2]) == ("namespaces", PLURAL):
        namespace, name = parts[1], parts[3] if len(parts) == 4 else ""
        sound = namespace and len(path) < 1_024 and path.isprintable() and (name or len(parts) == 3)
        return Target(namespace, name) if sound else None
    return None


class Answering:
    """Answers requests; ``trust`` is set and changed as the ConfigMap tells.

    ``unfit`` says what to change where Redis must not be used, or whose the data is where it is another installation's:
    nothing of it is told then.
    """

    def __init__(self, listing: Listing, runs: Runs, measures: Measures) -> None:
        self.trust: Trust | None = None
        self.unfit: Callable[[], str] = lambda: ""
        self.ending = asyncio.Event()
        self._listing = listing
        self._reading = Reading(listing)
        self._changing = Changing(listing, runs)
        self._watches = 0
        self._measures = measures
        self._trouble = Trouble(log, "requests are answered 503: Redis cannot be used")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Every request comes here; whatever goes wrong becomes a Status."""
        begin, verb = time.monotonic(), _verb(request)
        response = await self._judged(request)
        self._measures.answered(verb, response.status, time.monotonic() - begin)
        return response

    async def _judged(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except Refusal as refusal:
            return refused(refusal)
        except web.HTTPRequestEntityTooLarge:
            return refused(Refusal("RequestEntityTooLarge", f"a body may have {MOST_BODY} bytes"))
        except STORE_AWAY as error:
            if request.transport is None or request.transport.is_closing():
                return web.Response()  # the caller went away
            self._trouble.tell(error)
            return refused(Refusal("ServiceUnavailable", "executions cannot be read now: Redis is away; try again"))
        except Exception:
            log.exception("a request failed: %s %s", request.method, request.path[:200])
            return refused(Refusal("InternalError", "this is a fault of the extension API server; its log has more"))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        if path in PROBES:
            return self._probe()
        caller = self._caller(request)
        target = target_of(path)
        if target is not None:
            answer = await self._about_executions(request, target, caller)
            self._trouble.over()
            return answer
        if path not in ANSWERS:
            raise Refusal("NotFound", "the server could not find the requested resource")
        if request.method not in ("GET", "HEAD"):
            raise _method(request.method)
        return spoken(ANSWERS[path])

    def _probe(self) -> web.Response:
        if self.trust is None:
            return web.Response(status=503, text="it is not known yet how kube-apiserver is recognised\n")
        return web.Response(text="ok\n")

    def _caller(self, request: web.Request) -> Caller:
        if self.trust is None:
            raise Refusal("ServiceUnavailable", "it is not known yet how kube-apiserver is recognised; try again")
        transport = request.transport
        certificate = None if transport is None else transport.get_extra_info("peercert")
        return self.trust.caller(certificate, request.headers)

    async def _about_executions(self, request: web.Request, target: Target, caller: Caller) -> web.StreamResponse:
        ways: dict[tuple[str, bool], Callable[[], Awaitable[web.StreamResponse]]] = {
            ("GET", False): lambda: self._list(request, target),
            ("GET", True): lambda: self._get(request, target),
            ("POST", False): lambda: self._create(request, target, caller),
            ("DELETE", True): lambda: self._delete(request, target, caller),
        }
        way = ways.get((request.method, bool(target.name)))
        if way is None or (request.method == "POST" and target.namespace is None):
            raise _method(request.method)
        if unfit := self.unfit():
            raise Refusal("ServiceUnavailable", unfit)
        return await way()

    async def _get(self, request: web.Request, target: Target) -> web.Response:
        accept = request.headers.get("Accept", "")
        include = request.query.get("includeObject") or "Metadata"
        form = form_of(accept, several=False)
        return spoken(await self._reading.get(target.namespace or "", target.name, form, include))

    async def _list(self, request: web.Request, target: Target) -> web.StreamResponse:
        wish = wish_of(target.namespace, request.query, request.headers.get("Accept", ""))
        if switch(request.query, "watch"):
            return await self._watch(request, wish)
        told, cut = await self._reading.list(wish)
        return spoken(told, headers={"Warning": CUT} if cut else None)

    async def _create(self, request: web.Request, target: Target, caller: Caller) -> web.Response:
        if request.content_type not in (JSON, "application/octet-stream"):
            raise Refusal("UnsupportedMediaType", f"send {JSON}")
        body = await request.read()
        dry = _dry(request)
        made = await self._changing.create(target.namespace or "", body, caller.user, dry=dry)
        if not dry:
            log.info("%s started %s in %s", caller.user, made["metadata"]["name"], target.namespace)
        return spoken(made, 201)

    async def _delete(self, request: web.Request, target: Target, caller: Caller) -> web.Response:
        body = await request.read() if request.content_type == JSON else b""
        dry = _dry(request)
        told = await self._changing.delete(target.namespace or "", target.name, body, caller.user, dry=dry)
        if not dry:
            log.info("%s cancelled %s in %s", caller.user, target.name, target.namespace)
        return spoken(told)

    async def _watch(self, request: web.Request, wish: Wish) -> web.StreamResponse:
        if self._watches >= MOST_WATCHES:
            raise Refusal("TooManyRequests", f"{MOST_WATCHES} watches are open; try again later")
        self._watches += 1
        self._measures.watches.set(self._watches)
        try:
            watching = Watching(self._listing, wish)
            first = await watching.begin()
            response = web.StreamResponse(headers={"Content-Type": JSON, "Cache-Control": "no-store"})
            await response.prepare(request)
            try:
                await _tell(response, first)
                async for events in watching.go_on():
                    if self.ending.is_set() or request.transport is None or request.transport.is_closing():
                        break
                    await _tell(response, events)
                await response.write_eof()
            except Refusal as refusal:
                await _tell(response, [{"type": "ERROR", "object": refusal.status}])
                await response.write_eof()
            except (ConnectionError, ssl.SSLError):
                pass  # the caller went away
            return response
        finally:
            self._watches -= 1
            self._measures.watches.set(self._watches)


async def _tell(response: web.StreamResponse, events: list[Object]) -> None:
    if events:
        await response.write("".join(f"{_text(event)}\n" for event in events).encode())


def _text(value: Any) -> str:
    # ASCII: what a handler printed may hold half a surrogate pair, which no encoding takes
    return json.dumps(value, separators=(",", ":"))


def _verb(request: web.Request) -> str:
    """What a request asks for, for the metrics, as Kubernetes calls it."""
    target = target_of(request.path.rstrip("/"))
    if target is None:
        return "probe" if request.path in PROBES else "discovery" if request.path in ANSWERS else "other"
    if request.method == "GET" and not target.name:
        return "watch" if request.query.get("watch") in ("1", "true") else "list"
    return {"GET": "get", "POST": "create", "DELETE": "delete"}.get(request.method, "other")


def _dry(request: web.Request) -> bool:
    given = request.query.getall("dryRun", [])
    if any(one not in ("", "All") for one in given):
        raise Refusal("BadRequest", "dryRun: write All, or leave it out")
    return "All" in given


def _method(method: str) -> Refusal:
    return Refusal("MethodNotAllowed", f"{method[:20]} is not supported; executions are read, created and deleted")


def refused(refusal: Refusal) -> web.Response:
    """The answer that tells a refusal."""
    retry = {"Retry-After": "1"} if refusal.code in (429, 503) else None
    return spoken(refusal.status, refusal.code, retry)


def spoken(value: Object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.Response(
        text=_text(value), status=status, content_type=JSON, headers={"Cache-Control": "no-store", **(headers or {})}
    )
