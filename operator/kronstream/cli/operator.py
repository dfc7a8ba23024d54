"""``kronstream operator``: one replica of the operator."""

import os
import sys
from typing import Any

import click
import uvloop

from kronstream import logs
from kronstream.cli.options import settings_from, settings_options
from kronstream.cli.serving import serve
from kronstream.settings import OperatorSettings


@click.command()
@settings_options(OperatorSettings)
def operator(**flags: Any) -> None:
    """Watch ScheduledJobs, dispatch their runs when they are due, and keep their status true."""
    settings = settings_from(OperatorSettings, flags)
    logs.configure(settings.log.log_format, settings.log.log_level)

    async def run() -> int:
        from kronstream.controller.operator import Operator
        from kronstream.controller.spans import configured

        return await serve(
            f"operator {settings.replica}",
            lambda api, registry: Operator(settings, api, registry, configured(os.environ)),
            settings.metrics_port,
            settings.metrics_host,
        )

    sys.exit(uvloop.run(run()))
