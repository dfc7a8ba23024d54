"""`kronstream emit`: one event, sent to the API, or appended to a stream of events."""

from __future__ import annotations

import json
from typing import Any

import click

from kronstream.cli.client.door import Place, at_place, reached
from kronstream.cli.client.exits import Exit, Failure
from kronstream.cli.client.options import output_option
from kronstream.cli.eventargs import WHOSE, advised, event_from, event_options
from kronstream.cli.printing import print_value

STRUCTURED = "application/cloudevents+json"


@click.command()
@event_options("/kronstream/emit")
@click.option("--direct", is_flag=True, help="Ask no API: append it to the stream in Redis itself.")
@click.option("--stream", help="With --direct: where it goes.  [KRONSTREAM_EVENT_STREAM; default stream:events]")
@click.option(
    "--redis-url", help="Where Redis is; means --direct.  [KRONSTREAM_REDIS_URL; default redis://127.0.0.1:6379/0]"
)
@click.option("--dry-run", is_flag=True, help="Send nothing; tell what is wrong, or what would be sent.")
@output_option("name", "json", "yaml")
@at_place(WHOSE)
def emit(
    place: Place,
    event_type: str,
    event_id: str | None,
    direct: bool,
    stream: str | None,
    redis_url: str | None,
    dry_run: bool,
    form: str,
    **about: Any,
) -> None:
    """Send an event of TYPE, such as workflow.completed, to the EventHandlers that listen for it.

    Prints the event's id; with -o json or yaml the event. Sent again with the same --id and --source, it is the same
    event. --direct is for who has Redis and no API; rights are Redis' own then.
    """
    from kronstream.resources.cloudevent import write_event

    direct = direct or redis_url is not None
    if stream is not None and not direct:
        raise click.UsageError("--stream goes with --direct: the API has a stream of its own")
    where = _stream(stream, redis_url) if direct else ("", "")
    event = event_from(event_type, event_id, {**about, "namespace": place.namespace})
    text = write_event(event)
    if not dry_run and direct:
        _append(*where, text)
    elif not dry_run:
        with reached(place) as api, advised(place.namespace):
            api.post("/events", json.loads(text), about=event_type, media=STRUCTURED)
    if form == "name":
        click.echo(event.id)
    else:
        print_value(json.loads(text), form)


def _stream(stream: str | None, redis_url: str | None) -> tuple[str, str]:
    """The URL of Redis, and the stream's name."""
    from kronstream.cli.options import settings_from
    from kronstream.settings import IngestSettings, RedisSettings

    place = settings_from(IngestSettings, {"event_stream": stream})
    return settings_from(RedisSettings, {"redis_url": redis_url}).url, place.stream


def _append(url: str, stream: str, text: str) -> None:
    import asyncio

    from kronstream.logs import masked
    from kronstream.ports import LogAway, StreamFault
    from kronstream.streams.connection import connect
    from kronstream.streams.eventlog import RedisEventLog
    from kronstream.streams.keys import Keys

    async def append() -> None:
        redis = connect(url, connections=1)
        try:
            await RedisEventLog(redis, Keys()).append(stream, [text])
        finally:
            await redis.aclose()

    try:
        asyncio.run(append())
    except StreamFault as error:
        raise Failure(Exit.FAILED, str(error)) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told in a line
        said = str(error) if isinstance(error, LogAway) else f"{type(error).__name__}: {masked(str(error))}"
        raise Failure(
            Exit.UNREACHABLE, f"not sent to {masked(url)}: {said}; is --redis-url (KRONSTREAM_REDIS_URL) right?"
        ) from None
