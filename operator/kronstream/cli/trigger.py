"""`kronstream trigger`: an event by hand, and what each EventHandler made of it."""

from __future__ import annotations

import json
from typing import Any

import click

from kronstream.cli.client.door import Place, at_place, reached
from kronstream.cli.client.options import output_option
from kronstream.cli.columns import kept_name
from kronstream.cli.eventargs import WHOSE, advised, event_from, event_options
from kronstream.cli.printing import Column, Row, print_rows, print_value

# what the body calls the attributes that have a name of their own there
NAMES = {
    "type": "event_name",
    "id": "event_id",
    "source": "source",
    "subject": "subject",
    "data": "data",
    "platformid": "platform_id",
    "traceid": "trace_id",
    "namespace": "namespace",
}
LEFT_OUT = ("specversion", "time", "datacontenttype")


@click.command()
@event_options("/kronstream/trigger")
@click.option("--stream", help="The stream whose EventHandlers are meant.  [default the API's]")
@click.option("--dry-run", is_flag=True, help="Make nothing; tell what would be made.")
@output_option("table", "json", "yaml", "name")
@at_place(WHOSE)
def trigger(
    place: Place,
    event_type: str,
    event_id: str | None,
    stream: str | None,
    dry_run: bool,
    form: str,
    **about: Any,
) -> None:
    """Let an event of TYPE have its effects now, and tell what each EventHandler made of it.

    It goes through no stream, and has the same effects as if it had come by one, filters, limits and all. Those that it
    is for are told in the order in which they act; below them those that mean its type, and why they were not asked.
    """
    from kronstream.resources.cloudevent import write_event

    event = event_from(event_type, event_id, {**about, "namespace": place.namespace})
    body = body_of(json.loads(write_event(event)))
    if stream is not None:
        body["stream"] = stream
    with reached(place) as api, advised(place.namespace):
        told = api.post("/events/trigger", body, {"dry_run": True} if dry_run else None, about=event_type)
    if form in ("json", "yaml"):
        print_value(told, form)
        return
    matched = told["matched"]
    rows = matched if form == "name" else [*matched, *told["apart"]]
    if rows:
        print_rows(rows, COLUMNS, form, kept_name, "")
    click.echo(
        f"event {event.id}: {len(matched)} handler{'' if len(matched) == 1 else 's'} of {event.type}"
        f"{'; nothing was made (dry run)' if dry_run else ''}",
        err=True,
    )


def body_of(event: dict[str, Any]) -> dict[str, Any]:
    """An event in the words of the API's body."""
    body = {NAMES[name]: value for name, value in event.items() if name in NAMES}
    further = {name: value for name, value in event.items() if name not in NAMES and name not in LEFT_OUT}
    return {**body, "extensions": further} if further else body


def _made(row: Row) -> str | None:
    if row["execution_id"]:
        return f"run {row['execution_id']}"
    return f"job {row['job']}" if row["job"] else None


COLUMNS = (
    Column("HANDLER", kept_name),
    Column("PRIORITY", lambda row: row["priority"]),
    Column("ACTION", lambda row: row["action"]),
    Column("OUTCOME", lambda row: f"{row['outcome']} before" if row["before"] else row["outcome"]),
    Column("MADE", _made, whole=True),
    Column("WHY", lambda row: row["why"], whole=True),
)
