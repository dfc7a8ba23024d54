"""The life of a process that runs until a signal: probes while it lives, an exit code when it ends."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry

from kronstream.health import Health, Pace, loop_pace, turn

if TYPE_CHECKING:
    from kronstream.cluster.api import ClusterApi

log = logging.getLogger("kronstream")

# requests are many and short-lived, jobs few and long-lived: look for garbage seldom, but never for long
COLLECT = (5_000, 20, 20)
SWITCH = 0.001  # seconds after which the thread of the watch lets go of the interpreter: what is due waits for it


class Part(Protocol):
    """What is served: it runs until it is cancelled, and tells whether it is ready, and whether it goes on at all."""

    paces: list[Pace]

    async def run(self) -> None:
        """Run until cancelled."""
        ...

    def ready(self) -> tuple[bool, str]:
        """For the readiness probe."""
        ...


async def serve(
    name: str, make: "Callable[[ClusterApi, CollectorRegistry], Part]", metrics_port: int, metrics_host: str
) -> int:
    """Make it, run it until SIGINT or SIGTERM; the exit code. ``name`` is for the log."""
    from kronstream.cluster.api import ClusterApi

    try:
        api = await ClusterApi.connect()
    except Exception as error:  # noqa: BLE001 - a configuration that cannot be read, told in a line
        text = " ".join(str(error).split()) or type(error).__name__
        told = "%s ends: the cluster cannot be used: %s; set KUBECONFIG to a file with a current context"
        log.error(told, name, text)  # noqa: TRY400 - where in the client it was found helps nobody
        return 1
    try:
        return await serve_alone(name, lambda registry: make(api, registry), metrics_port, metrics_host)
    finally:
        await api.close()


async def serve_alone(
    name: str, make: Callable[[CollectorRegistry], Part], metrics_port: int, metrics_host: str
) -> int:
    """The same for a part that has nothing to do with the cluster."""
    from kronstream.metrics import ProbeServer

    gc.set_threshold(*COLLECT)
    sys.setswitchinterval(SWITCH)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    registry = CollectorRegistry()
    part = make(registry)
    probes, pace = None, loop_pace()
    part.paces.append(pace)
    turning = asyncio.create_task(turn(pace))
    if metrics_port:
        probes = ProbeServer(registry, part.ready, Health(part.paces), port=metrics_port, host=metrics_host)
    log.info("%s starts", name)
    running = asyncio.create_task(part.run())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    failed = running.done() and not stop.is_set()
    running.cancel()
    stopping.cancel()
    turning.cancel()
    (outcome,) = await asyncio.gather(running, return_exceptions=True)
    if failed:
        log.error("%s ends: %r", name, outcome, exc_info=outcome if isinstance(outcome, Exception) else None)
    if probes is not None:
        probes.close()
    log.info("%s ends", name)
    return 1 if failed else 0
