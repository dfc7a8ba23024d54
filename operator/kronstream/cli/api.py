"""`kronstream api`: the HTTP API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kronstream.api.settings import ApiSettings
from kronstream.cli.lasting import lasting
from kronstream.cli.options import settings_from, settings_options

if TYPE_CHECKING:
    from kronstream.cli.lasting import Make


@click.command()
@settings_options(ApiSettings)
def api(**flags: Any) -> None:
    """Serve jobs, their executions and events over HTTP, under the cluster's own RBAC.

    Any number of replicas serve the same. Probes and metrics are on the same port, or on one of their own.
    """
    settings = settings_from(ApiSettings, flags)

    def made() -> Make:
        from kronstream.api.server import Server

        return lambda api, registry: Server(settings, api, registry)

    lasting(f"api on port {settings.port}", settings, made, settings.metrics_port, settings.address)
