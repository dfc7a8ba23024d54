"""The watch: kopf in a thread and a loop of its own.

A relist of ten thousand objects keeps kopf's loop busy for seconds; the ticking loop must not stand behind it. When
kopf ends, for whatever reason, kopf alone is started anew.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any, cast

import kopf
from kopf._cogs.clients import errors as kopf_errors

from kronstream.cluster.resources import GROUP, VERSION
from kronstream.health import Pace, turn
from kronstream.vitals import WatchVitals

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
STUCK = 90.0  # seconds; the longest pause between two starts is no standstill
Observe = Callable[[str | None, Mapping[str, Any]], None]


def _nobody() -> None:
    """Stands where the watch puts who counts what it tells."""


class Inbox:
    """Hands events from kopf's thread to the ticking loop; one wake-up for as many as came."""

    def __init__(self, loop: asyncio.AbstractEventLoop, observe: Observe, relisted: Callable[[], None]) -> None:
        self._loop = loop
        self._observe = observe
        self._relisted = relisted
        self._events: deque[tuple[str | None, Mapping[str, Any]]] = deque()
        self._signalled = False
        self.gap = False
        self.told: Callable[[], None] = _nobody

    def __copy__(self) -> "Inbox":
        """kopf copies the memo for every object; this one is shared by all."""
        return self

    def put(self, kind: str | None, obj: Mapping[str, Any]) -> None:
        """Called in kopf's thread."""
        self.told()
        self._events.append((kind, obj))
        if not self._signalled:
            self._signalled = True
            self._loop.call_soon_threadsafe(self._drain)

    def missed(self) -> None:
        """The API server did not answer: what it tells afterwards may have a gap. Called in kopf's thread."""
        self.gap = True
        self._loop.call_soon_threadsafe(self._relisted)

    def _drain(self) -> None:
        self._signalled = False
        listed = False
        for _ in range(min(len(self._events), 50)):
            kind, obj = self._events.popleft()
            listed = listed or kind is None
            try:
                self._observe(kind, obj)
            except Exception:
                log.exception("an object could not be read: %s", (obj.get("metadata") or {}).get("name"))
        if listed:
            self._relisted()
        if self._events and not self._signalled:
            self._signalled = True
            # not at once: what is due comes between
            self._loop.call_later(0.001, self._drain)


class Endless:
    """Back-off that never ends: an API server may be away for as long as it likes. Calls ``failed`` at each failure."""

    def __init__(self, failed: Callable[[], None]) -> None:
        self._failed = failed

    def __iter__(self) -> Iterator[float]:
        for pause in chain((0.2, 0.5, 1, 2, 3), repeat(5)):
            yield pause
            self._failed()


class NoDiffs(kopf.DiffBaseStorage):
    """Keeps no last state and compares with none: kopf copies every object for that, and nothing here asks for it."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


def registry_for(plural: str, failed: Callable[[], None]) -> kopf.OperatorRegistry:
    """kopf's registry: the credentials, the settings and one handler, of the resources of this name."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> Any:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.startup(registry=registry)
    def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.networking.error_backoffs = Endless(failed)
        settings.peering.standalone = True
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.watching.chunk_size = 500
        settings.persistence.diffbase_storage = NoDiffs()

    @kopf.on.event(GROUP, VERSION, plural, registry=registry)
    async def observe(event: Any, memo: Any, **_: Any) -> None:
        memo.put(event["type"], event["object"])

    return registry


def _expected(record: logging.LogRecord) -> bool:
    """kopf warns that it does not handle signals here; the command does."""
    return "OS signals are ignored" not in record.msg


def _calm(record: logging.LogRecord) -> bool:
    """A request that is tried again is no error, and one line about an API server that is away is enough."""
    if "failed; will retry" in record.msg:
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return "attempt #1 failed" in record.msg
    return True


def _unanswered(record: logging.LogRecord) -> bool:
    """What the API server refuses ends kopf, and one line tells so; kopf would tell it by four tracebacks."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, kopf_errors.APIError)


class Watch:
    """Runs kopf until stopped, starting it anew whenever it ends.

    It watches the resources called ``plural``; ``vitals`` are told in its thread. The pace tells whether the thread is
    there and its loop turns, not whether the API server answers.
    """

    def __init__(self, inbox: Inbox, plural: str, namespaces: tuple[str, ...], vitals: WatchVitals) -> None:
        self._inbox = inbox
        self._plural = plural
        self._namespaces = namespaces
        self._vital = vitals.of(plural)
        inbox.told = self._vital.told
        self.pace = Pace(f"the watch of {plural}", STUCK)
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._stop = threading.Event()
        self._anew = False
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        logging.getLogger("kopf").setLevel(logging.WARNING)
        logging.getLogger("kopf._core.reactor.running").addFilter(_expected)
        for name in ("kopf._core.reactor.running", "kopf._core.reactor.orchestration"):
            logging.getLogger(name).addFilter(_unanswered)
        for name in ("kopf._cogs.clients.watching", "kopf._core.reactor.observation"):
            logging.getLogger(name).addFilter(_calm)
        self._thread.start()

    def stop(self) -> None:
        """Stop kopf and wait for its thread, five seconds at most."""
        self._stop.set()
        self._end()
        self.pace.rest()
        self._thread.join(timeout=5)

    def close_gap(self) -> None:
        """The API server answered with a list: kopf is started anew when it saw it away.

        By itself it would wait for what comes after the last version it knows, and hear nothing for as long as an
        etcd that was restored to an older copy takes to get there.
        """
        self._vital.listed()
        if self._inbox.gap:
            self._inbox.gap = False
            self._anew = True
            self._end()

    def _end(self) -> None:
        if self._running is not None:
            loop, flag = self._running
            with contextlib.suppress(RuntimeError):  # it ended meanwhile
                loop.call_soon_threadsafe(flag.set)

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            begin = time.monotonic()
            try:
                asyncio.run(self._operator())
            except Exception as error:  # noqa: BLE001 - whatever ended kopf, the ticker goes on and kopf starts anew
                log.warning("the watch of %s ended: %s", self._plural, error)
            if self._stop.is_set():
                return
            if self._anew:
                self._anew = False
                continue
            pause = FIRST_PAUSE if time.monotonic() - begin > 60 else min(pause * 2, LONGEST_PAUSE)
            self._vital.restarted()
            self.pace.on()
            log.warning("the watch of %s is started again in %.0f s", self._plural, pause)
            self._stop.wait(pause)

    async def _operator(self) -> None:
        stop_flag = asyncio.Event()
        self._running = asyncio.get_running_loop(), stop_flag
        if self._stop.is_set():
            return
        turning = asyncio.create_task(turn(self.pace))
        try:
            await kopf.operator(
                registry=registry_for(self._plural, self._inbox.missed),
                memo=self._inbox,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=stop_flag,
                standalone=True,
                # nobody asks for it; kopf would look for the user's name, which a user of a container may not have
                identity=cast("Any", "kronstream"),
            )
        finally:
            turning.cancel()
