"""`kronstream run`: a job, now."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from kronstream.cli import columns
from kronstream.cli.client.connection import Api
from kronstream.cli.client.door import through_api
from kronstream.cli.client.names import job_path
from kronstream.cli.client.options import JOB, TIMEOUT, output_option
from kronstream.cli.printing import print_rows
from kronstream.cli.pursuit import Pursuit, Tail, ended, outcome

MAX_BYTES = 262_144


@click.command()
@JOB
@click.option("--payload", metavar="JSON|@FILE|-", help="Instead of the job's payload; - is standard input.")
@click.option("--merge", is_flag=True, help="Merge --payload into the job's (RFC 7396).")
@click.option("--trace", help="A trace id, kept with the run as it is.")
@click.option("-w", "--wait", is_flag=True, help="Wait until it is over; exit code 1 unless it succeeded.")
@click.option("-f", "--follow", is_flag=True, help="Wait, and print its output as it comes.")
@TIMEOUT
@output_option("name", "table", "json", "yaml")
@through_api
def run(
    api: Api,
    job: str,
    payload: str | None,
    merge: bool,
    trace: str | None,
    wait: bool,
    follow: bool,
    timeout: float,
    form: str,
) -> None:
    """Run JOB now, beside its schedule, and print the id of the run.

    JOB is NAMESPACE/NAME, NAME, or a job's id. With -f the output goes to standard output, and the id to standard
    error.
    """
    if merge and payload is None:
        raise click.UsageError("--merge says what to do with --payload; write one")
    body: dict[str, Any] = {"merge": True} if merge else {}
    if payload is not None:
        body["payload"] = json_of(payload, "--payload")
    if trace:
        body["trace_id"] = trace
    started = api.post(f"{job_path(api, job)}/run", body, about=job)
    name = started["execution_id"]
    if not (wait or follow):
        _print(api, name, form)
        return
    if follow or form == "name":
        click.echo(name, err=follow)
    found = Pursuit(api, name, timeout).until_over(Tail() if follow else lambda _: None)
    if not follow and form != "name":
        print_rows([found], columns.executions(), form, columns.run_name, "", one=True)
    if found["status"] == "success":
        click.echo(outcome(found), err=True)
    ended(found)


def _print(api: Api, name: str, form: str) -> None:
    if form == "name":
        click.echo(name)
        return
    print_rows([api.get(f"/executions/{name}")], columns.executions(), form, columns.run_name, "", one=True)


def json_of(given: str, flag: str) -> Any:
    """The JSON of an option: itself, @FILE, or - for standard input."""
    try:
        if given in ("-", "@-"):
            given = sys.stdin.buffer.read(MAX_BYTES + 1).decode()
        elif given.startswith("@"):
            with Path(given[1:]).open("rb") as file:
                given = file.read(MAX_BYTES + 1).decode()
        if len(given) > MAX_BYTES:
            raise click.UsageError(f"{flag} is larger than {MAX_BYTES} bytes")
        return json.loads(given, parse_constant=_refuse)
    except OSError as error:
        raise click.UsageError(f"{flag} {given[:200]}: {error.strerror}") from None
    except (UnicodeDecodeError, RecursionError):
        raise click.UsageError(f"{flag} is not JSON in UTF-8") from None
    except ValueError as error:
        raise click.UsageError(
            f"{flag} is not JSON: {error}; write it in quotes of the shell, like '{{\"days\": 30}}', or @FILE"
        ) from None


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")
