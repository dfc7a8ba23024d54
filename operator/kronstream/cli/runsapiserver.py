"""``kronstream runs-apiserver``: one replica of the extension API server."""

import sys
from typing import Any

import click
import uvloop

from kronstream import logs
from kronstream.cli.options import settings_from, settings_options
from kronstream.cli.serving import serve
from kronstream.runsapi.settings import RunsSettings


@click.command()
@settings_options(RunsSettings)
def runs_apiserver(**flags: Any) -> None:
    """Serve the records of runs as executions.runs.kronstream.dev, so that kubectl can get, create and delete them.

    kube-apiserver passes requests on to it (an APIService names it); nobody else is answered. Any number of replicas.
    """
    settings = settings_from(RunsSettings, flags)
    logs.configure(settings.log.log_format, settings.log.log_level)

    async def run() -> int:
        from kronstream.runsapi.server import RunsServer

        return await serve(
            "runs-apiserver",
            lambda api, registry: RunsServer(settings, api, registry),
            settings.metrics_port,
            settings.metrics_host,
        )

    sys.exit(uvloop.run(run()))
