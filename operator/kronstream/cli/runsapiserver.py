"""`kronstream runs-apiserver`: one replica of the extension API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kronstream.cli.lasting import lasting
from kronstream.cli.options import settings_from, settings_options
from kronstream.runsapi.settings import RunsSettings

if TYPE_CHECKING:
    from kronstream.cli.lasting import Make


@click.command()
@settings_options(RunsSettings)
def runs_apiserver(**flags: Any) -> None:
    """Serve the records of runs as executions.runs.kronstream.dev, so that kubectl can get, create and delete them.

    kube-apiserver passes requests on to it (an APIService names it); nobody else is answered. Any number of replicas.
    """
    settings = settings_from(RunsSettings, flags)

    def made() -> Make:
        from kronstream.runsapi.server import RunsServer

        return lambda api, registry: RunsServer(settings, api, registry)

    lasting("runs-apiserver", settings, made, settings.metrics_port, settings.metrics_host)
