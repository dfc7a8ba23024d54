"""`kronstream top`: queues, workers, what is due soon and what fails, again and again."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from kronstream.cli import columns
from kronstream.cli.client.connection import Api
from kronstream.cli.client.door import through_api
from kronstream.cli.client.exits import Exit, Failure
from kronstream.cli.instants import Span
from kronstream.cli.printing import Column, print_table

SHOWN, FEWEST = 8, 1
LOOKED_AT = 500
CLEAR = "\x1b[H\x1b[2J"
OTHER_LINES = 14
"""Of a screen: the head, a blank line, a title and a header for each of the four parts, and where the cursor stays."""


@dataclass(frozen=True)
class Look:
    """What was seen at once: figures, the newest jobs, and how many jobs there are."""

    stats: dict[str, Any]
    jobs: list[dict[str, Any]]
    total: int


@click.command()
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Jobs of all namespaces.")
@click.option("--every", type=Span(), default="2s", show_default=True, help="How long between two looks.")
@click.option("--once", is_flag=True, help="Look once.")
@through_api
def top(api: Api, everywhere: bool, every: float, once: bool) -> None:
    """Show queues, workers, jobs that are due soon and jobs that fail; until Ctrl-C.

    Where no terminal is, once. Of more than 500 jobs the newest 500 are looked at, and the first line says so. Queues
    and workers belong to the whole cluster: they take the right `get stats`. An API that is away is asked again.
    """
    if once or not sys.stdout.isatty():
        _print(_look(api, everywhere), everywhere, SHOWN)
        return
    try:
        watch(api, everywhere, max(0.5, every))
    except KeyboardInterrupt:
        click.echo()


def watch(api: Api, everywhere: bool, every: float, pause: Callable[[float], None] = time.sleep) -> None:
    """Looks, and prints what it saw over what was there, until KeyboardInterrupt."""
    look: Look | None = None
    while True:
        away = ""
        try:
            look = _look(api, everywhere)
        except Failure as failure:
            if look is None or failure.exit_code != Exit.UNREACHABLE:
                raise
            away = failure.message
        click.echo(CLEAR, nl=False)
        if away:
            click.secho(f"{away}; asked again every {every:g} s, below is what was", fg="red")
        lines = shutil.get_terminal_size().lines - OTHER_LINES - bool(away)
        _print(look, everywhere, max(FEWEST, min(SHOWN, lines // 4)))
        pause(every)


def _look(api: Api, everywhere: bool) -> Look:
    stats = api.get("/stats")
    return Look(stats, *api.rows("/jobs", {"namespace": "*" if everywhere else api.namespace}, LOOKED_AT))


def _print(look: Look, everywhere: bool, most: int) -> None:
    stats, jobs = look.stats, look.jobs
    click.echo(
        f"jobs: {_counts(stats['jobs'])}   runs: {_counts(stats['runs'])}   dead: {_counts(stats['dead_letters'])}"
    )
    if look.total > len(jobs):
        click.echo(
            f"below: the newest {len(jobs)} of {look.total} jobs; {look.total - len(jobs)} are not looked at, -n "
            "NAMESPACE means fewer"
        )
    names = sorted({lane["queue"] for lane in stats["queues"]})
    lanes = [{"name": name, "paused": None, "lanes": [one for one in stats["queues"] if one["queue"] == name]}
             for name in names]  # fmt: skip
    shown = [column for column in columns.queues() if not column.wide and column.title != "STATUS"]
    _part("QUEUES", lanes, shown, most)
    _part("WORKERS", stats["workers"], [column for column in columns.workers() if not column.wide], most)
    plain = [column for column in columns.jobs(namespaces=everywhere) if not column.wide]
    coming = (job for job in jobs if job["next_run"] and not job.get("paused"))
    due = sorted(coming, key=lambda job: str(job["next_run"]))
    _part("DUE SOON", due, plain, most)
    failing = sorted((job for job in jobs if job["failure_count"]), key=lambda job: -int(job["failure_count"]))
    _part("FAILING", failing, plain, most)


def _part(title: str, rows: list[dict[str, Any]], shown: list[Column], most: int) -> None:
    click.echo(f"\n{title}{f' ({most} of {len(rows)})' if len(rows) > most else ''}")
    if rows:
        print_table(rows[:most], shown)
    else:
        click.echo("none")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "none"
