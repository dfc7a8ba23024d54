"""`kronstream retry` and `cancel`: executions by their ids, or all of a job that a filter means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from kronstream.cli.client.connection import Api
from kronstream.cli.client.door import through_api
from kronstream.cli.client.exits import Exit, Failure
from kronstream.cli.client.names import job_id, run_path
from kronstream.cli.client.options import TIMEOUT, complete_jobs
from kronstream.cli.history import STATUSES
from kronstream.cli.instants import When
from kronstream.cli.operation import awaited
from kronstream.cli.pursuit import Pursuit, ended, outcome

FILTERS = (
    click.option("--job", help="Of this job, all that the other options mean.", shell_complete=complete_jobs),
    click.option("--status", type=click.Choice(STATUSES), help="With --job: only those of this status."),
    click.option("--from", "begin", type=When(ago=True), help="With --job: due then or later; 2h is two hours ago."),
    click.option("--to", "end", type=When(ago=True), help="With --job: due then or earlier."),
    click.option("--dry-run", is_flag=True, help="With --job: only count them."),
)


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(FILTERS):
        command = option(command)
    return command


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@_filters
@click.option("-w", "--wait", is_flag=True, help="Wait until it is over; exit code 1 unless all succeeded.")
@TIMEOUT
@through_api
def retry(api: Api, runs: tuple[str, ...], wait: bool, timeout: float, **wanted: Any) -> None:
    """Do executions again: RUNs by their ids, or those of a job (--job, --status, --from, --to).

    A new execution, linked to the old one, has the same payload and due instant; its id is printed.
    """
    if _by_filter(runs, wanted):
        _many(api, "retry", wanted, wait, timeout)
        return

    def one(run: str) -> None:
        new = api.post(f"{run_path(run)}/retry", about=run)["execution_id"]
        click.echo(new)
        if wait:
            found = Pursuit(api, new, timeout).until_over(lambda _: None)
            ended(found)
            click.echo(outcome(found), err=True)

    each(runs, one)


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@_filters
@click.option("-w", "--wait", is_flag=True, help="Wait until they are over.")
@TIMEOUT
@through_api
def cancel(api: Api, runs: tuple[str, ...], wait: bool, timeout: float, **wanted: Any) -> None:
    """Cancel executions that are not over: RUNs by their ids, or those of a job (--job, --status, --from, --to).

    The handler of one that runs is told to end.
    """
    if _by_filter(runs, wanted):
        _many(api, "cancel", wanted, wait, timeout)
        return

    def one(run: str) -> None:
        said = api.post(f"{run_path(run)}/cancel", about=run)["message"]
        if wait:
            found = Pursuit(api, run, timeout).until_over(lambda _: None)
            said = f"is over: {found['status']}"
        click.echo(f"{run}: {said}")

    each(runs, one)


def each(names: tuple[str, ...], act: Callable[[str], None]) -> None:
    """Does it with every one of them; the failures are told, and the last one's exit code is the command's."""
    failed: Failure | None = None
    for name in names:
        try:
            act(name)
        except Failure as failure:
            if failed is not None:
                failed.show()
            failed = failure
            if failure.exit_code in (Exit.UNREACHABLE, Exit.DENIED):
                break
    if failed is not None:
        raise failed


def _by_filter(runs: tuple[str, ...], wanted: dict[str, Any]) -> bool:
    given = any(wanted.values())
    if bool(runs) == given or (given and not wanted["job"]):
        raise click.UsageError("write the ids of executions, or --job with --status, --from, --to; one of the two")
    return given


def _many(api: Api, verb: str, wanted: dict[str, Any], wait: bool, timeout: float) -> None:
    names = {"status": "status", "begin": "from", "end": "to", "dry_run": "dry_run"}
    body = {"job": job_id(api, wanted["job"])}
    body |= {name: wanted[flag] for flag, name in names.items() if wanted[flag]}
    answer = api.post(f"/executions:{verb}", body, about=wanted["job"])
    count = answer["count"]
    many = f"{count} execution{'' if count == 1 else 's'} of {wanted['job']}"
    if wanted["dry_run"]:
        click.echo(f"{many}; nothing was done (dry run)")
        return
    click.echo(f"{many}: operation {answer['operation_id']}")
    if wait and count:
        awaited(api, answer["operation_id"], timeout)
