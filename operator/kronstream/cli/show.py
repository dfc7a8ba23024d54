"""`kronstream show` and `logs`: one execution, and what it printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from kronstream.cli.client.connection import Api
from kronstream.cli.client.door import through_api
from kronstream.cli.client.names import run_path
from kronstream.cli.client.options import TIMEOUT, output_option
from kronstream.cli.columns import job_name
from kronstream.cli.instants import lasted
from kronstream.cli.printing import print_fields, print_value
from kronstream.cli.pursuit import Pursuit, Tail, ended, shown


@click.command()
@click.argument("run")
@output_option("text", "json", "yaml")
@through_api
def show(api: Api, run: str, form: str) -> None:
    """Tell everything about RUN, an execution's id."""
    found = api.get(run_path(run), about=run)
    if form == "text":
        print_fields(_pairs(found))
    else:
        print_value(found, form)


@click.command()
@click.argument("run")
@click.option("-f", "--follow", is_flag=True, help="Print what comes, until the run is over.")
@TIMEOUT
@through_api
def logs(api: Api, run: str, follow: bool, timeout: float) -> None:
    """Print what RUN printed: the tail that its record keeps.

    With -f: until it is over, with exit code 1 unless it succeeded.
    """
    if follow:
        ended(Pursuit(api, run, timeout).until_over(Tail()))
        return
    text = api.get(run_path(run), about=run).get("output") or ""
    if text:
        click.echo(shown(text), nl=not text.endswith("\n"))


def _pairs(run: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "Run", run["id"]
    yield "Job", f"{job_name(run)} ({run['job_name']})"
    yield "Status", run["status"]
    yield "Reason", run["reason"]
    yield "Trigger", run["trigger"]
    yield "Attempt", f"{run['attempt']} of {run['max_attempts']}" if run["max_attempts"] else run["attempt"]
    yield "Due", run["scheduled_at"]
    yield "Started", run["started_at"]
    yield "Completed", run["completed_at"]
    yield "Duration", lasted(run["duration_ms"])
    yield "Worker", run["worker_id"]
    yield "Priority", run["priority"]
    yield "Platform", run["platform_id"]
    yield "Trace", run["trace_id"]
    yield "Retry of", run["retry_of"]
    yield "Requested by", run["requested_by"]
    yield "Progress", run["progress"]
    yield "Result", run["result"]
    error = run["error"] or {}
    yield "Error", ": ".join(str(error[name]) for name in ("type", "message") if error.get(name))
    yield "Traceback", error.get("traceback")
    for one in run["attempts"]:
        said = one["error"] or one["reason"]
        yield f"Attempt {one['number']}", f"{one['started_at']} on {one['worker_id']}: {said or 'no fault'}"
    yield "Output", run["output"]
