"""`kronstream emit`: one event, appended to a stream of events."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import click

from kronstream.cli.options import settings_from
from kronstream.logs import masked
from kronstream.settings import IngestSettings, RedisSettings

FLAGS = {
    "id": "--id",
    "source": "--source",
    "type": "TYPE",
    "subject": "--subject",
    "platformid": "--platform",
    "namespace": "--namespace",
    "traceid": "--trace",
    "data": "--data",
}


@click.command()
@click.argument("event_type", metavar="TYPE")
@click.option("--data", metavar="JSON|@FILE|-", help="The data, or the file that it is in (- is standard input).")
@click.option("--source", default="/kronstream/emit", show_default=True, help="Where it happened, a URI reference.")
@click.option("--subject", help="What it happened to.")
@click.option("--platform", help="Platform whose EventHandlers see it, beside the global ones.")
@click.option("--namespace", help="Namespace whose EventHandlers alone see it.")
@click.option("--trace", help="Trace that it belongs to.")
@click.option("--id", "event_id", help="Its id: the same id of the same source is the same event.  [default a new one]")
@click.option("--extension", "extensions", multiple=True, metavar="NAME=TEXT", help="A further attribute; repeatable.")
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
    place = settings_from(IngestSettings, {"event_stream": stream}).stream
    redis = settings_from(RedisSettings, {"redis_url": redis_url})
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()) if event_id is None else event_id,
        "type": event_type,
        "source": about["source"],
        **_extensions(about["extensions"]),
        **_given(about),
    }
    text = _text(event)
    if not dry_run:
        _send(redis.url, place, text)
    click.echo(json.dumps(json.loads(text), ensure_ascii=False, indent=2) if output == "json" else event["id"])


def _given(about: dict[str, Any]) -> dict[str, Any]:
    from kronstream.domain.event import instant

    found = {
        "time": instant(int(time.time() * 1_000)),
        "subject": about["subject"],
        "platformid": about["platform"],
        "namespace": about["namespace"],
        "traceid": about["trace"],
    }
    if about["data"] is not None:
        found |= {"datacontenttype": "application/json", "data": _data(about["data"])}
    return {name: value for name, value in found.items() if value is not None}


def _data(text: str) -> Any:
    from kronstream.resources.cloudevent import MAX_BYTES, Unreadable, parse

    try:
        if text in ("-", "@-"):
            text = sys.stdin.buffer.read(MAX_BYTES + 1).decode()
        elif text.startswith("@"):
            with Path(text[1:]).open("rb") as file:
                text = file.read(MAX_BYTES + 1).decode()
        return parse(text, MAX_BYTES)
    except OSError as error:
        raise click.UsageError(f"--data {text[:200]}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.UsageError("--data is not UTF-8") from None
    except Unreadable as error:
        advice = (
            "; write JSON in quotes of the shell, like '{\"days\": 30}', or @file" if error.reason == "NotJson" else ""
        )
        raise click.UsageError(f"--data: {error}{advice}") from None


def _extensions(given: tuple[str, ...]) -> dict[str, str]:
    from kronstream.resources.cloudevent import CloudEvent

    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name in found or name in CloudEvent.model_fields or name in FLAGS:
            raise click.UsageError(f"--extension {text[:80]!r} is none; write NAME=TEXT, with a name of its own, once")
        found[name] = value
    return found


def _text(event: dict[str, Any]) -> str:
    from kronstream.resources.cloudevent import Unreadable, of_value, write_event

    try:
        return write_event(of_value(event))
    except Unreadable as error:
        raise click.UsageError(f"{FLAGS.get(error.field, error.field or '--data')}: {error.fault}") from None


def _send(url: str, stream: str, text: str) -> None:
    from kronstream.ports import LogAway, StreamFault

    try:
        asyncio.run(_append(url, stream, text))
    except StreamFault as error:
        raise click.ClickException(str(error)) from None
    except (LogAway, Exception) as error:  # noqa: BLE001 - whatever it is, it is told in a line
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
