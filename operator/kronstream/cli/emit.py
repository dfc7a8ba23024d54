"""`kronstream emit`: one event, appended to a stream of events."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from kronstream.cli.eventargs import event_from, event_options
from kronstream.cli.options import settings_from
from kronstream.logs import masked
from kronstream.settings import IngestSettings, RedisSettings


@click.command()
@event_options("/kronstream/emit")
@click.option("--stream", help="Stream that it goes to.  [KRONSTREAM_EVENT_STREAM; default stream:events]")
@click.option("--redis-url", help="Where Redis is.  [KRONSTREAM_REDIS_URL; default redis://127.0.0.1:6379/0]")
@click.option("--dry-run", is_flag=True, help="Send nothing; tell what is wrong, or what would be sent.")
@click.option("-o", "--output", type=click.Choice(["id", "json"]), default="id", help="Print its id, or all of it.")
def emit(
    event_type: str,
    event_id: str | None,
    stream: str | None,
    redis_url: str | None,
    dry_run: bool,
    output: str,
    **about: Any,
) -> None:
    """Send an event of TYPE, such as workflow.completed, to the EventHandlers that listen for it.

    Prints the event's id.

    Exit codes: 0 it was sent, 1 Redis did not take it, 2 it is no event.
    """
    from kronstream.resources.cloudevent import write_event

    place = settings_from(IngestSettings, {"event_stream": stream}).stream
    redis = settings_from(RedisSettings, {"redis_url": redis_url})
    event = event_from(event_type, event_id, about)
    text = write_event(event)
    if not dry_run:
        _send(redis.url, place, text)
    click.echo(json.dumps(json.loads(text), ensure_ascii=False, indent=2) if output == "json" else event.id)


def _send(url: str, stream: str, text: str) -> None:
    from kronstream.ports import LogAway, StreamFault

    try:
        asyncio.run(_append(url, stream, text))
    except StreamFault as error:
        raise click.ClickException(str(error)) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told in a line
        said = str(error) if isinstance(error, LogAway) else f"{type(error).__name__}: {masked(str(error))}"
        raise click.ClickException(f"not sent to {masked(url)}: {said}; is KRONSTREAM_REDIS_URL right?") from None


async def _append(url: str, stream: str, text: str) -> None:
    from kronstream.streams.connection import connect
    from kronstream.streams.eventlog import RedisEventLog
    from kronstream.streams.keys import Keys

    redis = connect(url, connections=1)
    try:
        await RedisEventLog(redis, Keys()).append(stream, [text])
    finally:
        await redis.aclose()
