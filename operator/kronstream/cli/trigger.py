"""`kronstream trigger`: an event by hand, and what each EventHandler made of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kronstream.cli.eventargs import event_from, event_options
from kronstream.cli.options import settings_from
from kronstream.logs import masked
from kronstream.settings import IngestSettings, RedisSettings, RouterSettings

if TYPE_CHECKING:
    from kronstream.domain.event import Event
    from kronstream.operations.eventhandlers import Hearers
    from kronstream.operations.triggered import Answer


@click.command()
@event_options("/kronstream/trigger")
@click.option("--stream", help="The stream whose handlers are meant.  [KRONSTREAM_EVENT_STREAM; default stream:events]")
@click.option("--redis-url", help="Where Redis is.  [KRONSTREAM_REDIS_URL; default redis://127.0.0.1:6379/0]")
@click.option("--dry-run", is_flag=True, help="Make nothing; tell what would be made.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def trigger(
    event_type: str,
    event_id: str | None,
    stream: str | None,
    redis_url: str | None,
    dry_run: bool,
    output: str,
    **about: Any,
) -> None:
    """Let an event of TYPE have its effects now, and tell what each EventHandler made of it.

    EventHandlers are read from the cluster of KUBECONFIG. The event goes through no stream: it has the same effects as
    if it had come by one, filters, limits and all. Those that it is for are told in the order in which they act; below
    them those that mean its type, and why they were not asked.

    Exit codes: 0 it was had, 1 Redis or the cluster did not answer, 2 it is no event.
    """
    event = event_from(event_type, event_id, about)
    place = settings_from(IngestSettings, {"event_stream": stream}).stream
    redis = settings_from(RedisSettings, {"redis_url": redis_url})
    answers = _answers(redis, place, event, dry_run)
    if output == "json":
        told = {
            "event": event.dump(),
            "dry_run": dry_run,
            "matched": [_shape(answer) for answer in answers if answer.matched],
            "apart": [_shape(answer) for answer in answers if not answer.matched],
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    _print_table(answers)
    matched = sum(answer.matched for answer in answers)
    click.echo(
        f"event {event.id}: {matched} handler{'' if matched == 1 else 's'} of {event.type}"
        f"{'; nothing was made (dry run)' if dry_run else ''}",
        err=True,
    )


def _answers(redis: RedisSettings, stream: str, event: Event, dry_run: bool) -> list[Answer]:
    from kronstream.operations import Refused

    try:
        return asyncio.run(_ask(redis, stream, event, dry_run))
    except Refused as refused:
        raise click.ClickException(str(refused)) from None
    except click.ClickException:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told in a line
        raise click.ClickException(
            f"no answer from {masked(redis.url)} ({type(error).__name__}: {masked(str(error))}); "
            "is KRONSTREAM_REDIS_URL right?"
        ) from None


async def _ask(settings: RedisSettings, stream: str, event: Event, dry_run: bool) -> list[Answer]:
    from kronstream.operations.trigger import Trigger
    from kronstream.streams.connection import connect
    from kronstream.streams.effects import RedisEffects
    from kronstream.streams.keys import Keys
    from kronstream.streams.requests import RedisRequests

    handlers = await _handlers()
    keys, redis = Keys(settings.base_stream), connect(settings.url)
    try:
        service = Trigger(RedisEffects(redis, keys, settings.group), RedisRequests(redis, keys, settings.group))
        return await service.fire(event, handlers, stream=stream, dry_run=dry_run)
    finally:
        await redis.aclose()


async def _handlers() -> Hearers:
    """As the API server has them."""
    from kronstream.cluster.api import ApiError, ClusterApi
    from kronstream.cluster.eventhandlers import EventHandlers
    from kronstream.operations.eventhandlers import Hearers, known

    settings = settings_from(RouterSettings, {})
    try:
        api = await ClusterApi.connect()
        try:
            objects = await EventHandlers(api, settings.namespaces).list_whole()
        finally:
            await api.close()
    except (ApiError, OSError, TimeoutError) as error:
        raise click.ClickException(f"EventHandlers cannot be listed: {error}") from None
    except Exception as error:  # noqa: BLE001 - a configuration that cannot be read, told in a line
        raise click.ClickException(f"the cluster cannot be used: {error}; is KUBECONFIG right?") from None
    return Hearers(map(known, objects), settings.event_namespaces)


def _shape(answer: Answer) -> dict[str, Any]:
    raw = asdict(answer)
    raw["handler"] = f"{raw.pop('namespace')}/{raw.pop('name')}"
    return {name: raw[name] for name in ("handler", *raw) if raw[name] not in (None, "")}


def _print_table(answers: list[Answer]) -> None:
    rows: list[tuple[str, ...]] = [("HANDLER", "PRIORITY", "ACTION", "OUTCOME", "MADE", "WHY")]
    rows += [_row(answer) for answer in answers]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows if len(rows) > 1 else ():
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(answer: Answer) -> tuple[str, ...]:
    made = f"run {answer.run}" if answer.run else f"job {answer.job}" if answer.job else "-"
    outcome = f"{answer.outcome.value} before" if answer.before else answer.outcome.value
    handler = f"{answer.namespace}/{answer.name}"
    return handler, str(answer.priority), answer.action or "-", outcome, made, answer.why or "-"
