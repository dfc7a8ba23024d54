"""`kronstream pause` and `resume`."""

from __future__ import annotations

from typing import Any

import click

from kronstream.cli.again import each
from kronstream.cli.client.connection import Api, segment
from kronstream.cli.client.door import through_api
from kronstream.cli.client.names import job_path
from kronstream.cli.client.options import JOBS
from kronstream.cli.instants import When

QUEUES = click.option("--queue", "queues", multiple=True, metavar="NAME", help="A queue; repeatable.")


@click.command()
@JOBS
@QUEUES
@click.option("--reason", help="Why; for people.")
@click.option("--until", type=When(ago=False), help="When it ends by itself: an instant, or 2h from now.")
@through_api
def pause(api: Api, jobs: tuple[str, ...], queues: tuple[str, ...], reason: str | None, until: str | None) -> None:
    """Hold JOBs until they are resumed, or until an instant; or queues (--queue). Safe to repeat.

    The pause is kept beside the resource: what applies manifests does not end it. Nothing of a paused time runs later.
    """
    _some(jobs, queues)
    body: dict[str, Any] = {"reason": reason} if reason else {}
    body |= {"until": until} if until else {}

    def one(job: str) -> None:
        api.post(f"{job_path(api, job)}/pause", body, about=job)
        click.echo(f"{job} paused{f' until {until}' if until else ''}")

    def other(queue: str) -> None:
        api.post(f"/queues/{segment(queue)}/pause", body, about=f"queue {queue}")
        click.echo(f"queue {queue} paused")

    each(jobs, one)
    each(queues, other)


@click.command()
@JOBS
@QUEUES
@through_api
def resume(api: Api, jobs: tuple[str, ...], queues: tuple[str, ...]) -> None:
    """Let paused JOBs go on, or queues (--queue). Nothing runs retroactively. Safe to repeat."""
    _some(jobs, queues)

    def one(job: str) -> None:
        api.post(f"{job_path(api, job)}/resume", about=job)
        click.echo(f"{job} resumed")

    def other(queue: str) -> None:
        api.post(f"/queues/{segment(queue)}/resume", about=f"queue {queue}")
        click.echo(f"queue {queue} resumed")

    each(jobs, one)
    each(queues, other)


def _some(jobs: tuple[str, ...], queues: tuple[str, ...]) -> None:
    if not jobs and not queues:
        raise click.UsageError("write the jobs that are meant, or --queue NAME")
