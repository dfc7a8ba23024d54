"""The loop process: takes runs and executes async handlers; started, watched and stopped by the supervisor.

Its first message tells everything it has to know (never its command line, which others may read). After that:
`go`, `cancel`, `lost`, `handed` and `drain` from the supervisor; `ready` or `refused` to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Coroutine
from typing import Any, NoReturn

import uvloop

from kronstream import logs
from kronstream.ports import WorkerCard
from kronstream.rooms import end
from kronstream.settings import RedisSettings, TypeSettings
from kronstream.worker import output, traces, wire
from kronstream.worker.children import Children, Crashed
from kronstream.worker.consumer import Consumer
from kronstream.worker.discovery import LoadError, load
from kronstream.worker.elsewhere.listener import Listener
from kronstream.worker.limits import Limits
from kronstream.worker.registry import Registry
from kronstream.worker.services import Cluster, Services
from kronstream.worker.slate import TICK, Slate
from kronstream.worker.store import opener
from kronstream.worker.types import built_in

LAST_WORD = 0.5  # seconds that what is cancelled may take to end
TICK_EVERY = 0.1  # seconds
COUNT_EVERY = 1.0  # seconds
REFUSED = 2  # exit code

log = logging.getLogger(__name__)


def main() -> None:
    """Entry of the process; its arguments are the descriptors of the socket and of the slate."""
    sock = socket.socket(fileno=int(sys.argv[1]))
    hello = wire.receive(sock)
    if hello is None:
        raise SystemExit(1)
    wire.die_with(hello["parent"])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave_it_to_the_supervisor)
    logs.configure(hello["log_format"], hello["log_level"])
    slate = Slate(hello["slots"], int(sys.argv[2]))
    try:
        registry = load(hello["handlers"])
    except LoadError as error:
        wire.send(sock, {"refused": str(error)[:32_000]})
        raise SystemExit(REFUSED) from None
    output.route()
    gc.freeze()  # what is loaded stays: collections need not look at it
    _run(_serve(sock, hello, slate, registry))


def _run(serving: Coroutine[Any, Any, None]) -> NoReturn:
    """Run the loop and end the process with it, without waiting for handlers that are left, or for their threads."""
    code = 1
    try:
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serving)
        code = 0
    except BaseException:  # a handler may have stopped the loop
        log.exception("the worker's loop failed")
    finally:
        logging.shutdown()
        os._exit(code)


def _leave_it_to_the_supervisor(number: int, frame: object) -> None:
    """A function, not SIG_IGN: that would be inherited by the programs that handlers start."""


async def _serve(sock: socket.socket, hello: dict[str, Any], slate: Slate, registry: Registry) -> None:
    store = opener(hello["store"])(RedisSettings(**hello["redis"]), hello["block_ms"])
    services = Services(Cluster(), store.externals, store.wires, TypeSettings(**hello["types"]))
    kinds = built_in(services)
    for kind in kinds:
        registry.add_type(kind)
    card = WorkerCard(**{**hello["card"], "functions": registry.names})
    names = ("handlers", "log_format", "log_level")
    children = Children({name: hello[name] for name in names})
    spans = traces.configured(os.environ)
    consumer = Consumer(
        store.queue, card, registry, children, slate,
        batch_size=hello["batch_size"], block_ms=hello["block_ms"], cancel_grace=hello["cancel_grace"],
        externals=store.externals, limits=Limits.of(hello["limits"]), traces=spans,
        serves=hello["serves"],
    )  # fmt: skip
    types = services.settings
    listener = Listener(
        store.wires, store.externals, registry, types.reply_stream, card.consumer, block_ms=hello["block_ms"]
    )
    _tick(asyncio.get_running_loop(), slate)
    reader, writer = await asyncio.open_connection(sock=sock)
    writer.write(wire.frame({"ready": registry.names}))
    starting = asyncio.create_task(_start(children, registry))
    # beside the group, which would wait for them
    works = (listener.listen(), listener.take_back(), _count_on(consumer, writer))
    listening = {asyncio.create_task(work) for work in works}
    async with asyncio.TaskGroup() as tasks:  # noqa: TID251 - it ends by draining, and the supervisor kills what does not
        tasks.create_task(consumer.run())
        obeying = tasks.create_task(_obey(reader, consumer, tasks))
        await consumer.drained.wait()
        obeying.cancel()
    await end(listening, LAST_WORD)
    writer.write(wire.frame({"tally": consumer.tally.dump()}))
    starting.cancel()
    await children.close()
    if spans is not None:
        await spans.close()
    for closing in (*(kind.close() for kind in kinds), services.cluster.close(), store.close()):
        with contextlib.suppress(Exception):
            await closing


def _tick(loop: asyncio.AbstractEventLoop, slate: Slate) -> None:
    slate[TICK] = time.monotonic_ns()
    loop.call_later(TICK_EVERY, _tick, loop, slate)


async def _count_on(consumer: Consumer, writer: asyncio.StreamWriter) -> NoReturn:
    """Tell the supervisor what was counted, for its metrics."""
    while True:
        await asyncio.sleep(COUNT_EVERY)
        if consumer.tally.changed:
            writer.write(wire.frame({"tally": consumer.tally.dump()}))


async def _start(children: Children, registry: Registry) -> None:
    """Have the processes for sync handlers ready before the first run needs one."""
    if not all(function.is_async for function in registry):
        try:
            await children.start()
        except (Crashed, OSError) as error:
            log.warning("%s", error)  # told again by every run that needs one


async def _obey(reader: asyncio.StreamReader, consumer: Consumer, tasks: asyncio.TaskGroup) -> None:  # noqa: TID251
    """Follow the supervisor."""
    while (message := await wire.read(reader)) is not None:
        if "go" in message:
            consumer.open(now=message["go"])
        for token, why in message.get("cancel", {}).items():
            consumer.cancel(token, why)
        for token in message.get("lost", ()):
            consumer.lost(token)
        if message.get("handed"):
            consumer.handed()
        if "drain" in message:
            tasks.create_task(consumer.drain(message["drain"] / 1000))
    os._exit(1)  # the supervisor is gone; its kernel-side leash is about to do the same
