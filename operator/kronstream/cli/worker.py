"""`kronstream worker`: executes what was dispatched."""

from __future__ import annotations

from typing import Any

import click

from kronstream.cli.options import settings_from, settings_options
from kronstream.settings import WorkerSettings


@click.command()
@settings_options(WorkerSettings)
def worker(**flags: Any) -> None:
    """Run a worker: takes runs from the stream, executes their handlers, records how they ended.

    Handlers are functions decorated with @handler("name") in installed packages (entry-point group
    kronstream.handlers) and in what --handlers names. SIGTERM lets what runs end, within --grace.
    """
    settings = settings_from(WorkerSettings, flags)

    import uvloop

    from kronstream import logs
    from kronstream.worker.supervisor import Supervisor

    logs.configure(settings.log.log_format, settings.log.log_level)

    async def supervise() -> int:
        return await Supervisor(settings).run()

    try:
        raise SystemExit(uvloop.run(supervise()))
    except OSError as error:
        raise click.UsageError(f"the worker cannot start: {error}") from None
