"""`kronstream backfill`: runs for instants of the past."""

from __future__ import annotations

from typing import Any

import click

from kronstream.cli.client.connection import Api
from kronstream.cli.client.door import through_api
from kronstream.cli.client.names import job_path
from kronstream.cli.client.options import JOB, TIMEOUT, output_option
from kronstream.cli.instants import When
from kronstream.cli.operation import awaited
from kronstream.cli.printing import print_value


@click.command()
@JOB
@click.option("--from", "begin", type=When(ago=True), required=True, help="The first instant; 7d is seven days ago.")
@click.option("--to", "end", type=When(ago=True), required=True, help="The last instant; 0s is now.")
@click.option("--max-runs", type=click.IntRange(1, 10_000), help="Refuse more runs than these.  [default 10000]")
@click.option("--pace", metavar="DURATION", help="The least time between two starts, such as 10s.")
@click.option("--concurrent", type=click.IntRange(1, 1_000), help="How many may be unfinished at a time.  [default 1]")
@click.option("--dry-run", is_flag=True, help="Only tell what would run.")
@click.option("-w", "--wait", is_flag=True, help="Wait until all are over.")
@TIMEOUT
@output_option("text", "json", "yaml")
@through_api
def backfill(api: Api, job: str, begin: str, end: str, wait: bool, timeout: float, form: str, **more: Any) -> None:
    """Run JOB for the instants between --from and --to at which it would have been due.

    It goes on when this command has ended; the id of the operation is printed.
    """
    body = {"from": begin, "to": end} | {name: value for name, value in more.items() if value}
    answer = api.post(f"{job_path(api, job)}/backfill", body, about=job)
    if form != "text":
        print_value(answer, form)
    elif more["dry_run"]:
        _print_plan(answer)
    else:
        click.echo(answer["operation_id"])
    if wait and not more["dry_run"]:
        awaited(api, answer["operation_id"], timeout)


def _print_plan(answer: dict[str, Any]) -> None:
    """The instants, and how many there are."""
    instants, count = answer.get("instants") or [], answer["count"]
    for instant in instants:
        click.echo(instant)
    rest = f", the first {len(instants)} are shown" if len(instants) < count else ""
    click.echo(f"{count} run{'' if count == 1 else 's'}{rest}; nothing was started (dry run)", err=True)
