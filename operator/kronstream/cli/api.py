"""``kronstream api``: the HTTP API."""

import sys
from typing import Any

import click
import uvloop

from kronstream import logs
from kronstream.api.settings import ApiSettings
from kronstream.cli.options import settings_from, settings_options
from kronstream.cli.serving import serve


@click.command()
@settings_options(ApiSettings)
def api(**flags: Any) -> None:
    """Serve jobs, their executions and events over HTTP, under the cluster's own RBAC.

    Any number of replicas serve the same. Probes and metrics are on the same port.
    """
    settings = settings_from(ApiSettings, flags)
    logs.configure(settings.log.log_format, settings.log.log_level)

    async def run() -> int:
        from kronstream.api.server import Server

        return await serve(f"api on port {settings.port}", lambda api, registry: Server(settings, api, registry), 0, "")

    sys.exit(uvloop.run(run()))
