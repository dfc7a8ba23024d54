"""`kronstream history`: a job's executions."""

from __future__ import annotations

import click

from kronstream.cli import columns
from kronstream.cli.client.connection import Api
from kronstream.cli.client.door import through_api
from kronstream.cli.client.names import job_path
from kronstream.cli.client.options import JOB, output_option
from kronstream.cli.printing import print_rows

STATUSES = ("queued", "running", "retrying", "success", "failed", "cancelled", "skipped", "dead")


@click.command()
@JOB
@click.option("--status", type=click.Choice(STATUSES), help="Only those of this status.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many at most.")
@output_option()
@through_api
def history(api: Api, job: str, status: str | None, limit: int, form: str) -> None:
    """Show the executions of JOB, the newest first.

    JOB is NAMESPACE/NAME, NAME, or a job's id.
    """
    print_history(api, job, status, limit, form)


def print_history(api: Api, job: str, status: str | None, limit: int, form: str) -> None:
    """A job's executions in a format."""
    rows, total = api.rows(f"{job_path(api, job)}/executions", {"status": status}, limit, about=job)
    print_rows(rows, columns.executions(), form, columns.run_name, f"{job} has no such executions")
    if len(rows) < total and form in ("table", "wide"):
        click.echo(f"{len(rows)} of {total} shown; write --limit {total} for all", err=True)
