"""`kronstream operator`: one replica of the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kronstream.cli.lasting import lasting
from kronstream.cli.options import settings_from, settings_options
from kronstream.settings import OperatorSettings

if TYPE_CHECKING:
    from kronstream.cli.lasting import Make


@click.command()
@settings_options(OperatorSettings)
def operator(**flags: Any) -> None:
    """Watch ScheduledJobs, dispatch their runs when they are due, and keep their status true."""
    settings = settings_from(OperatorSettings, flags)

    def made() -> Make:
        import os

        from kronstream.controller.operator import Operator
        from kronstream.controller.spans import configured

        return lambda api, registry: Operator(settings, api, registry, configured(os.environ))

    lasting(f"operator {settings.replica}", settings, made, settings.metrics_port, settings.metrics_host)
