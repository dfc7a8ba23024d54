"""``kronstream operator``: one replica of the operator."""

import asyncio
import gc
import logging
import signal
import sys
from typing import Any

import click
import uvloop
from prometheus_client import CollectorRegistry

from kronstream import logs
from kronstream.cli.options import settings_from, settings_options
from kronstream.settings import OperatorSettings

log = logging.getLogger("kronstream.operator")

# requests are many and short-lived, jobs few and long-lived: look for garbage seldom, but never for long
COLLECT = (5_000, 20, 20)
SWITCH = 0.001  # seconds after which the thread of the watch lets go of the interpreter: what is due waits for it


@click.command()
@settings_options(OperatorSettings)
def operator(**flags: Any) -> None:
    """Watch ScheduledJobs, dispatch their runs when they are due, and keep their status true."""
    settings = settings_from(OperatorSettings, flags)
    logs.configure(settings.log.log_format, settings.log.log_level)
    sys.exit(uvloop.run(_serve(settings)))


async def _serve(settings: OperatorSettings) -> int:
    from kronstream.cluster.api import ClusterApi
    from kronstream.controller.operator import Operator
    from kronstream.metrics import ProbeServer

    gc.set_threshold(*COLLECT)
    sys.setswitchinterval(SWITCH)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    registry = CollectorRegistry()
    api = await ClusterApi.connect()
    replica = Operator(settings, api, registry)
    probes = None
    if settings.metrics_port:
        probes = ProbeServer(registry, replica.ready, port=settings.metrics_port, host=settings.metrics_host)
    log.info("replica %s starts", settings.replica)
    running = asyncio.create_task(replica.run())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    failed = running.done() and not stop.is_set()
    running.cancel()
    stopping.cancel()
    (outcome,) = await asyncio.gather(running, return_exceptions=True)
    if failed:
        log.error("the operator ends: %r", outcome, exc_info=outcome if isinstance(outcome, Exception) else None)
    await api.close()
    if probes is not None:
        probes.close()
    log.info("replica %s ends", settings.replica)
    return 1 if failed else 0
