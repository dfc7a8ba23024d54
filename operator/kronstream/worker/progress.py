"""How far a run is: what its handler says of it, and how often that is written."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import logging
import math
import os
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

TEXT = 200  # characters
DATA = 1_024  # bytes of JSON
EVERY = 1.0  # seconds between two writes into a record
SPOKEN = 0.25  # seconds between two messages of a child
LAST = 2.0  # seconds that the last write may take when an attempt ends

log = logging.getLogger(__name__)


def report(done: float, text: str = "", data: Any = None) -> str:
    """Progress as JSON: `{"done": 0.5, "text": "…", "data": …}`, the latter two where there are any.

    Raises TypeError and ValueError, with what to write instead.
    """
    if isinstance(done, bool) or not isinstance(done, int | float):
        raise TypeError(f"progress of {done!r:.100}: not a number; give the share that is done, from 0 to 1")
    share = round(float(done), 4) if math.isfinite(done) else -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"progress of {done!r:.100}: give the share that is done, from 0 to 1, such as done / total")
    told: dict[str, Any] = {"done": share}
    if text:
        told["text"] = str(text)[:TEXT]
    if data is not None:
        told["data"] = data
    try:
        line = json.dumps(told, separators=(",", ":"), allow_nan=False)
        size = len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"the data of a progress is not JSON ({str(error)[:200]}); give text, numbers, lists, dicts"
        ) from None
    if size > DATA:
        raise ValueError(f"the data of a progress has {size} bytes of JSON and {DATA} are allowed; print the rest")
    return line


class Pace:
    """Writes the progress of one attempt at most once in EVERY seconds, and the last one at its end."""

    def __init__(self, write: Callable[[str], Awaitable[object]]) -> None:
        self._write = write
        self._latest: str | None = None
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def note(self, line: str) -> None:
        """The attempt is so far now."""
        if self._closing.is_set():
            return
        self._latest = line
        if self._writing is None or self._writing.done():
            # not a task of the attempt: what it does is not the handler's doing
            self._writing = asyncio.get_running_loop().create_task(self._keep_writing(), context=contextvars.Context())

    async def close(self) -> None:
        """Write what is not written yet; what is told later is dropped."""
        self._closing.set()
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=LAST)
            self._writing.cancel()

    async def _keep_writing(self) -> None:
        while self._latest is not None:
            line, self._latest = self._latest, None
            try:
                await self._write(line)
            except Exception as error:  # noqa: BLE001 - whatever the store says, the handler goes on
                log.debug("progress could not be written: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._closing.wait()


class Speaker:
    """Sends the progress of a child's run to the loop process: at once, of many the last in SPOKEN seconds."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._latest: str | None = None
        self._quiet_until = 0.0
        self._timer: threading.Timer | None = None
        self._open = True

    def tell(self, line: str) -> None:
        """Take note; from any thread, but not in a process that the handler forked."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._latest = line
            wait = self._quiet_until - time.monotonic()
            if wait <= 0:
                self._say()
            elif self._timer is None:
                self._timer = threading.Timer(wait, self._later)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Send what was not sent; nothing is sent after it. Leaves no thread behind."""
        with self._lock:
            self._say()
            self._open = False
            timer = self._timer
        if timer is not None:
            timer.cancel()
            timer.join()

    def _later(self) -> None:
        with self._lock:
            self._timer = None
            self._say()

    def _say(self) -> None:
        line, self._latest = self._latest, None
        if line is not None and self._open:
            self._quiet_until = time.monotonic() + SPOKEN
            self._send(line)
