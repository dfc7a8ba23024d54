"""What the commands share that run until a signal: what they need is imported when they run, not for their help."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from kronstream.cli.serving import Part
    from kronstream.cluster.api import ClusterApi

Make = Callable[["ClusterApi", "CollectorRegistry"], "Part"]


def lasting(
    name: str, settings: Any, make: Callable[[], Make], metrics_port: int = 0, metrics_host: str = ""
) -> NoReturn:
    """Logs as the settings say, serves until a signal, and ends the process. `make` imports the part."""
    import uvloop

    from kronstream import logs
    from kronstream.cli.serving import serve

    logs.configure(settings.log.log_format, settings.log.log_level)

    async def run() -> int:
        return await serve(name, make(), metrics_port, metrics_host)

    sys.exit(uvloop.run(run()))
