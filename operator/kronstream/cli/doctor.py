"""`kronstream doctor`: looks at the installation, and says what to do."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kronstream.cli.client.exits import visible
from kronstream.cli.client.options import output_option
from kronstream.cli.options import settings_from, settings_options
from kronstream.cli.printing import print_value
from kronstream.settings import RedisSettings

if TYPE_CHECKING:
    from kronstream.cli.diagnosis import Finding

MARKS = {"ok": ("ok", "green"), "warning": ("look", "yellow"), "wrong": ("WRONG", "red")}


@click.command()
@settings_options(RedisSettings)
@click.option("--server", metavar="URL", help="Ask this API whether it is ready.  [KRONSTREAM_SERVER; default none]")
@click.option("--ca-file", metavar="FILE", envvar="KRONSTREAM_CA_FILE", help="Who may have signed its certificate.")
@output_option("table", "json", "yaml")
def doctor(server: str | None, ca_file: str | None, form: str, **flags: Any) -> None:
    """Check the installation: CRDs, rights, replicas, versions, clocks, Redis (and whose), workers, lag, letters.

    Redis and the cluster are asked themselves (KRONSTREAM_REDIS_URL, KUBECONFIG), so that it works where the API does
    not. What you may not look at is told, with the right that it takes.

    Exit codes: 0 nothing is wrong, 1 something is, 2 the command line cannot be used.
    """
    import asyncio

    settings = settings_from(RedisSettings, flags)
    findings = asyncio.run(_look(settings, server or os.environ.get("KRONSTREAM_SERVER"), ca_file))
    if form == "table":
        _print(findings)
    else:
        print_value([asdict(one) for one in findings], form)
    raise SystemExit(1 if _count(findings, "wrong") else 0)


def _print(findings: list[Finding]) -> None:
    for one in findings:
        mark, colour = MARKS[one.level]
        click.echo(f"{click.style(f'{mark:7}', fg=colour)}{one.area}: {visible(one.text)}")
        if one.do:
            click.echo(f"{'':9}{visible(one.do)}")
    click.echo(f"{_count(findings, 'wrong')} wrong, {_count(findings, 'warning')} to look at", err=True)


def _count(findings: list[Finding], level: str) -> int:
    return sum(one.level == level for one in findings)


async def _look(settings: RedisSettings, server: str | None, ca_file: str | None) -> list[Finding]:
    from kronstream.cli.checks import cluster, door, store
    from kronstream.settings import RouterSettings

    found = await cluster.examined()
    of_api = [door.examined(server, ca_file)] if server else []
    group = settings_from(RouterSettings, {}).readers
    return [*found.findings, *of_api, *await store.examined(settings, group, found)]
