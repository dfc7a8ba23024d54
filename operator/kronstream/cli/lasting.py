"""What the commands share that run until a signal: what they need is imported when they run, not for their help."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from kronstream.cli.serving import Part
    from kronstream.cluster.api import ClusterApi

Make = Callable[["ClusterApi", "CollectorRegistry"], "Part"]
MakeAlone = Callable[["CollectorRegistry"], "Part"]


def lasting(
    name: str, settings: Any, make: Callable[[], Make], metrics_port: int = 0, metrics_host: str = ""
) -> NoReturn:
    """Logs as the settings say, serves until a signal, and ends the process. `make` imports the part."""
    from kronstream.cli.serving import serve

    _live(settings, lambda: serve(name, make(), metrics_port, metrics_host))


def alone(
    name: str, settings: Any, make: Callable[[], MakeAlone], metrics_port: int = 0, metrics_host: str = ""
) -> NoReturn:
    """The same for a part that has nothing to do with the cluster."""
    from kronstream.cli.serving import serve_alone

    _live(settings, lambda: serve_alone(name, make(), metrics_port, metrics_host))


def _live(settings: Any, served: Callable[[], Coroutine[Any, Any, int]]) -> NoReturn:
    import uvloop

    from kronstream import logs

    logs.configure(settings.log.log_format, settings.log.log_level)

    async def run() -> int:
        return await served()

    sys.exit(uvloop.run(run()))
