"""``kronstream router``: one of the processes that act on events."""

import sys
from typing import Any

import click
import uvloop

from kronstream import logs
from kronstream.cli.options import settings_from, settings_options
from kronstream.cli.serving import serve
from kronstream.settings import RouterSettings


@click.command()
@settings_options(RouterSettings)
def router(**flags: Any) -> None:
    """Watch EventHandlers, read the streams that they name, and do about each event what they say.

    A process of its own: however many events come, what is due by schedule does not wait behind them. Any number of
    routers share the work.
    """
    settings = settings_from(RouterSettings, flags)
    logs.configure(settings.log.log_format, settings.log.log_level)

    async def run() -> int:
        from kronstream.events.router import Router

        return await serve(
            f"router {settings.consumer_name}",
            lambda api, registry: Router(settings, api, registry),
            settings.metrics_port,
            settings.metrics_host,
        )

    sys.exit(uvloop.run(run()))
