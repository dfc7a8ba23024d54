"""`kronstream get`: jobs, executions, handlers, queues, workers, as the API tells them."""

from __future__ import annotations

from typing import Any

import click

from kronstream.cli import columns
from kronstream.cli.client.connection import PAGE, Api, segment
from kronstream.cli.client.door import through_api
from kronstream.cli.client.exits import Exit, Failure
from kronstream.cli.client.names import RUN, job_id, job_path, run_path
from kronstream.cli.client.options import complete_jobs, output_option
from kronstream.cli.history import print_history
from kronstream.cli.printing import print_rows

KINDS = {
    "jobs": ("job", "sched", "scheduledjob", "scheduledjobs"),
    "executions": ("execution", "runs", "run"),
    "handlers": ("handler", "eventhandler", "eventhandlers"),
    "queues": ("queue",),
    "workers": ("worker",),
}
MEANT = {alias: kind for kind, aliases in KINDS.items() for alias in (kind, *aliases)}
JOB_STATUSES = ("active", "paused", "completed", "failed", "invalid")


class Kind(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A kind, by any of its names."""

    name = "kind"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Its plural."""
        if value.lower() not in MEANT:
            self.fail(f"{value[:80]!r} is not known; write one of {', '.join(KINDS)}", param, ctx)
        return MEANT[value.lower()]

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:  # noqa: ARG002
        """The plurals."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(kind) for kind in KINDS if kind.startswith(incomplete)]


@click.command()
@click.argument("kind", type=Kind())
@click.argument("name", required=False, shell_complete=complete_jobs)
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Jobs or handlers of all namespaces.")
@click.option(
    "--status", help="Of this status: jobs active, paused, completed, failed, invalid; executions as in history."
)
@click.option("--type", "type", type=click.Choice(["cron", "once", "interval", "manual"]), help="Jobs that run so.")
@click.option("--tag", help="Jobs that have this tag.")
@click.option("--platform", "platform_id", help="Jobs of this platform.")
@click.option("--event", help="Handlers of this event.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=PAGE, show_default=True, help="How many at most.")
@output_option()
@through_api
def get(api: Api, kind: str, name: str | None, everywhere: bool, limit: int, form: str, **wanted: Any) -> None:
    """Show jobs, executions, handlers, queues or workers.

    KIND is jobs, executions, handlers, queues or workers (or what kubectl calls them). NAME is the one that is meant;
    of executions it is their job, or the id of one.
    """
    if kind == "executions":
        _executions(api, name, wanted["status"], limit, form)
    elif kind == "jobs" and name:
        job = api.get(job_path(api, name), about=name)
        print_rows([job], columns.jobs(namespaces=False), form, columns.job_name, "", one=True)
    elif kind == "jobs":
        _jobs(api, everywhere, limit, form, wanted)
    elif kind == "handlers":
        _handlers(api, name, wanted["event"], everywhere, limit, form)
    else:
        _few(api, kind, name, form)


def _jobs(api: Api, everywhere: bool, limit: int, form: str, wanted: dict[str, Any]) -> None:
    if wanted["status"] not in (None, *JOB_STATUSES):
        raise click.UsageError(f"--status {wanted['status'][:80]!r} is none of a job; write {', '.join(JOB_STATUSES)}")
    del wanted["event"]
    namespace = "*" if everywhere else api.namespace
    rows, total = api.rows("/jobs", {"namespace": namespace, **wanted}, limit)
    print_rows(rows, columns.jobs(namespaces=everywhere), form, columns.job_name, f"no such jobs {_where(namespace)}")
    tell_rest(len(rows), total)


def _executions(api: Api, name: str | None, status: str | None, limit: int, form: str) -> None:
    if not name:
        raise click.UsageError("write the job whose executions are meant, or the id of one")
    if RUN.fullmatch(name):
        run = api.get(run_path(name), about=name)
        print_rows([run], columns.executions(), form, columns.run_name, "", one=True)
    else:
        print_history(api, name, status, limit, form)


def _handlers(api: Api, name: str | None, event: str | None, everywhere: bool, limit: int, form: str) -> None:
    shown = columns.handlers(namespaces=everywhere)
    if name:
        handler = api.get(f"/event-handlers/{segment(job_id(api, name))}", about=name)
        print_rows([handler], shown, form, columns.kept_name, "", one=True)
        return
    namespace = "*" if everywhere else api.namespace
    rows, total = api.rows("/event-handlers", {"namespace": namespace, "event": event}, limit)
    print_rows(rows, shown, form, columns.kept_name, f"no such handlers {_where(namespace)}")
    tell_rest(len(rows), total)


def _few(api: Api, kind: str, name: str | None, form: str) -> None:
    """Queues and workers: told at once."""
    field = "name" if kind == "queues" else "consumer_name"
    rows = [row for row in api.get(f"/{kind}") if name in (None, row[field])]
    if name and not rows:
        raise Failure(Exit.NOT_FOUND, f"{name}: there is no such {kind.removesuffix('s')}")
    shown = columns.queues() if kind == "queues" else columns.workers()
    print_rows(rows, shown, form, lambda row: str(row[field]), f"no live {kind}", one=name is not None)


def _where(namespace: str) -> str:
    return "in all namespaces" if namespace == "*" else f"in namespace {namespace}"


def tell_rest(shown: int, total: int) -> None:
    """Says that there are more."""
    if shown < total:
        click.echo(f"{shown} of {total} shown; write --limit {total} for all", err=True)
