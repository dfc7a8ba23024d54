"""`kronstream top`: queues, workers, what is due soon and what fails, again and again."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from kronstream.cli import columns
from kronstream.cli.client.connection import Api
from kronstream.cli.client.door import through_api
from kronstream.cli.instants import Span
from kronstream.cli.printing import Column, print_table

SHOWN = 8
LOOKED_AT = 500
CLEAR = "\x1b[H\x1b[2J"


@click.command()
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Jobs of all namespaces.")
@click.option("--every", type=Span(), default="2s", show_default=True, help="How long between two looks.")
@click.option("--once", is_flag=True, help="Look once.")
@through_api
def top(api: Api, everywhere: bool, every: float, once: bool) -> None:
    """Show queues, workers, jobs that are due soon and jobs that fail; until Ctrl-C.

    Where no terminal is, once. Of the jobs the newest 500 are looked at. Queues and workers belong to the whole
    cluster: they take a right there.
    """
    once = once or not sys.stdout.isatty()
    while True:
        stats = api.get("/stats")
        jobs = _jobs(api, everywhere)
        if not once:
            click.echo(CLEAR, nl=False)
        _print(stats, jobs, everywhere)
        if once:
            return
        try:
            time.sleep(max(0.5, every))
        except KeyboardInterrupt:
            return


def _jobs(api: Api, everywhere: bool) -> list[dict[str, Any]]:
    return api.rows("/jobs", {"namespace": "*" if everywhere else api.namespace}, LOOKED_AT)[0]


def _print(stats: dict[str, Any], jobs: list[dict[str, Any]], everywhere: bool) -> None:
    click.echo(
        f"jobs: {_counts(stats['jobs'])}   runs: {_counts(stats['runs'])}   dead: {_counts(stats['dead_letters'])}"
    )
    names = sorted({lane["queue"] for lane in stats["queues"]})
    lanes = [{"name": name, "paused": None, "lanes": [one for one in stats["queues"] if one["queue"] == name]}
             for name in names]  # fmt: skip
    shown = [column for column in columns.queues() if not column.wide and column.title != "STATUS"]
    _part("QUEUES", lanes, shown)
    _part("WORKERS", stats["workers"], [column for column in columns.workers() if not column.wide])
    plain = [column for column in columns.jobs(namespaces=everywhere) if not column.wide]
    due = sorted((job for job in jobs if job["next_run"] and not job["paused"]), key=lambda job: str(job["next_run"]))
    _part("DUE SOON", due, plain)
    failing = sorted((job for job in jobs if job["failure_count"]), key=lambda job: -int(job["failure_count"]))
    _part("FAILING", failing, plain)


def _part(title: str, rows: list[dict[str, Any]], shown: list[Column]) -> None:
    click.echo(f"\n{title}{f' ({SHOWN} of {len(rows)})' if len(rows) > SHOWN else ''}")
    if rows:
        print_table(rows[:SHOWN], shown)
    else:
        click.echo("none")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "none"
