"""`kronstream router`: one of the processes that act on events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kronstream.cli.lasting import lasting
from kronstream.cli.options import settings_from, settings_options
from kronstream.settings import RouterSettings

if TYPE_CHECKING:
    from kronstream.cli.lasting import Make


@click.command()
@settings_options(RouterSettings)
def router(**flags: Any) -> None:
    """Watch EventHandlers, read the streams that they name, and do about each event what they say.

    A process of its own: however many events come, what is due by schedule does not wait behind them. Any number of
    routers share the work.
    """
    settings = settings_from(RouterSettings, flags)

    def made() -> Make:
        from kronstream.events.router import Router

        return lambda api, registry: Router(settings, api, registry)

    lasting(f"router {settings.consumer_name}", settings, made, settings.metrics_port, settings.metrics_host)
