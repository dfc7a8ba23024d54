"""`kronstream pause` and `resume`."""

from __future__ import annotations

from typing import Any

import click

from kronstream.cli.again import each
from kronstream.cli.client.connection import Api
from kronstream.cli.client.door import through_api
from kronstream.cli.client.names import job_path
from kronstream.cli.client.options import JOBS
from kronstream.cli.instants import When


@click.command()
@JOBS
@click.option("--reason", help="Why; for people.")
@click.option("--until", type=When(ago=False), help="When it ends by itself: an instant, or 2h from now.")
@through_api
def pause(api: Api, jobs: tuple[str, ...], reason: str | None, until: str | None) -> None:
    """Hold JOBs until they are resumed, or until an instant. Safe to repeat.

    The pause is kept beside the resource: what applies manifests does not end it. Nothing of a paused time runs later.
    """
    body: dict[str, Any] = {"reason": reason} if reason else {}
    body |= {"until": until} if until else {}

    def one(job: str) -> None:
        api.post(f"{job_path(api, job)}/pause", body, about=job)
        click.echo(f"{job} paused{f' until {until}' if until else ''}")

    each(jobs, one)


@click.command()
@JOBS
@through_api
def resume(api: Api, jobs: tuple[str, ...]) -> None:
    """Let paused JOBs go on. Nothing runs retroactively. Safe to repeat."""

    def one(job: str) -> None:
        api.post(f"{job_path(api, job)}/resume", about=job)
        click.echo(f"{job} resumed")

    each(jobs, one)
