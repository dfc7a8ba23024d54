"""An event on the command line: the options that say what it is, and the event that they make."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kronstream.cli.client.exits import Exit, Failure

if TYPE_CHECKING:
    from kronstream.domain.event import Event

Command = TypeVar("Command", bound=Callable[..., Any])

FLAGS = {
    "id": "--id",
    "source": "--source",
    "type": "TYPE",
    "subject": "--subject",
    "platformid": "--platform",
    "namespace": "-n",
    "traceid": "--trace",
    "data": "--data",
}

WHOSE = "Namespace whose EventHandlers alone see it.  [default those of every namespace]"
EVERYWHERE = "it is needed in every namespace; with -n NAMESPACE, in that one"


def event_options(source: str) -> Callable[[Command], Command]:
    """Decorator that gives a command TYPE and the options of an event, whose source is ``source`` if none is said."""
    options = (
        click.argument("event_type", metavar="TYPE"),
        click.option(
            "--data", metavar="JSON|@FILE|-", help="The data, or the file that it is in (- is standard input)."
        ),
        click.option("--source", default=source, show_default=True, help="Where it happened, a URI reference."),
        click.option("--subject", help="What it happened to."),
        click.option("--platform", help="Platform whose EventHandlers see it, beside the global ones."),
        click.option("--trace", help="Trace that it belongs to."),
        click.option(
            "--id", "event_id",
            help="Its id: the same id of the same source is the same event.  [default a new one]",
        ),
        click.option(
            "--extension", "extensions", multiple=True, metavar="NAME=TEXT", help="A further attribute; repeatable."
        ),
    )  # fmt: skip

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@contextmanager
def advised(namespace: str | None) -> Iterator[None]:
    """Tells who lacks a right that an event of one namespace takes less."""
    try:
        yield
    except Failure as failure:
        if namespace or failure.exit_code is not Exit.DENIED or "lacks the right" not in failure.message:
            raise
        raise Failure(Exit.DENIED, f"{failure.message}; {EVERYWHERE}") from None


def event_from(event_type: str, event_id: str | None, about: dict[str, Any]) -> Event:
    """The event that the options say, with `namespace` among them; what is none is a usage error (exit 2)."""
    from kronstream.resources.cloudevent import Unreadable, of_value, write_event

    value = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()) if event_id is None else event_id,
        "type": event_type,
        "source": about["source"],
        **_extensions(about["extensions"]),
        **_given(about),
    }
    try:
        event = of_value(value)
        write_event(event)  # whether it is too large
    except Unreadable as error:
        raise click.UsageError(f"{FLAGS.get(error.field, error.field or '--data')}: {error.fault}") from None
    return event


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
