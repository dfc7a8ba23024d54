"""Options that several of these commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from kronstream.cli.instants import Span

FORMATS = ("table", "wide", "json", "yaml", "name")
COMPLETED = 200


def output_option(*formats: str) -> Callable[[Any], Any]:
    """`-o`; the first format is the default."""
    chosen = formats or FORMATS
    return click.option(
        "-o", "--output", "form", type=click.Choice(chosen), default=chosen[0], show_default=True, help="How to print."
    )


def complete_jobs(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names of jobs that begin so; none where the API does not answer."""
    from kronstream.cli.client.door import Place, reached

    names = ("server", "context", "namespace", "token_file", "as_account", "service", "ca_file")
    given = {name: ctx.params[name] for name in names if ctx.params.get(name)}
    space, slash, _rest = begun.partition("/")
    try:
        with reached(Place(**given)) as api:
            namespace = space if slash else api.namespace
            rows, _total = api.rows("/jobs", {"namespace": namespace}, COMPLETED)
    except click.ClickException:
        return []
    found = [f"{row['namespace']}/{row['resource_name']}" if slash else row["resource_name"] for row in rows]
    return [CompletionItem(name) for name in sorted(found) if name.startswith(begun)]


TIMEOUT = click.option(
    "--timeout", type=Span(), default="0s", help="Wait no longer than this, such as 90s.  [default without end]"
)
JOB = click.argument("job", shell_complete=complete_jobs)
JOBS = click.argument("jobs", nargs=-1, metavar="[JOB]...", shell_complete=complete_jobs)
